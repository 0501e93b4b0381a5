"""`inn8 export` writes every row exactly, as CSV and Parquet, and `inn8 dbt sources` describes the views for dbt."""

import csv
import io
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
import yaml
from click.testing import CliRunner
from pyarrow import parquet

from inn8_pipeline.cli import main
from inn8_pipeline.sandbox.world.world import World
from inn8_pipeline.warehouse.queries import exports
from inn8_pipeline.warehouse.schema.views import views
from inn8_pipeline_tests.cli.conftest import Place
from inn8_pipeline_tests.worlds import world_of_today


@pytest.fixture
def world() -> Iterator[World]:
    with world_of_today(clients=5, portfolios=5, transactions=300, days=5) as made:
        yield made


@pytest.mark.slow
def test_the_rows_of_a_view_are_exported_exactly(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "BATCH", 50)
    assert place.terminal.run("sync").returncode == 0
    engine = sqlalchemy.create_engine(place.warehouse_url)
    with engine.connect() as connection:
        query = "select * from inn8.transaction_details order by id"
        rows = [dict(row) for row in connection.exec_driver_sql(query).mappings()]
    engine.dispose()
    assert len(rows) > 100
    lines = csv.DictReader(io.StringIO(place.terminal.ask("export", "transactions").stdout))
    assert [(line["external_id"], Decimal(line["amount"])) for line in lines] == [
        (row["external_id"], row["amount"]) for row in rows
    ]
    file = tmp_path / "transactions.parquet"
    written = place.terminal.ask("export", "transaction", "--format", "parquet", "--output", str(file))
    assert written.stderr == f"{len(rows)} rows were written to {file}.\n"
    assert parquet.read_table(file).to_pylist() == rows
    before = place.terminal.ask("export", "clients", "--as-of", "2020-01-01").stdout
    assert (before.count("\n"), before.startswith("tenant_id,id,external_id,name,")) == (1, True)
    assert place.terminal.ask("export", "clients", "--as-of", "2126-01-01").stdout.count("\n") == 6


def test_parquet_needs_a_file_and_csv_none() -> None:
    for arguments in (["--format", "parquet"], ["--output", "x.csv"]):
        assert CliRunner().invoke(main, ["export", "clients", *arguments]).exit_code == 2


def test_the_sources_of_dbt_have_all_views_with_descriptions_tests_and_freshness() -> None:
    printed = CliRunner().invoke(main, ["dbt", "sources"], env={"INN8_TICK_MINUTES": "15"}).stdout
    sources: dict[str, Any] = {each["name"]: each for each in yaml.safe_load(printed)["sources"]}
    found = {
        f"{schema}.{table['name']}": {column["name"]: column["description"] for column in table["columns"]}
        for schema, source in sources.items()
        for table in source["tables"]
    }
    assert found == {view.name: view.columns for view in views()}
    tables = {table["name"]: table for table in sources["inn8"]["tables"]}
    portfolios = tables["portfolio_details"]
    assert portfolios["loaded_at_field"] == "last_synced_at"
    assert portfolios["freshness"]["warn_after"] == {"count": 35, "period": "minute"}
    tests = {column["name"]: column.get("data_tests", []) for column in portfolios["columns"]}
    assert (tests["id"], tests["client_id"], tests["account_number"]) == (["not_null", "unique"], ["not_null"], [])
    (values,) = [each["accepted_values"]["arguments"]["values"] for each in tests["status"] if isinstance(each, dict)]
    assert values == ["active", "pending", "suspended", "closed", "unknown"]
