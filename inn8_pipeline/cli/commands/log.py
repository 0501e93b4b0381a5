"""`inn8 log`: show the sync log, which is the view inn8.sync_log."""

import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

import click

from inn8_pipeline.cli.support import dagster_modules, log_reading
from inn8_pipeline.cli.support.completeness import completeness, is_empty
from inn8_pipeline.cli.support.group import EXIT_FAILED, examples
from inn8_pipeline.cli.support.log_reading import LogAnswer, LogQuestion
from inn8_pipeline.cli.support.options import (
    ENTITY,
    exit_code_option,
    json_option,
    tenant_argument,
    tenant_ids_of,
    tenant_option,
)
from inn8_pipeline.cli.support.output import console, print_json, print_messages, print_text, silence
from inn8_pipeline.cli.support.sync_runs import EXIT_CODES
from inn8_pipeline.cli.support.tables import log_table, zone_note
from inn8_pipeline.cli.support.times import DAY, SINCE, last_night
from inn8_pipeline.entities import ENTITIES, Entity
from inn8_pipeline.errors import Inn8Error
from inn8_pipeline.settings import Environment, moment, now, read_sync
from inn8_pipeline.warehouse.merge.results import Status
from inn8_pipeline.warehouse.sync_log.entry import Trigger, worst

if TYPE_CHECKING:
    from inn8_pipeline.warehouse.sync_log.entry import LoggedSync

STATUSES = [status.value for status in Status]
MEANINGS = {
    Status.SUCCESS: "every record is in its table, except rejects that somebody has accepted",
    Status.PARTIAL_SUCCESS: "written, but something needs attention, such as records that failed validation (rejects)",
    Status.NO_DATA: "INN8 sent no record of the days of the sync",
    Status.FAILED: "nothing was written",
    Status.IN_PROGRESS: "the sync has not ended",
}
SCHEDULE = "schedule"
FIRST_DAY = date(1970, 1, 1)
"""No sync log begins earlier."""
EPILOG = examples(
    "inn8 log                                  the last 20 syncs",
    "inn8 log --entity clients --status Failed",
    "inn8 log --night                          was last night complete?",
    "inn8 log --since 'yesterday 18:00'        until now, in the time zone of the terminal",
    "inn8 log --trigger schedule               only what the schedules started",
    "inn8 log --since 2026-11-01 --limit 1000  those that began on this day or later",
    "inn8 log --day 2026-03-31 --json",
    "inn8 log --limit 3 --exit-code",
    notes=f"Statuses: {' '.join(f'{status}: {meaning}.' for status, meaning in MEANINGS.items())}",
)


@click.command(name="log", epilog=EPILOG)
@click.option("--entity", type=ENTITY, help="Only this entity.")
@click.option("--status", type=click.Choice(STATUSES, case_sensitive=False), help="Only this status.")
@click.option(
    "--trigger",
    type=click.Choice([SCHEDULE, *Trigger], case_sensitive=False),
    help=f"Only what this started; {SCHEDULE} is {Trigger.TICK} and {Trigger.SWEEP}.",
)
@click.option("--day", type=DAY, help="Only syncs that began on this day (UTC).")
@click.option("--since", type=SINCE, help="Only syncs since this day (UTC), or since 'yesterday 18:00' in local time.")
@click.option(
    "--night", "is_night", is_flag=True, help="Only last night: from yesterday 18:00 to today 08:00 in local time."
)
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="The number of syncs to show.")
@tenant_option
@json_option
@exit_code_option
def command(
    entity: Entity | None,
    status: str | None,
    trigger: str | None,
    day: date | None,
    since: datetime | None,
    is_night: bool,
    limit: int,
    tenant_id: str | None,
    as_json: bool,
    sets_exit_code: bool,
) -> None:
    """Show whether the syncs were complete, then the sync log, newest first: one line per run and entity.

    The first lines count all syncs of --day, --since or --night, also those that --limit leaves out; else those shown.
    Of a period they also name the ticks that started no sync. With --exit-code, the exit code is that of the worst
    status among them: 1 for Failed, 3 for PartialSuccess, otherwise 0. It is also 1 if such a tick was not made good,
    or if no sync began in the period.
    """
    silence()
    environment = Environment()
    tenant_ids = tenant_ids_of(environment, tenant_id)
    asked = LogQuestion(
        tenant_ids,
        [entity] if entity else list(ENTITIES),
        *_period(day, since, is_night=is_night),
        status=Status(status) if status else None,
        triggers=(Trigger.TICK, Trigger.SWEEP) if trigger == SCHEDULE else (Trigger(trigger),) if trigger else None,
        limit=limit,
    )
    found = log_reading.read(environment, asked)
    if as_json:
        print_json([sync.as_json() for sync in found.counted[:limit]])
    else:
        _print(environment, asked, found)
    sys.exit(_exit_code(asked, found) if sets_exit_code else 0)


def _print(environment: Environment, asked: LogQuestion, found: LogAnswer) -> None:
    """Print whether the syncs were complete, the table with the messages, and which entities are paused."""
    said = completeness(
        found.counted, found.with_later, found.ticks, has_more=found.has_more, is_expected=asked.expects_ticks
    )
    if said and not asked.status:
        print_text(said)
    listed = found.counted[: asked.limit]
    _print_syncs(listed, len(found.counted))
    shown = [(each, name.name) for each in asked.tenant_ids for name in asked.entities]
    if found.has_pauses or not (asked.is_part or _are_recent(environment, shown, listed)):
        _print_pauses(environment, shown)


def _print_syncs(syncs: "Sequence[LoggedSync]", counted: int) -> None:
    """Print the table of the syncs, how many of those that were counted it leaves out, and their messages."""
    if not syncs:
        click.echo("The sync log has no matching entry.")
        return
    screen = console()
    screen.print(log_table(syncs, width=screen.width))
    if note := zone_note(now()):
        click.echo(note)
    if len(syncs) < counted:
        print_text(f"{len(syncs):,} of {counted:,} syncs are shown: --limit shows more, --status Failed what failed.")
    print_messages(syncs, on_stderr=False)


def _exit_code(asked: LogQuestion, found: LogAnswer) -> int:
    """Return the code of the worst status, or of a failure.

    It is a failure if a missing tick was not made good and nobody paused it, or if no sync began in a period of ticks.
    """
    has_nothing = asked.expects_ticks and is_empty(found.counted, found.ticks)
    if has_nothing or (found.ticks and found.ticks.have_failed):
        return EXIT_FAILED
    return EXIT_CODES.get(worst(sync.entry.status for sync in found.counted), 0) if found.counted else 0


def _are_recent(environment: Environment, shown: Sequence[tuple[str, str]], found: "Sequence[LoggedSync]") -> bool:
    """Return whether each entity was synced lately; if not, it may be paused though the warehouse does not know yet."""
    late_after, _ = read_sync(environment).freshness_bounds()
    return set(shown) <= {(sync.tenant_id, sync.entity) for sync in found if _is_recent(sync, late_after)}


def _print_pauses(environment: Environment, shown: Sequence[tuple[str, str]]) -> None:
    """Say which of the entities are paused. That loads Dagster, which takes a second."""
    with suppress(Inn8Error), dagster_modules.instance.guarded_instance(environment) as instance:
        for tenant_id in dict.fromkeys(tenant_id for tenant_id, _ in shown):
            for name, pause in dagster_modules.pauses.lasting(instance, tenant_id).items():
                if (tenant_id, name) in shown:
                    tenant = tenant_argument(environment, tenant_id)
                    print_text(f"{name}: {pause.text(None)}. `inn8 resume {name}{tenant}` ends it.", indent=2)


def _is_recent(sync: "LoggedSync", late_after: timedelta) -> bool:
    began_at = sync.entry.started_at
    return began_at is not None and now() - began_at <= late_after


def _period(day: date | None, since: datetime | None, *, is_night: bool) -> tuple[datetime | None, datetime | None]:
    """Return the start and the end of the syncs that were asked for; None for no bound.

    Raises:
        click.UsageError: Several periods were asked for, or one that has not begun.

    """
    if day and since:
        raise click.UsageError("--day is one day: omit --since.")
    if is_night and (day or since):
        raise click.UsageError("--night is last night: omit --day and --since.")
    if is_night:
        return last_night()
    if day and not FIRST_DAY <= day <= now().date():
        raise click.UsageError(f"--day {day} is not between {FIRST_DAY} and today, {now().date()} (UTC).")
    if since and since > now():
        raise click.UsageError(f"--since is in the future: it is {moment(now())} now.")
    return (_midnight(day), _midnight(day + timedelta(days=1))) if day else (since, None)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)
