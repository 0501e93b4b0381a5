"""The schedules of a tenant: a tick syncs each entity; nightly and weekly sweeps sync earlier days of trade again.

Dagster does not catch up on missed ticks. The next tick looks back far enough to cover their days.
"""

from collections.abc import Callable
from datetime import UTC, date
from typing import TYPE_CHECKING

import dagster as dg

from inn8_pipeline.defs import names
from inn8_pipeline.defs.names import Tenant
from inn8_pipeline.defs.partitions import MAX_DAYS_PER_RUN, chunks, range_tags
from inn8_pipeline.entities import ENTITIES, Entity, Window
from inn8_pipeline.lazy_imports import lazy_module
from inn8_pipeline.settings import SyncSettings

if TYPE_CHECKING:
    from inn8_pipeline.defs.instance import pauses
    from inn8_pipeline.defs.schedules import former_names
else:
    former_names = lazy_module("inn8_pipeline.defs.schedules.former_names")
    pauses = lazy_module("inn8_pipeline.defs.instance.pauses")

TICK_SCHEDULE = "every_15_minutes"
"""The name is independent of INN8_TICK_MINUTES, because Dagster stores under it whether the schedule is on."""
NIGHTLY_SWEEP, WEEKLY_SWEEP = "nightly_sweep", "weekly_sweep"

_OPEN = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
# Queued runs of a tick come first, in the order of the entities; then those of a sweep; then those of a backfill, whose
# priority is Dagster's default, 0.
_PRIORITY_STEP = 10
_SWEEP_PRIORITY = 5


def schedules(settings: SyncSettings, tenant: Tenant) -> list[dg.ScheduleDefinition]:
    """Return all schedules of a tenant."""
    return [
        _tick(settings, tenant),
        _sweep(NIGHTLY_SWEEP, "30 1 * * *", settings, tenant, lambda: settings.last_days(settings.sweep_days)),
        _sweep(WEEKLY_SWEEP, "0 3 * * 6", settings, tenant, settings.full_window),
    ]


def entities_of(tenant: Tenant, schedule_name: str) -> tuple[Entity, ...]:
    """Return the entities that the tenant's schedule of this name syncs; none if it is no schedule of the tenant."""
    if schedule_name == tenant.name(TICK_SCHEDULE):
        return tuple(ENTITIES)
    is_sweep = schedule_name in {tenant.name(NIGHTLY_SWEEP), tenant.name(WEEKLY_SWEEP)}
    return tuple(entity for entity in ENTITIES if is_sweep and entity.has_days)


def _tick(settings: SyncSettings, tenant: Tenant) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=tenant.name(TICK_SCHEDULE),
        cron_schedule=f"*/{settings.tick_minutes} * * * *",
        job_name=tenant.name(names.JOB),
        execution_timezone=settings.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=(
            f"Syncs {_entities_of_tick(settings)} every {settings.tick_minutes} minutes (INN8_TICK_MINUTES; the "
            "schedule's name does not change with it), in an independent run for each. An entity whose last scheduled "
            "run has not ended is skipped, and so is one that is paused (job inn8_pause); the tick's log says so. Turn "
            "the schedule off to stop all syncs."
        ),
    )
    def tick(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
        former = former_names.stop_if_stopped_before(context.instance, tenant, TICK_SCHEDULE)
        if former:
            return dg.SkipReason(
                f"This schedule was turned off under its former name {former}, so it stays off. Turn it on in the UI "
                "if you need it."
            )
        requests, reasons = [], []
        paused = pauses.read(context.instance, tenant.tenant_id)
        for number, entity in enumerate(ENTITIES):
            pause = paused.get(entity.name)
            skipped = _paused(entity, pause) or _busy(context, tenant, entity)
            if skipped:
                reasons.append(skipped)
                context.log.warning(skipped)
            else:
                days = _days_of_tick(context, settings, tenant, entity, pause) if entity.has_days else None
                tags = {
                    names.TICK_TAG: tenant.tenant_id,
                    names.TICK_AT_TAG: context.scheduled_execution_time.astimezone(UTC).isoformat(),
                    names.SCHEDULED_TAG: _scheduled(tenant, entity),
                }
                requests.append(
                    _request(context, tenant, entity, days, _PRIORITY_STEP * (len(ENTITIES) - number), tags)
                )
        return requests or dg.SkipReason(" ".join(reasons))

    return tick


def _entities_of_tick(settings: SyncSettings) -> str:
    """Return the entities that a tick syncs as a phrase of the schedule's description."""
    days = f" (the last {settings.lookback_days} days of trade)"
    return ", ".join(f"{entity}{days if entity.has_days else ''}" for entity in ENTITIES)


def _paused(entity: Entity, pause: "pauses.Pause | None") -> str | None:
    """Return why the entity is skipped; None if it is not paused."""
    return f"{entity} skipped: {pause}." if pause is not None and pause.lasts else None


def _days_of_tick(
    context: dg.ScheduleEvaluationContext,
    settings: SyncSettings,
    tenant: Tenant,
    entity: Entity,
    pause: "pauses.Pause | None",
) -> Window:
    """Return the days of the look-back; until a tick has synced the entity after a pause, also those of the pause."""
    most = settings.lookback_days
    if pause is not None and pause.resumed_at is not None:
        synced = dg.RunsFilter(
            statuses=[dg.DagsterRunStatus.SUCCESS],
            tags={names.SCHEDULED_TAG: _scheduled(tenant, entity)},
            created_after=pause.resumed_at,
        )
        if not context.instance.get_runs(synced, limit=1):
            paused_days = (settings.today() - settings.day_of(pause.since_at)).days
            most = max(most, min(most + paused_days, MAX_DAYS_PER_RUN))
    return settings.last_days(most)


def _busy(context: dg.ScheduleEvaluationContext, tenant: Tenant, entity: Entity) -> str | None:
    """Return why the entity is skipped; None if it is not."""
    scheduled = dg.RunsFilter(statuses=_OPEN, tags={names.SCHEDULED_TAG: _scheduled(tenant, entity)})
    runs = context.instance.get_runs(scheduled, limit=1)
    if not runs:
        return None
    run = runs[0]
    return f"{entity} skipped: run {run.run_id[:8]} of an earlier tick is still {run.status.value}."


def _scheduled(tenant: Tenant, entity: Entity) -> str:
    """Return the value of `SCHEDULED_TAG` for the runs of an entity in a tick."""
    return f"{tenant.tenant_id}/{entity}"


def _sweep(
    name: str, cron: str, settings: SyncSettings, tenant: Tenant, window: Callable[[], Window]
) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=tenant.name(name),
        cron_schedule=cron,
        job_name=tenant.name(names.JOB),
        execution_timezone=settings.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=(
            f"Syncs {', '.join(entity.name for entity in ENTITIES if entity.has_days)} again, "
            + (f"the last {settings.sweep_days} days" if name == NIGHTLY_SWEEP else "all days")
            + " of trade: finds back-dated bookings, and confirms which rows INN8 has removed. Turn it off only if "
            "INN8 asks for fewer requests."
        ),
    )
    def sweep(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
        tag = f"{tenant.tenant_id}/{name}"
        runs = context.instance.get_runs(dg.RunsFilter(statuses=_OPEN, tags={names.SCHEDULED_TAG: tag}), limit=1)
        if runs:
            return dg.SkipReason(f"Skipped: runs of the last {name} have not ended.")
        paused = pauses.read(context.instance, tenant.tenant_id)
        swept = [entity for entity in ENTITIES if entity.has_days]
        skipped = {entity: reason for entity in swept if (reason := _paused(entity, paused.get(entity.name)))}
        tags = {names.TENANT_TAG: tenant.tenant_id, names.SCHEDULED_TAG: tag}
        requests = [
            _request(context, tenant, entity, days, _SWEEP_PRIORITY, tags)
            for entity in swept
            if entity not in skipped
            for days in chunks(window())
        ]
        return requests or dg.SkipReason(" ".join(skipped.values()))

    return sweep


def _request(  # noqa: PLR0913, PLR0917 (a run request has that many parts)
    context: dg.ScheduleEvaluationContext,
    tenant: Tenant,
    entity: Entity,
    days: Window | None,
    priority: int,
    tags: dict[str, str],
) -> dg.RunRequest:
    of_days = range_tags(days) if days else {}
    last: date | str = days.to_date if days else ""
    return dg.RunRequest(
        run_key=f"{context.scheduled_execution_time.isoformat()} {entity} {last}".strip(),
        asset_selection=tenant.keys(entity),
        asset_check_keys=[tenant.log(entity)],
        tags={names.PRIORITY_TAG: str(priority), **of_days, **tags},
    )
