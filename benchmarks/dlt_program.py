"""Load the same collections into the same Postgres with dlt's REST source; run by the Python with dlt.

    python dlt_program.py documented|quick PIPELINES_FOLDER SOCKET_FOLDER DATABASE FROM_DATE TO_DATE

`documented` is the configuration that dlt's documentation shows for an API with keys: merge by upsert. `quick` differs
in its configuration only: in the write disposition, the file format, and the variables that `contestants` sets.
"""

import os
import sys
from typing import Any
from urllib.parse import quote

import dlt
from dlt.sources.rest_api import rest_api_source

KEEP_UNCHANGED = {"skip_unchanged_rows": True}


def source(*, is_quick: bool, from_date: str, to_date: str) -> Any:  # noqa: ANN401 (dlt is not there for the types)
    """Return the three collections. Pages are fetched one after another, because dlt's paginators follow links."""
    base_url = os.environ["INN8_BASE_URL"]
    disposition = {"disposition": "merge", "strategy": "upsert", **(KEEP_UNCHANGED if is_quick else {})}
    window = {"fromDate": from_date, "toDate": to_date}
    return rest_api_source(
        {
            "client": {
                "base_url": base_url,
                "auth": {
                    "type": "oauth2_client_credentials",
                    "access_token_url": f"{base_url}/oauth/token",
                    "client_id": os.environ["INN8_CLIENT_ID"],
                    "client_secret": os.environ["INN8_CLIENT_SECRET"],
                    "access_token_request_data": {"scope": "api.read api.write"},
                },
                "paginator": "header_link",
            },
            "resource_defaults": {
                "primary_key": "id",
                "write_disposition": disposition,
                "parallelized": is_quick,
                "endpoint": {"params": {"pageSize": 1000}},
            },
            "resources": [
                "clients",
                "portfolios",
                {"name": "transactions", "endpoint": {"path": "transactions", "params": window}},
            ],
        },
        name="inn8",
    )


def main(  # noqa: PLR0913, PLR0917 (the command line, as it is)
    kind: str, pipelines: str, host: str, database: str, from_date: str, to_date: str
) -> None:  # fmt: skip
    """Extract, normalize and load once."""
    is_quick = kind == "quick"
    # libpq takes the folder of the socket from the query; dlt requires a host all the same.
    credentials = f"postgresql://postgres:none@localhost:5432/{database}?host={quote(host, safe='')}"
    pipeline = dlt.pipeline(
        "inn8", pipelines_dir=pipelines, dataset_name="inn8", destination=dlt.destinations.postgres(credentials)
    )
    options = {"loader_file_format": "csv"} if is_quick else {}
    info = pipeline.run(source(is_quick=is_quick, from_date=from_date, to_date=to_date), **options)
    info.raise_on_failed_jobs()


if __name__ == "__main__":
    main(*sys.argv[1:])
