"""Builders of one valid record of each entity, and helpers that transform records and return the result."""

import json
from collections.abc import Callable
from datetime import date
from typing import Any

from inn8_pipeline.entities import CLIENTS, PORTFOLIOS, TRANSACTIONS, Entity, Reject
from inn8_pipeline.transform.batch import Batch
from inn8_pipeline.transform.transformer import Transformer

Record = dict[str, Any]


def client(**changes: object) -> Record:
    return {
        "id": "C-1",
        "fullName": "Thandi Nkosi",
        "emailAddress": "thandi@example.com",
        "phoneNumber": "082 555 0134",
        "address": {"street": "1 Long Street", "city": "Cape Town", "state": "WC", "zipCode": "8001"},
        "status": "active",
        **changes,
    }


def portfolio(**changes: object) -> Record:
    return {
        "id": "P-1",
        "clientId": "C-1",
        "name": "Retirement",
        "accountNumber": "000123",
        "type": "living_annuity",
        "status": "active",
        **changes,
    }


def security(**changes: object) -> Record:
    return {
        "id": "S-1",
        "symbol": "AGBF",
        "name": "Balanced Fund",
        "isin": "ZAE000000001",
        "type": "unit_trust",
        "currency": "ZAR",
        **changes,
    }


def transaction(**changes: object) -> Record:
    return {
        "id": "T-1",
        "portfolioId": "P-1",
        "type": "buy",
        "security": security(),
        "tradeDate": "2026-10-05",
        "settlementDate": "2026-10-08",
        "quantity": 12.5,
        "price": "101.25",
        "amount": 1265.625,
        "fees": 0,
        "currency": "ZAR",
        "description": "Debit order",
        **changes,
    }


VALID: dict[Entity, Callable[..., Record]] = {
    CLIENTS: client,
    PORTFOLIOS: portfolio,
    TRANSACTIONS: transaction,
}


def body(*records: object) -> bytes:
    return json.dumps(records, ensure_ascii=False, separators=(",", ":")).encode()


def without(record: Record, *names: str) -> Record:
    return {name: value for name, value in record.items() if name not in names}


def read(entity: Entity, *records: object, is_inside: Callable[[date], bool] | None = None) -> Batch:
    """Return the result of transforming one page, after checking that it accounts for every record."""
    return read_text(entity, body(*records), len(records), is_inside)


def read_text(entity: Entity, text: bytes, count: int, is_inside: Callable[[date], bool] | None = None) -> Batch:
    batch = Transformer(entity, is_inside).page(text, first_ordinal=0)
    assert batch.records == count
    return batch


def row(batch: Batch) -> Record:
    """Return the only row, after checking that nothing was rejected."""
    assert batch.rejects == ()
    (only,) = rows(batch)
    return only


def rows(batch: Batch) -> list[Record]:
    return records_of(batch.rows)


def records_of(frame: Any) -> list[Record]:  # noqa: ANN401 (pandas has no types)
    """Return the rows of a DataFrame as Python values: None for null, Decimal for decimals."""
    columns = {name: frame[name].array.__arrow_array__().to_pylist() for name in frame.columns}
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def reject(batch: Batch) -> Reject:
    """Return the only reject, after checking that there is no row."""
    assert len(batch.rows) == 0
    (only,) = batch.rejects
    return only


def with_raw(record: Record, name: str, raw: str) -> bytes:
    """Return a page of the record in which the value of `name` is this JSON text, which json.dumps could not write."""
    marked = body({**record, name: "\ue000"})
    return marked.replace('"\ue000"'.encode(), raw.encode("utf-8"))
