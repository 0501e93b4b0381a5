"""One person's data after runs as a user has them: nothing of it in the warehouse or in Dagster's storage."""

import json

from inn8_pipeline.entities import ENTITIES
from inn8_pipeline_tests.defs import expected_rows
from inn8_pipeline_tests.defs.check_results import execute
from inn8_pipeline_tests.defs.conftest import NewPipeline
from inn8_pipeline_tests.defs.pipelines import Pipeline
from inn8_pipeline_tests.defs.test_erasing import erase_in_a_run, erasure_of


def everything(pipeline: Pipeline) -> str:
    """Return every row of every table of both databases, and every file that Dagster wrote."""
    tables = pipeline.rows("select schemaname || '.' || tablename from pg_tables where schemaname like 'inn8%'")
    rows = [row for (table,) in tables for (row,) in pipeline.rows(f"select t::text from {table} t")]
    return "\n".join([*rows, *pipeline.storage_text()])


def test_a_client_that_inn8_has_erased_is_erased_here_and_syncs_go_on(new_pipeline: NewPipeline) -> None:
    pipeline = new_pipeline(transactions=200)
    world = pipeline.world
    traded = world.records("transactions")[0]["portfolioId"]
    own = next(each for each in world.records("portfolios") if each["id"] == traded)
    person = next(each for each in world.records("clients") if each["id"] == own["clientId"])
    portfolios = [each for each in world.records("portfolios") if each["clientId"] == person["id"]]
    trades = [
        each for each in world.records("transactions") if each["portfolioId"] in {each["id"] for each in portfolios}
    ]
    world.corrupt("clients", person["id"], fullName=7)
    pipeline.run_all()
    world.corrupt("clients", person["id"], fullName=person["fullName"])
    pipeline.run_all()
    for collection, records in (("transactions", trades), ("portfolios", portfolios), ("clients", [person])):
        for record in records:
            world.remove(collection, record["id"])  # type: ignore[arg-type]
    override = {"allow_removals": True}
    assert all(pipeline.run(entity, config=override).success for entity in ENTITIES)

    marks = {person["id"], person["fullName"], person["emailAddress"], person["phoneNumber"]}
    marks |= {each[name] for each in portfolios for name in ("id", "accountNumber") if name in each} | {
        each["id"] for each in trades
    }
    marks |= {json.dumps(mark)[1:-1] for mark in marks}
    assert sum(mark in everything(pipeline) for mark in marks) > len(trades)
    erasure = erasure_of(pipeline, person["id"], may_be_sent=False)
    assert erase_in_a_run(pipeline, erasure).success
    erased = erasure.erased
    assert erased is not None
    assert erased.rows == {"clients": 1, "portfolios": len(portfolios), "transactions": len(trades)}
    assert erased.rejects == 1 + len(portfolios) + len(trades)
    assert all(execute(pipeline, entity)["reconciliation"].passed for entity in ENTITIES)

    for only in (False, True):
        runs = {entity: pipeline.run(entity, only=[str(entity)] if only else None) for entity in ENTITIES}
        for entity, run in runs.items():
            assert run.success
            counts = pipeline.entry(entity, run.run_id).metadata
            assert counts["unchanged"] == counts["record_count"] == world.count(str(entity))  # type: ignore[arg-type]
    assert expected_rows.tables(pipeline) == expected_rows.of(world)
    left = everything(pipeline)
    assert {mark for mark in marks if mark in left} == set()
