"""The asset check `doctor`, which shows what `inn8 doctor` finds in Dagster, and the sensor that evaluates it.

A sensor evaluates it and not a tick: a schedule that is off makes no tick, and no sync takes longer. It is a check of
the first tenant's landings of the first entity, because Dagster has no checks of a whole installation.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

import dagster as dg

from inn8_pipeline.defs.checks.check_rules import CheckOutcome
from inn8_pipeline.defs.names import DOCTOR, WATCH_SYSTEM, Tenant
from inn8_pipeline.entities import ENTITIES
from inn8_pipeline.lazy_imports import lazy_module
from inn8_pipeline.settings import Environment, now, read_alerts

if TYPE_CHECKING:
    from inn8_pipeline.defs.alerting import cursors
    from inn8_pipeline.defs.watching import findings
    from inn8_pipeline.defs.watching.findings import DoctorFinding, Installation
else:
    cursors = lazy_module("inn8_pipeline.defs.alerting.cursors")
    findings = lazy_module("inn8_pipeline.defs.watching.findings")

INTERVAL_SECONDS = 120
AT_LEAST_EVERY = timedelta(hours=1)
"""An evaluation is stored when a finding begins or ends, and otherwise so often, so that its time says it is alive."""

_FAILED = "failed"
"""The metadata with the names of the findings that are problems."""
_DESCRIPTION = (
    "Does everything work that the syncs run on? Shows what `inn8 doctor` finds in Dagster: daemon, schedules, sensors "
    "and their last ticks, pauses, the heartbeat, alerts, queued and stuck runs, Dagster's tables, disk and "
    "connections; each with what to do. It is about the whole installation, not about this asset alone. The sensor "
    "`watch_system` evaluates it; `inn8 doctor` also checks settings, rights, clocks and INN8's token endpoint."
)


def key_of(tenants: Sequence[Tenant]) -> dg.AssetCheckKey:
    """Return the key of the check."""
    return dg.AssetCheckKey(tenants[0].raw_key(next(iter(ENTITIES))), DOCTOR)


def check(
    tenants: Sequence[Tenant], schedules: Sequence[dg.ScheduleDefinition], sensors: Sequence[dg.SensorDefinition]
) -> dg.AssetChecksDefinition:
    """Return the check as a step that the UI can execute. `schedules` and `sensors` are those that should be on."""
    key = key_of(tenants)

    @dg.multi_asset_check(
        name=f"check_{DOCTOR}", specs=[dg.AssetCheckSpec(key.name, asset=key.asset_key, description=_DESCRIPTION)]
    )
    def doctor(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        watched = _installation(context.instance, schedules, sensors)
        return outcome_of(findings.examine(watched)).result(key.asset_key, key.name)

    return doctor


def sensor(tenants: Sequence[Tenant]) -> dg.SensorDefinition:
    """Return the sensor that evaluates the check."""
    key = key_of(tenants)

    @dg.sensor(
        name=WATCH_SYSTEM,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            f"Evaluates the check `{DOCTOR}` of {key.asset_key.to_user_string()}, and stores an evaluation when a "
            "finding begins or ends, and every hour. It requests nothing from INN8. Keep it on: without it, the UI "
            "shows old findings."
        ),
    )
    def watch_system(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        repository = context.repository_def
        schedules, sensors = (repository.schedule_defs, repository.sensor_defs) if repository else ((), ())
        found = list(findings.examine(_installation(context.instance, schedules, sensors)))
        before = cursors.read(context.cursor)
        failed, at = ", ".join(each.check for each in found if not each.is_ok), now()
        stored_at = cursors.instant(before.get("stored_at"))
        if stored_at is not None and failed == before.get("failed") and at - stored_at < AT_LEAST_EVERY:
            return dg.SensorResult(skip_reason="The findings have not changed.")
        evaluation = outcome_of(found).evaluation(key.asset_key, key.name)
        cursor = cursors.write({"failed": failed, "stored_at": at.isoformat()})
        return dg.SensorResult(asset_events=[evaluation], cursor=cursor)

    return watch_system


def _installation(
    instance: dg.DagsterInstance, schedules: Sequence[dg.ScheduleDefinition], sensors: Sequence[dg.SensorDefinition]
) -> "Installation":
    environment = Environment()
    return findings.Installation(instance, environment, schedules, sensors, read_alerts(environment).timezone)


def outcome_of(found: "Iterable[DoctorFinding]") -> CheckOutcome:
    """Return the outcome: an error with all remedies if a finding is one. The metadata has each finding by its name."""
    listed = list(found)
    failed = {each.check: each.message for each in listed if not each.is_ok}
    advice = " ".join(f"{name}: {message}" for name, message in failed.items())
    shown = {each.check: each.message for each in listed} | ({_FAILED: [*failed]} if failed else {})
    return CheckOutcome(passed=not failed, advice=advice, metadata=shown, is_error=bool(failed))


def failed_in(evaluation: dg.AssetCheckEvaluation) -> dict[str, str]:
    """Return the messages of the failed findings of a stored evaluation, by the name of the finding."""
    values = {name: each.value for name, each in evaluation.metadata.items()}
    failed = values.get(_FAILED)
    return {str(name): str(values.get(str(name), "")) for name in failed} if isinstance(failed, list) else {}
