"""`inn8 log`: show the sync log, which is the view inn8.sync_log."""

import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

import click

from inn8_pipeline.cli.support import dagster_modules, missing_ticks
from inn8_pipeline.cli.support.completeness import completeness
from inn8_pipeline.cli.support.group import EXIT_FAILED, examples
from inn8_pipeline.cli.support.options import (
    ENTITY,
    exit_code_option,
    json_option,
    tenant_argument,
    tenant_ids_of,
    tenant_option,
)
from inn8_pipeline.cli.support.output import console, print_json, print_messages, silence
from inn8_pipeline.cli.support.queries import reading
from inn8_pipeline.cli.support.standard_streams import printable
from inn8_pipeline.cli.support.sync_runs import EXIT_CODES
from inn8_pipeline.cli.support.tables import log_table, zone_note
from inn8_pipeline.cli.support.times import DAY, SINCE, last_night
from inn8_pipeline.entities import ENTITIES, Entity
from inn8_pipeline.errors import Inn8Error
from inn8_pipeline.lazy_imports import lazy_module
from inn8_pipeline.settings import Environment, now, read_sync
from inn8_pipeline.warehouse.merge.results import Status
from inn8_pipeline.warehouse.sync_log.entry import Trigger, worst

if TYPE_CHECKING:
    from inn8_pipeline.warehouse.sync_log import paused_entities, store
    from inn8_pipeline.warehouse.sync_log.entry import LoggedSync
else:
    paused_entities = lazy_module("inn8_pipeline.warehouse.sync_log.paused_entities")
    store = lazy_module("inn8_pipeline.warehouse.sync_log.store")

STATUSES = [status.value for status in Status]
MEANINGS = {
    Status.SUCCESS: "every record is in its table, except rejects that somebody has accepted",
    Status.PARTIAL_SUCCESS: "written, but something needs attention, such as records that failed validation (rejects)",
    Status.NO_DATA: "INN8 sent nothing, and no row was changed",
    Status.FAILED: "nothing was written",
    Status.IN_PROGRESS: "the sync has not ended",
}
SCHEDULE = "schedule"
MOST_COUNTED = 10_000
"""How many syncs of a period the first line counts: the ticks of about a month."""
TIME_TO_MAKE_GOOD = timedelta(days=1)
"""For how long after a period syncs are looked at that made good what failed in it."""
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

    The first line counts all syncs of --day, --since or --night, also those that --limit leaves out; else those shown.
    Of a period it also names the ticks that started no sync. With --exit-code, the exit code is that of the worst
    status among them: 1 for Failed, 3 for PartialSuccess, otherwise 0. It is also 1 if such a tick was not made good,
    or if no sync began in the period.
    """
    if day and since:
        raise click.UsageError("--day is one day: omit --since.")
    if is_night and (day or since):
        raise click.UsageError("--night is last night: omit --day and --since.")
    silence()
    environment = Environment()
    tenant_ids = tenant_ids_of(environment, tenant_id)
    first, end = _period(day, since, is_night=is_night)
    wanted = store.SyncLogFilter(
        status=Status(status) if status else None,
        triggers=(Trigger.TICK, Trigger.SWEEP) if trigger == SCHEDULE else (Trigger(trigger),) if trigger else None,
        from_at=first,
        before=end and end + TIME_TO_MAKE_GOOD,
        limit=max(limit, MOST_COUNTED) if first else limit,
    )
    entities = [entity] if entity else list(ENTITIES)
    with reading(environment, "reading the sync log") as connection:
        read = [*store.read(connection, tenant_ids, entities, wanted)]
        has_pauses = paused_entities.has_any(connection, tenant_ids, [each.name for each in entities])
        expects_ticks = first and not status and trigger in {None, SCHEDULE, Trigger.TICK}
        earlier = store.have_ticks(connection, tenant_ids, entities, first) if first and expects_ticks else {}
    counted = [sync for sync in read if end is None or (sync.entry.started_at or end) < end]
    found, has_more = counted[:limit], len(read) == wanted.limit
    from_at = read[-1].entry.started_at if has_more else first
    ticks = _ticks(environment, read, earlier, (from_at, min(end or now(), now()))) if from_at and earlier else None
    is_empty = bool(expects_ticks) and not counted and not (ticks and ticks.missing)
    if as_json:
        print_json([sync.as_json() for sync in found])
    elif (counted or (ticks and ticks.missing)) and not status:
        click.echo(printable(completeness(counted, read, ticks, has_more=has_more)))
    elif is_empty:
        click.echo("NOT complete: no sync began in this period.")
    if not as_json:
        _print_syncs(found, len(counted))
    shown = [(each, name.name) for each in tenant_ids for name in entities]
    if not as_json and (has_pauses or not (status or trigger or first or _are_recent(environment, shown, found))):
        _print_pauses(environment, shown)
    sys.exit((EXIT_FAILED if is_empty else _exit_code(counted, ticks)) if sets_exit_code else 0)


def _ticks(
    environment: Environment,
    syncs: "Sequence[LoggedSync]",
    earlier: Mapping[missing_ticks.Key, bool],
    period: tuple[datetime, datetime],
) -> missing_ticks.Ticks:
    """Return the ticks of the period. If some are missing, Dagster is loaded, because it knows the pauses."""
    ticks = missing_ticks.find(syncs, earlier, period, read_sync(environment))
    if ticks.are_unknown:
        with suppress(Inn8Error), dagster_modules.instance.guarded_instance(environment) as instance:
            pauses = {
                (tenant_id, name): pause
                for tenant_id in {tenant_id for tenant_id, _ in earlier}
                for name, pause in dagster_modules.pauses.read(instance, tenant_id).items()
            }
            return ticks.with_pauses(lambda key, at: key in pauses and pauses[key].holds(at))
    return ticks


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
        click.echo(f"{len(syncs):,} of {counted:,} syncs are shown: --limit shows more, --status Failed what failed.")
    print_messages(syncs, on_stderr=False)


def _exit_code(syncs: "Sequence[LoggedSync]", ticks: missing_ticks.Ticks | None) -> int:
    """Return the code of the worst status, or of a failure if a missing tick was not made good and nobody paused it."""
    if ticks and ticks.have_failed:
        return EXIT_FAILED
    return EXIT_CODES.get(worst(sync.entry.status for sync in syncs), 0) if syncs else 0


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
                    click.echo(printable(f"{name}: {pause.text(None)}. `inn8 resume {name}{tenant}` ends it."))


def _is_recent(sync: "LoggedSync", late_after: timedelta) -> bool:
    began_at = sync.entry.started_at
    return began_at is not None and now() - began_at <= late_after


def _period(day: date | None, since: datetime | None, *, is_night: bool) -> tuple[datetime | None, datetime | None]:
    """Return the start and the end of the syncs that were asked for; None for no bound."""
    if is_night:
        return last_night()
    return (_midnight(day), _midnight(day + timedelta(days=1))) if day else (since, None)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)
