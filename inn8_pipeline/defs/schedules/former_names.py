"""The names that the tick's schedule had in release 0.1, where INN8_TICK_MINUTES was part of them.

Dagster stores whether a schedule is on under the schedule's name, and definitions cannot read what it stores. So the
first tick under the present name checks whether the schedule was switched off under a former one. The next release
drops this module.
"""

import dagster as dg

from inn8_pipeline.defs.instance.internals import InstigatorState, InstigatorStatus, InstigatorType
from inn8_pipeline.defs.names import Tenant

_MINUTES = (1, 2, 3, 4, 5, 6, 10, 12, 20, 30)


def stop_if_stopped_before(instance: dg.DagsterInstance, tenant: Tenant, name: str) -> str | None:
    """Switch the schedule off if it was off under a former name; return that name, or None if the schedule is to tick.

    Somebody who has switched the schedule on under its present name has decided otherwise.
    """
    states = {each.name: each for each in instance.all_instigator_state(instigator_type=InstigatorType.SCHEDULE)}
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
    """Store the schedule as switched off.

    The state of the former name stays: the daemon, which has read the state before the tick, writes it back afterwards,
    and deletes the other one after twelve hours.
    """
    if own is not None:
        instance.update_instigator_state(own.with_status(InstigatorStatus.STOPPED))
    else:
        origin = stopped.origin._replace(instigator_name=name)
        state = InstigatorState(origin, InstigatorType.SCHEDULE, InstigatorStatus.STOPPED, stopped.instigator_data)
        instance.add_instigator_state(state)
