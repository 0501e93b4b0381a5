"""The floor: a bare script that shows the least cost of a sync. Download, msgspec to Arrow, COPY to staging, MERGE.

    python floor.py CONNINFO FROM_DATE TO_DATE

It writes into the pipeline's own tables with their keys, indexes and foreign keys, and does nothing else: it stores no
page, rejects no record, retries nothing, detects no removal and checks nothing.
"""

import io
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal

import httpx
import msgspec
import psycopg
import pyarrow as pa
import pyarrow.csv

PAGE_SIZE = 1000
PAGES_AT_A_TIME = 4
MONEY = pa.decimal128(38, 10)


class Address(msgspec.Struct):
    """The address of a client."""

    street: str | None = None
    city: str | None = None
    state: str | None = None
    zipCode: str | None = None  # noqa: N815 (as INN8 spells it)


class Client(msgspec.Struct, rename="camel"):
    """A client as INN8 sends it."""

    id: str
    full_name: str
    email_address: str | None = None
    phone_number: str | None = None
    address: Address | None = None
    status: str | None = None


class Portfolio(msgspec.Struct, rename="camel"):
    """A portfolio as INN8 sends it."""

    id: str
    client_id: str
    name: str
    account_number: str | None = None
    type: str | None = None
    status: str | None = None


class Security(msgspec.Struct):
    """The security of a transaction."""

    id: str
    symbol: str | None = None
    name: str | None = None
    isin: str | None = None
    type: str | None = None
    currency: str | None = None


class Transaction(msgspec.Struct, rename="camel"):
    """A transaction as INN8 sends it."""

    id: str
    portfolio_id: str
    trade_date: date
    type: str | None = None
    security: Security | None = None
    settlement_date: date | None = None
    quantity: Decimal | None = None
    price: Decimal | None = None
    amount: Decimal | None = None
    fees: Decimal | None = None
    currency: str | None = None
    description: str | None = None


STAGING = """
create temporary table staged_clients (external_id text, name text, email text, phone text, address text, status text);
create temporary table staged_portfolios (
  external_id text, client text, name text, account_number text, account_type text, status text);
create temporary table staged_transactions (
  external_id text, portfolio text, security text, transaction_type text, trade_date date, settlement_date date,
  quantity numeric(38, 10), price numeric(38, 10), amount numeric(38, 10), fees numeric(38, 10), currency text,
  description text);
create temporary table staged_securities (
  external_id text, symbol text, name text, isin text, security_type text, currency text);
"""

MERGES = (
    """
    merge into inn8.clients t using staged_clients s on t.tenant_id = 'default' and t.external_id = s.external_id
    when matched and (t.name, t.email, t.phone, t.address, t.status)
         is distinct from (s.name, s.email, s.phone, s.address, s.status) then
      update set name = s.name, email = s.email, phone = s.phone, address = s.address, status = s.status,
                 as_of_at = now(), updated_at = now()
    when not matched then
      insert (tenant_id, external_id, name, email, phone, address, status, as_of_at)
      values ('default', s.external_id, s.name, s.email, s.phone, s.address, s.status, now())
    """,
    """
    merge into inn8.portfolios t
    using (select s.*, c.id as client_id from staged_portfolios s
             join inn8.clients c on c.tenant_id = 'default' and c.external_id = s.client) s
       on t.tenant_id = 'default' and t.external_id = s.external_id
    when matched and (t.client_id, t.name, t.account_number, t.account_type, t.status)
         is distinct from (s.client_id, s.name, s.account_number, s.account_type, s.status) then
      update set client_id = s.client_id, name = s.name, account_number = s.account_number,
                 account_type = s.account_type, status = s.status, as_of_at = now(), updated_at = now()
    when not matched then
      insert (tenant_id, external_id, client_id, name, account_number, account_type, status, as_of_at)
      values ('default', s.external_id, s.client_id, s.name, s.account_number, s.account_type, s.status, now())
    """,
    """
    merge into inn8.securities t using (select distinct on (external_id) * from staged_securities) s
       on t.tenant_id = 'default' and t.external_id = s.external_id
    when matched and (t.symbol, t.name, t.isin, t.security_type, t.currency)
         is distinct from (s.symbol, s.name, s.isin, s.security_type, s.currency) then
      update set symbol = s.symbol, name = s.name, isin = s.isin, security_type = s.security_type,
                 currency = s.currency, as_of_at = now(), updated_at = now()
    when not matched then
      insert (tenant_id, external_id, symbol, name, isin, security_type, currency, as_of_date, as_of_at)
      values ('default', s.external_id, s.symbol, s.name, s.isin, s.security_type, s.currency, current_date, now())
    """,
    """
    merge into inn8.transactions t
    using (select s.*, p.id as portfolio_id, y.id as security_id from staged_transactions s
             join inn8.portfolios p on p.tenant_id = 'default' and p.external_id = s.portfolio
             left join inn8.securities y on y.tenant_id = 'default' and y.external_id = s.security) s
       on t.tenant_id = 'default' and t.external_id = s.external_id
    when matched and (t.portfolio_id, t.security_id, t.transaction_type, t.trade_date, t.settlement_date, t.quantity,
                      t.price, t.amount, t.fees, t.currency, t.description)
         is distinct from (s.portfolio_id, s.security_id, s.transaction_type, s.trade_date, s.settlement_date,
                           s.quantity, s.price, s.amount, s.fees, s.currency, s.description) then
      update set portfolio_id = s.portfolio_id, security_id = s.security_id, transaction_type = s.transaction_type,
                 trade_date = s.trade_date, settlement_date = s.settlement_date, quantity = s.quantity,
                 price = s.price, amount = s.amount, fees = s.fees, currency = s.currency,
                 description = s.description, as_of_at = now(), updated_at = now()
    when not matched then
      insert (tenant_id, external_id, portfolio_id, security_id, transaction_type, trade_date, settlement_date,
              quantity, price, amount, fees, currency, description, as_of_at)
      values ('default', s.external_id, s.portfolio_id, s.security_id, s.transaction_type, s.trade_date,
              s.settlement_date, s.quantity, s.price, s.amount, s.fees, s.currency, s.description, now())
    """,
)


def pages(http: httpx.Client, path: str, window: dict[str, str]) -> Iterator[bytes]:
    """Yield the bodies of a collection's pages in order; some are fetched ahead."""

    def fetch(page: int) -> httpx.Response:
        return http.get(path, params={"pageSize": PAGE_SIZE, **window, "page": page}).raise_for_status()

    first = fetch(1)
    yield first.content
    last = -(-int(first.headers["x-total-count"]) // PAGE_SIZE)
    with ThreadPoolExecutor(PAGES_AT_A_TIME) as pool:
        ahead = [pool.submit(fetch, page) for page in range(2, min(last, PAGES_AT_A_TIME + 1) + 1)]
        for page in range(2, last + 1):
            body = ahead.pop(0).result().content
            if page + PAGES_AT_A_TIME <= last:
                ahead.append(pool.submit(fetch, page + PAGES_AT_A_TIME))
            yield body


def of_clients(records: list[Client]) -> pa.Table:
    """Return the staging table's columns."""
    return pa.table(
        {
            "external_id": [r.id for r in records],
            "name": [r.full_name for r in records],
            "email": [r.email_address for r in records],
            "phone": [r.phone_number or "" for r in records],
            "address": [_address(r.address) for r in records],
            "status": [(r.status or "unknown").lower() for r in records],
        }
    )


def _address(a: Address | None) -> str:
    return f"{a.street}, {a.city}, {a.state} {a.zipCode}" if a else ""


def of_portfolios(records: list[Portfolio]) -> pa.Table:
    """Return the staging table's columns."""
    return pa.table(
        {
            "external_id": [r.id for r in records],
            "client": [r.client_id for r in records],
            "name": [r.name for r in records],
            "account_number": [r.account_number for r in records],
            "account_type": [(r.type or "unknown").lower() for r in records],
            "status": [(r.status or "unknown").lower() for r in records],
        }
    )


def of_transactions(records: list[Transaction]) -> pa.Table:
    """Return the staging table's columns."""
    return pa.table(
        {
            "external_id": [r.id for r in records],
            "portfolio": [r.portfolio_id for r in records],
            "security": pa.array([r.security.id if r.security else None for r in records], pa.string()),
            "transaction_type": [(r.type or "unknown").lower() for r in records],
            "trade_date": [r.trade_date for r in records],
            "settlement_date": pa.array([r.settlement_date for r in records], pa.date32()),
            "quantity": pa.array([r.quantity for r in records], MONEY),
            "price": pa.array([r.price for r in records], MONEY),
            "amount": pa.array([r.amount for r in records], MONEY),
            "fees": pa.array([r.fees for r in records], MONEY),
            "currency": pa.array([r.currency for r in records], pa.string()),
            "description": pa.array([r.description for r in records], pa.string()),
        }
    )


def as_csv(table: pa.Table) -> bytes:
    """Return the table as CSV for COPY: nulls are empty, texts are quoted."""
    buffer = io.BytesIO()
    pyarrow.csv.write_csv(table, buffer, pyarrow.csv.WriteOptions(include_header=False))
    return buffer.getvalue()


def main(conninfo: str, from_date: str, to_date: str) -> None:
    """Run one sync, in one transaction."""
    with psycopg.connect(conninfo) as connection, httpx.Client(base_url=os.environ["INN8_BASE_URL"]) as http:
        authorize(http)
        connection.execute(STAGING.encode())
        cursor = connection.cursor()
        with cursor.copy("copy staged_clients from stdin (format csv)") as copy:
            for body in pages(http, "/clients", {}):
                copy.write(as_csv(of_clients(msgspec.json.decode(body, type=list[Client]))))
        with cursor.copy("copy staged_portfolios from stdin (format csv)") as copy:
            for body in pages(http, "/portfolios", {}):
                copy.write(as_csv(of_portfolios(msgspec.json.decode(body, type=list[Portfolio]))))
        securities: dict[str, Security] = {}
        with cursor.copy("copy staged_transactions from stdin (format csv)") as copy:
            for body in pages(http, "/transactions", {"fromDate": from_date, "toDate": to_date}):
                records = msgspec.json.decode(body, type=list[Transaction])
                securities |= {r.security.id: r.security for r in records if r.security}
                copy.write(as_csv(of_transactions(records)))
        with cursor.copy("copy staged_securities from stdin") as copy:
            for each in securities.values():
                copy.write_row((each.id, each.symbol, each.name, each.isin, each.type, each.currency))
        for name in ("clients", "portfolios", "transactions", "securities"):
            cursor.execute(f"analyze staged_{name}".encode())
        for merge in MERGES:
            # Without statistics of the new rows the planner would read all parents for each transaction.
            cursor.execute("analyze inn8.clients, inn8.portfolios, inn8.securities")
            cursor.execute(merge.encode())


def authorize(http: httpx.Client) -> None:
    """Fetch a token, and use it for all further requests."""
    form = {
        "grant_type": "client_credentials",
        "client_id": os.environ["INN8_CLIENT_ID"],
        "client_secret": os.environ["INN8_CLIENT_SECRET"],
        "scope": "api.read api.write",
    }
    answer = http.post("/oauth/token", data=form).raise_for_status()
    http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"


if __name__ == "__main__":
    main(*sys.argv[1:])
