"""The run of a killed process is found, ended and logged; a run that is alive is not."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from inn8_pipeline.defs.sync_log import killed_runs
from inn8_pipeline_tests.cli.conftest import Place
from inn8_pipeline_tests.daemons import LONG, configure, until

LONG_AGO = "2026-01-01T00:00:00+00:00"


@pytest.fixture
def instance(place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """Yield the instance of the terminal's syncs."""
    home = place.terminal.variables["XDG_DATA_HOME"] + "/dagster"
    for name in ("DAGSTER_POSTGRES_URL", "INN8_DATABASE_URL", "INN8_TENANT_ID"):
        monkeypatch.setenv(name, place.terminal.variables[name])
    Path(home).mkdir()
    configure(Path(home))
    with dg.DagsterInstance.from_config(home) as opened:
        yield opened


@pytest.mark.slow
def test_a_run_whose_process_was_killed_is_ended_and_logged_and_one_that_lives_is_not(
    place: Place, instance: dg.DagsterInstance
) -> None:
    terminal = place.terminal.but(DAGSTER_HOME=place.terminal.variables["XDG_DATA_HOME"] + "/dagster")
    place.server.faults.add("delay", "clients", seconds=LONG, times=None)
    with terminal.start("sync", "clients") as process:
        until(lambda: place.server.stats.requests["/clients"])
        (run,) = instance.get_runs()
        assert run.status is dg.DagsterRunStatus.STARTED
        assert killed_runs.end_dead_runs(instance, {run.run_id: LONG_AGO}) == ({}, [])
        process.send_signal(signal.SIGKILL)
        process.communicate()
    without, ended = until(lambda: _first_look(instance))
    assert (list(without), ended) == ([run.run_id], [])
    without, (message,) = killed_runs.end_dead_runs(instance, {run.run_id: LONG_AGO})
    assert without == {}
    assert f"run {run.run_id[:8]} is gone (process {process.pid} on " in message
    assert instance.get_run_by_id(run.run_id).status is dg.DagsterRunStatus.FAILURE  # type: ignore[union-attr]
    (entry,) = json.loads(terminal.ask("log", "--json").stdout)
    assert (entry["run_id"], entry["status"], entry["error_message"]) == (run.run_id, "Failed", message)


def _first_look(instance: dg.DagsterInstance) -> tuple[dict[str, str], list[str]] | None:
    """Return a look once Postgres has noticed that the process is gone."""
    found = killed_runs.end_dead_runs(instance, {})
    return found if found[0] else None
