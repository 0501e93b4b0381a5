"""Compute the rows that the tables must have from the world, without the code of the transform."""

import re
from decimal import Decimal
from typing import Any

from inn8_pipeline.sandbox.world.world import World
from inn8_pipeline_tests.defs.pipelines import Pipeline
from inn8_pipeline_tests.soak.oracle import ACCOUNT_TYPES, TRANSACTION_TYPES

Row = tuple[Any, ...]

_CLIENTS = "select external_id, name, email, phone, address, status from inn8.clients c"
_PORTFOLIOS = """
    select p.external_id, c.external_id, p.name, p.account_number, p.account_type, p.status
      from inn8.portfolios p join inn8.clients c on c.id = p.client_id
"""
_TRANSACTIONS = """
    select t.external_id, p.external_id, s.external_id, t.transaction_type, t.trade_date::text,
           t.settlement_date::text, t.quantity, t.price, t.amount, t.fees, t.currency, t.description
      from inn8.transactions t join inn8.portfolios p on p.id = t.portfolio_id
      left join inn8.securities s on s.id = t.security_id
"""


def tables(pipeline: Pipeline) -> dict[str, list[Row]]:
    """Return the rows of the tenant's tables, parents by their ids at INN8."""
    return {
        name: sorted(tuple(row) for row in pipeline.rows(query))
        for name, query in queries(pipeline.tenant.tenant_id).items()
    }


def queries(tenant_id: str) -> dict[str, str]:
    """Return the query of a tenant's rows of each table; the table's alias is its first letter."""
    selected = {"clients": _CLIENTS, "portfolios": _PORTFOLIOS, "transactions": _TRANSACTIONS}
    return {name: f"{query} where {name[0]}.tenant_id = '{tenant_id}'" for name, query in selected.items()}


def of(world: World) -> dict[str, list[Row]]:
    """Return the rows that a world without invalid records makes."""
    return {
        "clients": sorted(map(_client, world.records("clients"))),
        "portfolios": sorted(map(_portfolio, world.records("portfolios"))),
        "transactions": sorted(map(_transaction, world.records("transactions"))),
    }


def _client(record: dict[str, Any]) -> Row:
    status = _choice(record.get("status"), ("active", "inactive", "suspended"))
    phone, address = _phone(record.get("phoneNumber") or ""), _address(record.get("address") or {})
    return record["id"], record["fullName"], record.get("emailAddress"), phone, address, status


def _portfolio(record: dict[str, Any]) -> Row:
    status = _choice(record.get("status"), ("active", "pending", "suspended", "closed"))
    kind = _choice(record.get("type"), ACCOUNT_TYPES)
    return record["id"], record["clientId"], record["name"], record.get("accountNumber"), kind, status


def _transaction(record: dict[str, Any]) -> Row:
    security = record.get("security") or {}
    numbers = tuple(_number(record.get(name)) for name in ("quantity", "price", "amount", "fees"))
    dates = record["tradeDate"][:10], record["settlementDate"][:10] if record.get("settlementDate") else None
    texts = record.get("currency"), record.get("description")
    kind = _choice(record.get("type"), TRANSACTION_TYPES)
    return record["id"], record["portfolioId"], security.get("id"), kind, *dates, *numbers, *texts


def _number(value: object) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def _choice(value: str | None, known: tuple[str, ...]) -> str:
    return next((each for each in known if _squeezed(each) == _squeezed(value or "")), "unknown")


def _squeezed(text: str) -> str:
    return re.sub(r"[\s_-]", "", text).lower()


def _phone(text: str) -> str:
    digits = re.sub(r"\D", "", text)
    return f"({digits[:3]}) {digits[3:6]}-{digits[6:]}" if len(digits) == 10 else text.strip() and text


def _address(parts: dict[str, str | None]) -> str:
    street, city, state, code = ((parts.get(name) or "").strip() for name in ("street", "city", "state", "zipCode"))
    return ", ".join(part for part in (street, city, " ".join(filter(None, (state, code)))) if part)
