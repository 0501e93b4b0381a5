"""Whole runs of all three entities: their rows, what a repeated sync leaves unchanged, and servers that differ."""

from typing import Any

from inn8_pipeline.entities import CLIENTS, TRANSACTIONS, Window
from inn8_pipeline_tests.defs import expected_rows
from inn8_pipeline_tests.defs.pipelines import KEYS, Pipeline

TABLES = ("clients", "portfolios", "securities", "transactions", "rejected_records")


def versions(pipeline: Pipeline) -> dict[str, list[Any]]:
    """Return the version and the location of each row, which every write changes, even one of the same values."""
    return {
        table: pipeline.rows(f"select id, xmin::text, ctid::text, updated_at from inn8.{table} order by id")
        for table in TABLES[:-1]
    } | {"rejected_records": pipeline.rows("select id, resolved_at from inn8.rejected_records order by id")}


def test_a_whole_sync_makes_the_tables_equal_to_the_data_of_inn8(pipeline: Pipeline) -> None:
    runs = pipeline.run_all()
    assert all(run.success for run in runs.values())
    assert expected_rows.tables(pipeline) == expected_rows.of(pipeline.world)
    assert {row.tenant_id for table in TABLES[:-1] for row in pipeline.rows(f"select * from inn8.{table}")} == {"t1"}
    assert pipeline.metadata(runs[CLIENTS], "clients")["dagster/row_count"] == 25


def test_a_second_sync_at_once_finds_all_unchanged_and_rewrites_nothing(pipeline: Pipeline) -> None:
    pipeline.run_all()
    before, pages = versions(pipeline), pipeline.rows("select sha256, xmin::text from inn8_raw.pages order by 1")
    for entity, run in pipeline.run_all().items():
        counts = pipeline.entry(entity, run.run_id).metadata
        assert counts["unchanged"] == counts["record_count"] == pipeline.world.count(str(entity))  # type: ignore[arg-type]
        events = run.get_asset_materialization_events()
        assert next(e.materialization.metadata["is_repeat"].value for e in events if e.asset_key == KEYS.key(entity))
    assert versions(pipeline) == before
    assert pipeline.rows("select sha256, xmin::text from inn8_raw.pages order by 1") == pages


def test_a_server_in_pascal_case_without_paging_and_windows_makes_the_same_rows(pipeline: Pipeline) -> None:
    habits = pipeline.server.options
    habits.pascal, habits.paging, habits.windows = True, False, False
    assert all(run.success for run in pipeline.run_all().values())
    assert expected_rows.tables(pipeline) == expected_rows.of(pipeline.world)


def test_windows_whose_ends_the_server_excludes_lose_no_row_and_mark_none_as_missing(pipeline: Pipeline) -> None:
    pipeline.run_all()
    pipeline.server.options.exclusive_windows = True
    for day in pipeline.window.days():
        pipeline.change("update inn8.transactions set description = 'overwritten by hand' where id % 5 = 0")
        run = pipeline.run(TRANSACTIONS, window=Window(day, day))
        entry = pipeline.entry(TRANSACTIONS, run.run_id).metadata
        assert (entry["missing"], entry["updated"] > 0) == (0, True)
    pipeline.run(TRANSACTIONS)
    assert expected_rows.tables(pipeline) == expected_rows.of(pipeline.world)


def test_a_table_is_rebuilt_from_the_last_landing_without_a_call_to_inn8(pipeline: Pipeline) -> None:
    pipeline.run(CLIENTS)
    pipeline.change("update inn8.clients set name = 'overwritten by hand'")
    pipeline.server.stats.reset()
    rebuilt = pipeline.run(CLIENTS, only=["clients"])
    assert pipeline.entry(CLIENTS, rebuilt.run_id).metadata["updated"] == 25
    assert expected_rows.tables(pipeline)["clients"] == expected_rows.of(pipeline.world)["clients"]
    assert pipeline.server.stats.requests.total() == 0
