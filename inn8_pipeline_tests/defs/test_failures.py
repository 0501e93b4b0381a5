"""A failed sync is always logged: its run has exactly one entry, with the cause and what to do."""

from collections.abc import Callable

import pytest
from dagster._core.storage.tags import WILL_RETRY_TAG

from inn8_pipeline.defs.sync_log import failures
from inn8_pipeline.entities import CLIENTS
from inn8_pipeline_tests.defs import expected_rows
from inn8_pipeline_tests.defs.pipelines import KEYS, Pipeline

FULL = """
    create function inn8.full() returns trigger language plpgsql as
    $$ begin raise exception 'could not extend file' using errcode = 'disk_full'; end $$;
    create trigger is_full before insert or update on inn8.clients for each row execute function inn8.full()
"""
SWALLOW = """
    create function inn8.swallow() returns trigger language plpgsql as $$ begin return null; end $$;
    create trigger swallows before insert or update on inn8.clients for each row execute function inn8.swallow()
"""


def down(pipeline: Pipeline, _monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline.server.faults.add("status", "clients", status=503, times=None, retry_after="0")


def credentials(_pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INN8_CLIENT_SECRET", "another one")


def contract(pipeline: Pipeline, _monkeypatch: pytest.MonkeyPatch) -> None:
    for record in pipeline.world.records("clients"):
        pipeline.world.corrupt("clients", record["id"], fullName={"first": "and last"})


def full(pipeline: Pipeline, _monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Postgres report a full disk. A real one would need a mounted file system."""
    pipeline.change(FULL)


def read_only(pipeline: Pipeline, _monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline.change(f'alter database "{pipeline.engine.url.database}" set default_transaction_read_only = on')


def gone(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    there = pipeline.engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("INN8_DATABASE_URL", there.replace(str(pipeline.engine.url.database), "not_there"))


def swallowed(pipeline: Pipeline, _monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the merge report a row that the table does not have."""
    pipeline.change(SWALLOW)


FAILURES: dict[str, tuple[Callable[[Pipeline, pytest.MonkeyPatch], None], str]] = {
    "the API is down": (down, "INN8"),
    "the credentials are wrong": (credentials, "INN8_CLIENT_SECRET"),
    "the contract has changed": (contract, "would have been rejected"),
    "the warehouse is full": (full, "DiskFull"),
    "the warehouse is read-only": (read_only, "ReadOnlySqlTransaction"),
    "a row is lost on its way": (swallowed, "do not add up"),
    "the warehouse is gone": (gone, 'database "not_there" does not exist'),
}


@pytest.mark.parametrize("what", FAILURES)
def test_whatever_a_sync_fails_of_is_logged_once_and_changes_nothing(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(failures, "RETRY_WAITS_SECONDS", (0.01, 0.01))
    pipeline.run(CLIENTS)
    before = expected_rows.tables(pipeline)
    pipeline.world.corrupt("clients", pipeline.world.records("clients")[0]["id"], fullName="Somebody Else")
    break_it, said = FAILURES[what]
    break_it(pipeline, monkeypatch)
    run = pipeline.run(CLIENTS)
    assert not run.success
    (entry,) = pipeline.log(CLIENTS, run.run_id)
    assert (entry.status, entry.state, entry.severity) == ("Failed", "FAILED", "ERROR")
    assert said in entry.metadata["error_message"]
    assert expected_rows.tables(pipeline) == before


def test_a_run_that_died_is_to_be_started_again_and_a_sync_that_failed_is_not(pipeline: Pipeline) -> None:
    pipeline.server.faults.add("status", "clients", status=403)
    failed = pipeline.run(CLIENTS)
    job = pipeline.definitions.resolve_job_def(KEYS.job_name(CLIENTS))
    died = pipeline.instance.create_run_for_job(job)
    pipeline.instance.report_run_failed(died)
    runs = [pipeline.instance.get_run_by_id(run_id) for run_id in (failed.run_id, died.run_id)]
    assert [run and run.tags[WILL_RETRY_TAG] for run in runs] == ["false", "true"]
