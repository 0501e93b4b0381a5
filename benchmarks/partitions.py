"""`python -m benchmarks.partitions`: what a table of transactions partitioned by year would bring, for docs/scale.md.

Two copies of `inn8.transactions` with the same rows: one table as it is, and one partitioned by the year of the day of
trade. Each measurement is made of both in turns, so that other work on the machine slows both alike. A unique
constraint of a partitioned table must contain the day, so its external ids are not unique.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import psycopg

from benchmarks.measure import wal_position
from inn8_pipeline.sandbox.postgres.embedded import EmbeddedPostgres
from inn8_pipeline.warehouse.database import connect
from inn8_pipeline.warehouse.schema import migrations

YEARS: Final = 10
FIRST_YEAR: Final = 2017
ASKED: Final = 200
PORTFOLIO_SHARE: Final = 25
TABLES: Final = {"one table": "plain", "by year": "yearly"}
CREATE: Final = (
    "create schema measured",
    "create table measured.plain (like inn8.transactions including all excluding indexes)",
    (
        "create table measured.yearly (like inn8.transactions including all excluding indexes)"
        " partition by range (trade_date)"
    ),
    *(
        f"create table measured.yearly_{year} partition of measured.yearly"
        f" for values from ('{year}-01-01') to ('{year + 1}-01-01')"
        for year in range(FIRST_YEAR, FIRST_YEAR + YEARS)
    ),
)
FILL: Final = """
insert into measured.{table} (id, tenant_id, external_id, portfolio_id, transaction_type, trade_date, quantity, price,
       amount, fees, currency, description, as_of_at, valid_from, record_digest)
overriding system value
select n, 'default', 'TX-' || n, 1 + n * 7919 % ({rows} / {share}), 'buy',
       date '{first}-01-01' + (n * {days} / ({rows} + 1))::int, n, 1.5, n * 1.5, 0.25, 'ZAR',
       'Monthly debit order ' || n, now(), now(), decode(md5(n::text), 'hex')
  from generate_series(1, {rows}::bigint) n
"""
INDEXES: Final = {
    "plain": (
        "alter table measured.plain add primary key (tenant_id, id)",
        "alter table measured.plain add unique (tenant_id, external_id)",
    ),
    "yearly": (
        "alter table measured.yearly add primary key (tenant_id, id, trade_date)",
        "create index on measured.yearly (tenant_id, external_id)",
    ),
}
ALIKE: Final = (
    "create index on measured.{table} (tenant_id, portfolio_id, trade_date)",
    "create index on measured.{table} (tenant_id, trade_date)",
)
QUERIES: Final = {
    "a transaction by id": "tenant_id = 'default' and external_id = 'TX-' || {n}",
    "a transaction by id and day": (
        "tenant_id = 'default' and external_id = 'TX-' || {n}"
        " and trade_date = date '{first}-01-01' + ({n}::bigint * {days} / ({rows} + 1))::int"
    ),
    "all transactions of a portfolio": "tenant_id = 'default' and portfolio_id = 1 + {n} % ({rows} / {share})",
    "a portfolio's transactions of a month": (
        "tenant_id = 'default' and portfolio_id = 1 + {n} % ({rows} / {share})"
        " and trade_date between date '{first}-01-01' + {n} % 3600 and date '{first}-01-01' + {n} % 3600 + 30"
    ),
}
COMPARE: Final = """
select count(*) from (select 'TX-' || n as external_id from generate_series({rows} - {day} * 31, {rows}) n) s
  join measured.{table} t on t.tenant_id = 'default' and t.external_id = s.external_id
"""
CHANGE: Final = (
    "update measured.{table} set amount = amount + 1 where tenant_id = 'default' and trade_date >= '{since}'"
)


def main() -> None:
    """Measure everything, and print a Markdown table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.partitions")
    parser.add_argument("--rows", type=int, default=20_000_000)
    rows = parser.parse_args().rows
    with (
        tempfile.TemporaryDirectory(prefix="inn8-partitions-") as folder,
        EmbeddedPostgres(Path(folder)) as server,
    ):
        server.ensure_database("partitions")
        migrations.upgrade(connect(server.url("partitions")))
        conninfo = f"host={server.socket_folder} user=postgres dbname=partitions"
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute("set maintenance_work_mem = '1GB'")
            for statement in CREATE:
                connection.execute(statement.encode())
            print(f"| {rows:,} transactions of {YEARS} years |", *(f"{name} |" for name in TABLES))  # noqa: T201
            print("|---|---|---|")  # noqa: T201
            measured = [_measure(connection, table, rows) for table in TABLES.values()]
            for (name, first), (_, second) in zip(*measured, strict=True):
                print(f"| {name} | {first} | {second} |", flush=True)  # noqa: T201


def _measure(connection: "psycopg.Connection[tuple[object, ...]]", table: str, rows: int) -> Iterator[tuple[str, str]]:
    names = {
        "table": table, "rows": rows, "first": FIRST_YEAR, "days": YEARS * 365, "share": PORTFOLIO_SHARE,
        "day": rows // (YEARS * 365), "since": f"{FIRST_YEAR + YEARS - 1}-12-01",
    }  # fmt: skip

    def run(statement: str) -> float:
        began = time.perf_counter()
        connection.execute(statement.format(**names).encode())
        return time.perf_counter() - began

    run(FILL)
    yield "its indexes, built", f"{sum(map(run, (*INDEXES[table], *ALIKE))):.0f} s"
    run("vacuum (analyze) measured.{table}")
    size = (
        "select sum(pg_total_relation_size(oid)) / 1e9 from pg_class"
        " where relnamespace = 'measured'::regnamespace and relkind = 'r' and relname like '{table}%'"
    )
    found = connection.execute(size.format(**names).encode()).fetchone()
    yield "size with indexes", f"{found[0] if found else 0:.1f} GB"
    for name, condition in QUERIES.items():
        # The first pass fills the cache as far as it suffices; the second one is timed.
        _, times = (
            [_ask(connection, condition, number * 99_991 % rows, names) for number in range(1, ASKED + 1)]
            for _ in range(2)
        )
        yield name, f"{statistics.median(times):.2f} ms (99 %: {sorted(times)[int(ASKED * 0.99)]:.2f} ms)"
    yield "a month's rows compared by id", f"{min(run(COMPARE) for _ in range(3)):.2f} s"
    yield "a month's rows updated", _updates(connection, run)
    parts = [table] if table == "plain" else [f"{table}_{FIRST_YEAR + YEARS - 1}"]
    yield "vacuum afterwards", _vacuum(connection, parts)


def _updates(connection: "psycopg.Connection[tuple[object, ...]]", run: Callable[[str], float]) -> str:
    connection.execute("checkpoint")
    position = wal_position(connection)
    seconds = run(CHANGE)
    return f"{seconds:.1f} s, {(wal_position(connection) - position) / 1e6:.0f} MB of WAL"


def _vacuum(connection: "psycopg.Connection[tuple[object, ...]]", tables: Sequence[str]) -> str:
    began = time.perf_counter()
    for table in tables:
        # Without it, Postgres skips the indexes where few rows are dead, and leaves their work for later.
        connection.execute(f"vacuum (index_cleanup on) measured.{table}".encode())
    return f"{time.perf_counter() - began:.1f} s"


def _ask(
    connection: "psycopg.Connection[tuple[object, ...]]", condition: str, number: int, names: dict[str, object]
) -> float:
    query = f"select * from measured.{{table}} where {condition}".format(**names, n=number)
    began = time.perf_counter()
    connection.execute(query.encode()).fetchall()
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    main()
