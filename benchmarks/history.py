"""`python -m benchmarks.history`: what the history costs a change, and how quickly a reader finds the past.

Measured in Postgres alone: the triggers run in the statement that changes the rows, whoever changes them. The results
are in docs/scale.md.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from benchmarks.measure import wal_position
from inn8_pipeline.sandbox.postgres.embedded import EmbeddedPostgres
from inn8_pipeline.warehouse.database import connect
from inn8_pipeline.warehouse.schema import access, migrations

DATABASE: Final = "history"
READER: Final = "history_reader"
ROUNDS: Final = 5
ASKED: Final = 200
FILL: Final = (
    """insert into inn8.clients (tenant_id, external_id, name, phone, address, status, as_of_at, valid_from)
       select 'default', 'C-' || n, 'Name ' || n, '082 555 0134', 'Street ' || n, 'active', now(), '2026-01-01'
         from generate_series(1, %(rows)s / 50) n""",
    """insert into inn8.portfolios (tenant_id, external_id, client_id, name, account_type, status, as_of_at, valid_from)
       select 'default', 'P-' || n, c.id, 'Portfolio ' || n, 'individual', 'active', now(), '2026-01-01'
         from generate_series(1, %(rows)s / 25) n join inn8.clients c on c.external_id = 'C-' || (n + 1) / 2""",
    """insert into inn8.transactions (tenant_id, external_id, portfolio_id, transaction_type, trade_date, quantity,
              price, amount, fees, currency, description, as_of_at, valid_from)
       select 'default', 'T-' || n, p.id, 'buy', date '2025-01-01' + (n / 100) %% 700, n, 1.5, n * 1.5, 0.25, 'ZAR',
              'Monthly debit order ' || n, now(), '2026-01-01'
         from generate_series(1, %(rows)s) n
         join inn8.portfolios p on p.external_id = 'P-' || (n %% (%(rows)s / 25) + 1)""",
    "vacuum analyze",
)
CHANGE: Final = "update inn8.transactions set amount = amount + 1, updated_at = now() where {}"
SHARES: Final = {"1 %": "id % 100 = 7", "100 %": "true"}
PAST: Final = {
    "a client by id": (
        "select * from inn8.clients_as_of(%(at)s) where tenant_id = 'default' and external_id = 'C-' || %(n)s"
    ),
    "a portfolio by id": (
        "select * from inn8.portfolios_as_of(%(at)s) where tenant_id = 'default' and external_id = 'P-' || %(n)s"
    ),
    "the portfolios of a client": (
        "select * from inn8.portfolios_as_of(%(at)s) where tenant_id = 'default' and client_external_id = 'C-' || %(n)s"
    ),
    "a transaction by id": (
        "select * from inn8.transactions_as_of(%(at)s) where tenant_id = 'default' and external_id = 'T-' || %(n)s"
    ),
    "the transactions of a portfolio": (
        "select * from inn8.transactions_as_of(%(at)s)"
        " where tenant_id = 'default' and portfolio_external_id = 'P-' || %(n)s"
    ),
}


def main() -> None:
    """Measure everything, and print Markdown tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.history")
    parser.add_argument("--changed-rows", type=int, default=100_000, help="transactions to change; 0: not measured")
    parser.add_argument("--rows", type=int, default=1_000_000, help="transactions, for the reads of the past")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="inn8-history-") as folder, EmbeddedPostgres(Path(folder)) as server:
        for measure, rows in ((_changes, given.changed_rows), (_reads, given.rows)):
            if not rows:
                continue
            server.ensure_database(DATABASE)
            engine = connect(server.url(DATABASE))
            migrations.upgrade(engine)
            conninfo = f"host={server.socket_folder} user=postgres dbname={DATABASE}"
            with psycopg.connect(conninfo, autocommit=True) as connection:
                for statement in FILL:
                    parameters = {"rows": rows} if "%(" in statement else None
                    connection.execute(statement.encode(), parameters)
                if measure is _reads:
                    connection.execute(sql.SQL("create role {} login").format(sql.Identifier(READER)))
                    access.grant_reader(engine, READER, "default")
                for line in measure(connection, conninfo, rows):
                    print(line, flush=True)  # noqa: T201 (the output of the benchmark)
            server.drop_database(DATABASE)


def _changes(connection: "psycopg.Connection[tuple[object, ...]]", _conninfo: str, rows: int) -> Iterator[str]:
    """Yield the cost of an update with the triggers and without, in turns; each is rolled back."""
    yield f"| changed of {rows:,} rows | without history | with history | WAL without | WAL with |"
    yield "|---|---|---|---|---|"
    for share, condition in SHARES.items():
        costs: dict[bool, list[tuple[float, int]]] = {False: [], True: []}
        for _ in range(ROUNDS):
            for has_history, found in costs.items():
                found.append(_change(connection, condition, has_history=has_history))
        seconds = {each: min(second for second, _ in found) for each, found in costs.items()}
        wal = {each: statistics.median(size for _, size in found) / 2**20 for each, found in costs.items()}
        yield (
            f"| {share} | {seconds[False]:.2f} s | {seconds[True]:.2f} s | {wal[False]:.1f} MiB | {wal[True]:.1f} MiB |"
        )


def _change(
    connection: "psycopg.Connection[tuple[object, ...]]", condition: str, *, has_history: bool
) -> tuple[float, int]:
    connection.execute("vacuum inn8.transactions, inn8_history.transactions")
    connection.execute("checkpoint")
    with connection.transaction(force_rollback=True):
        if not has_history:
            connection.execute("alter table inn8.transactions disable trigger user")
        position = wal_position(connection)
        began = time.perf_counter()
        connection.execute(CHANGE.format(condition).encode())
        return time.perf_counter() - began, wal_position(connection) - position


def _reads(connection: "psycopg.Connection[tuple[object, ...]]", conninfo: str, rows: int) -> Iterator[str]:
    """Yield the times of a reader's queries, after every row has had a second version, and a tenth of them a third."""
    for table in ("clients", "portfolios", "transactions"):
        for condition in ("true", "id % 10 = 3"):
            connection.execute(f"update inn8.{table} set status = 'closed' where {condition}".encode()
                               if table != "transactions" else CHANGE.format(condition).encode())  # fmt: skip
    connection.execute("vacuum analyze")
    found = connection.execute("select count(*) from inn8_history.transactions").fetchone()
    past = found and found[0]
    yield f"| as of an instant, {rows:,} transactions, {past:,} past versions | median | 99th percentile |"
    yield "|---|---|---|"
    as_reader = conninfo.replace("user=postgres", f"user={READER}")
    with psycopg.connect(as_reader, autocommit=True) as reader:
        for name, query in PAST.items():
            times = [_ask(reader, query, 1 + number * 37 % (rows // 50)) for number in range(ASKED + 1)][1:]
            plan = "\n".join(str(line) for (line,) in reader.execute(f"explain {query}".encode(), _known(1)))
            large = [each for each in ("clients", "portfolios", "transactions") if f"Seq Scan on {each}" in plan]
            note = f" (reads all {', '.join(large)})" if large else ""
            yield f"| {name}{note} | {statistics.median(times):.2f} ms | {sorted(times)[int(ASKED * 0.99)]:.2f} ms |"
            if large:
                yield plan


def _ask(reader: "psycopg.Connection[tuple[object, ...]]", query: str, number: int) -> float:
    began = time.perf_counter()
    rows = reader.execute(query.encode(), _known(number)).fetchall()
    if not rows:
        message = f"no row was found: {query}"
        raise RuntimeError(message)
    return (time.perf_counter() - began) * 1000


def _known(number: int) -> dict[str, object]:
    return {"at": "2026-02-01T00:00:00+00:00", "n": str(number)}


if __name__ == "__main__":
    main()
