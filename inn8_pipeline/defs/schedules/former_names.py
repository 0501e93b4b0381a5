"""Keep a schedule off that was turned off under its name in release 0.1, when the name contained INN8_TICK_MINUTES.

Dagster stores under a schedule's name whether it is on, and definitions cannot read that state. Therefore the first
tick under the present name checks whether the schedule was turned off under a former name. The next release drops this
module.
"""

import dagster as dg

from inn8_pipeline.defs.instance import instigators
from inn8_pipeline.defs.instance.internals import InstigatorType
from inn8_pipeline.defs.instance.late_internals import InstigatorState, InstigatorStatus
from inn8_pipeline.defs.names import Tenant

_MINUTES = (1, 2, 3, 4, 5, 6, 10, 12, 20, 30)


def stop_if_stopped_before(instance: dg.DagsterInstance, tenant: Tenant, name: str) -> str | None:
    """Turn the schedule off if it was off under a former name.

    A schedule that somebody has turned on under its present name is left on.

    Returns:
        The former name under which the schedule was off; None if it is to tick.

    """
    states = instigators.schedules(instance)
    own = states.get(tenant.name(name))
    if own is not None and own.status is InstigatorStatus.RUNNING:
        return None
    former = (states.get(tenant.name(f"every_{minutes}_minutes")) for minutes in _MINUTES)
    stopped = next((each for each in former if each and each.status is InstigatorStatus.STOPPED), None)
    if stopped is None:
        return None
    _stop(instance, own, stopped, tenant.name(name))
    return stopped.name


def _stop(instance: dg.DagsterInstance, own: InstigatorState | None, stopped: InstigatorState, name: str) -> None:
    """Store the schedule as turned off.

    The state under the former name is kept, because after the tick the daemon writes back the state that it had read
    before. The daemon itself deletes the former one after twelve hours.
    """
    if own is not None:
        instance.update_instigator_state(own.with_status(InstigatorStatus.STOPPED))
    else:
        origin = stopped.origin._replace(instigator_name=name)
        state = InstigatorState(origin, InstigatorType.SCHEDULE, InstigatorStatus.STOPPED, stopped.instigator_data)
        instance.add_instigator_state(state)
