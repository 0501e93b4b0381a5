"""If a sync or a backfill breaks off, its message has commands that continue it."""

import shlex
from collections.abc import Callable
from datetime import date

import pytest
from rich.progress import Progress

from inn8_pipeline.cli import main
from inn8_pipeline.cli.instance.runs import PlannedRun, plan
from inn8_pipeline.cli.support import sync_runs
from inn8_pipeline.defs.names import Tenant
from inn8_pipeline.defs.runs.progress import StepProgress
from inn8_pipeline.entities import CLIENTS, TRANSACTIONS, Window
from inn8_pipeline.settings import Environment
from inn8_pipeline.warehouse.merge.results import Status
from inn8_pipeline.warehouse.sync_log.entry import LoggedSync, SyncLogEntry

MARCH_TO_MAY = Window(date(2026, 3, 1), date(2026, 5, 31))
ONE = Environment({})
SEVERAL = Environment({"INN8_TENANTS": "default,acme", "INN8_TENANT_ID": "default"})


def backfill(tenant_id: str = "default") -> list[PlannedRun]:
    """Return the runs of a backfill of three months, the newest days first."""
    return plan(Tenant(tenant_id, is_default=tenant_id == "default"), [TRANSACTIONS], MARCH_TO_MAY)


def ending(run: PlannedRun, status: Status) -> LoggedSync:
    return LoggedSync(run.tenant.tenant_id, run.entity.name, "a-run", SyncLogEntry(status, description="A reason."))


def failing_at(failed: PlannedRun) -> Callable[[PlannedRun], LoggedSync]:
    return lambda run: ending(run, Status.FAILED if run == failed else Status.SUCCESS)


def named(errors: str) -> list[str]:
    """Return the commands of the message, each of which must be one of `inn8`."""
    commands = [line.strip() for line in errors.splitlines() if line.startswith("  inn8 ")]
    for command in commands:
        words = shlex.split(command)[1:]
        context = main.make_context("inn8", list(words))
        found = main.get_command(context, words[0])
        assert found is not None
        found.make_context(words[0], words[1:], parent=context)
    return commands


@pytest.mark.parametrize(
    ("environment", "tenant_id", "option"),
    [(ONE, "default", ""), (SEVERAL, "default", " --tenant default"), (SEVERAL, "acme", " --tenant acme")],
)
def test_after_a_failed_run_the_command_names_the_days_that_are_left(
    environment: Environment, tenant_id: str, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    planned = backfill(tenant_id)
    found = sync_runs.run_each(planned, failing_at(planned[1]), environment)
    assert [run for run, _ in found] == planned[:2]
    with pytest.raises(SystemExit) as ended:
        sync_runs.report(environment, planned, found, as_json=False)
    assert ended.value.code == 1
    left = planned[1].window
    assert left is not None
    assert named(capsys.readouterr().err) == [
        f"inn8 backfill transactions --from 2026-03-01 --to {left.to_date}{option}"
    ]


def test_after_ctrl_c_the_commands_name_everything_that_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    planned = [PlannedRun(Tenant("default"), CLIENTS), *backfill()]

    def stopped(run: PlannedRun) -> LoggedSync:
        if run == planned[0]:
            raise KeyboardInterrupt
        return ending(run, Status.SUCCESS)

    with pytest.raises(KeyboardInterrupt):
        sync_runs.run_each(planned, stopped, ONE)
    assert named(capsys.readouterr().err) == [
        "inn8 sync clients",
        "inn8 backfill transactions --from 2026-03-01 --to 2026-05-31",
    ]


def test_a_message_of_a_sync_that_did_not_fail_is_printed_too(capsys: pytest.CaptureFixture[str]) -> None:
    (run,) = [PlannedRun(Tenant("default"), CLIENTS)]
    with pytest.raises(SystemExit) as ended:
        sync_runs.report(ONE, [run], [(run, ending(run, Status.PARTIAL_SUCCESS))], as_json=False)
    assert ended.value.code == 3
    assert "clients (run a-run): A reason." in capsys.readouterr().err


def test_the_progress_counts_the_records_of_a_run_within_its_days(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[dict[str, object]] = []
    monkeypatch.setattr(Progress, "update", lambda _self, _task, **each: shown.append(each))
    planned = backfill()[:2]

    def run(each: PlannedRun) -> LoggedSync:
        for doing in ("fetching", "merging"):
            StepProgress(doing, str)(1500, 3000)
        return ending(each, Status.SUCCESS)

    sync_runs.run_each(planned, run, ONE)
    assert [each.get("completed") for each in shown] == [
        *(None, 31 * 0.25, 31 * 0.75, 31),
        *(None, 31 + 31 * 0.25, 31 + 31 * 0.75, 62),
    ]
    assert shown[1]["note"] == "run 1 of 2, fetching 1,500 of 3,000 records"
