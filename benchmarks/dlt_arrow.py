"""Load the same collections with dlt from Arrow tables made by hand: the strongest program that a user can write.

    python dlt_arrow.py PIPELINES_FOLDER SOCKET_FOLDER DATABASE FROM_DATE TO_DATE

Pages are fetched concurrently, and decoded and transformed as by the bare script. dlt merges the tables by key.
"""

import os
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import dlt
import httpx
import msgspec
import pyarrow as pa

from benchmarks import floor

MERGE = {"disposition": "merge", "strategy": "upsert", "skip_unchanged_rows": True}
JOINED = 20
"""Pages in one Arrow table: dlt writes a file for each."""


def tables(http: httpx.Client, name: str, window: dict[str, str]) -> Iterator[Any]:
    """Yield the Arrow tables of a collection, and after the transactions one of their securities."""
    kind: Any = {"clients": floor.Client, "portfolios": floor.Portfolio, "transactions": floor.Transaction}[name]
    make: Any = {"clients": floor.of_clients, "portfolios": floor.of_portfolios, "transactions": floor.of_transactions}
    securities: dict[str, floor.Security] = {}
    waiting: list[pa.Table] = []
    for body in floor.pages(http, f"/{name}", window):
        records = msgspec.json.decode(body, type=list[kind])
        waiting.append(make[name](records))
        if name == "transactions":
            securities |= {each.security.id: each.security for each in records if each.security}
        if len(waiting) == JOINED:
            yield pa.concat_tables(waiting)
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting)
    if securities:
        rows = [msgspec.to_builtins(each) for each in securities.values()]
        found = pa.Table.from_pylist(rows).rename_columns({"id": "external_id"})
        yield dlt.mark.with_table_name(found, "securities")


def main(pipelines: str, host: str, database: str, from_date: str, to_date: str) -> None:
    """Extract, normalize and load once."""
    # libpq takes the folder of the socket from the query; dlt requires a host all the same.
    credentials = f"postgresql://postgres:none@localhost:5432/{database}?host={quote(host, safe='')}"
    pipeline = dlt.pipeline(
        "inn8", pipelines_dir=pipelines, dataset_name="inn8", destination=dlt.destinations.postgres(credentials)
    )
    with httpx.Client(base_url=os.environ["INN8_BASE_URL"]) as http:
        floor.authorize(http)
        resources = [
            dlt.resource(
                tables(http, name, {"fromDate": from_date, "toDate": to_date} if name == "transactions" else {}),
                name=name, primary_key="external_id", write_disposition=MERGE,
            )
            for name in ("clients", "portfolios", "transactions")
        ]  # fmt: skip
        pipeline.run(resources, loader_file_format="csv").raise_on_failed_jobs()


if __name__ == "__main__":
    main(*sys.argv[1:])
