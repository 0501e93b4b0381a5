"""The checks at the end of the soak test: tables, sync log, and the ticks of the tenant without an outage."""

from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any

from inn8_pipeline.defs.names import TICK_AT_TAG, TICK_TAG
from inn8_pipeline.entities import ENTITIES
from inn8_pipeline_tests.defs import expected_rows
from inn8_pipeline_tests.system.environment import STORAGE, TENANTS, WAREHOUSE, SoakEnvironment

TICKS = f"""
  select t.value as tick, min(r.start_time) as began, max(r.end_time) as ended, count(*) as runs,
         bool_and(r.status = 'SUCCESS') as is_whole
    from runs r
    join run_tags o on o.run_id = r.run_id and o.key = '{TICK_TAG}' and o.value = :tenant
    join run_tags t on t.run_id = r.run_id and t.key = '{TICK_AT_TAG}'
   group by t.value order by t.value
"""


@dataclass(frozen=True)
class Tick:
    """One tick of a tenant: when it was due, when its last run ended, and whether all runs succeeded."""

    due_at: str
    seconds: float
    is_whole: bool


def ticks(environment: SoakEnvironment, tenant_id: str) -> list[Tick]:
    """Return the ticks that are still in Dagster's storage and have ended."""
    found = []
    for row in environment.rows(STORAGE, TICKS, tenant=tenant_id):
        if row.ended is not None:
            seconds = row.ended - datetime.fromisoformat(row.tick).timestamp()
            found.append(Tick(row.tick, seconds, bool(row.is_whole) and row.runs == len(ENTITIES)))
    return found


def have_three_ticks(environment: SoakEnvironment, since: str) -> bool:
    """Return whether each tenant had three whole ticks since then: enough to remove rows that INN8 no longer sends."""
    return all(
        len([tick for tick in ticks(environment, tenant_id) if tick.is_whole and tick.due_at > since]) > 2
        for tenant_id in TENANTS
    )


def differences(environment: SoakEnvironment) -> list[str]:
    """Return how the tables differ from INN8's data, as counts."""
    found = []
    for tenant_id in TENANTS:
        wanted, there = expected_rows.of(environment.inn8[tenant_id].world), _there(environment, tenant_id)
        found += [
            f"{tenant_id}: {table}: {len(set(rows) - set(there[table]))} rows lack, "
            f"{len(set(there[table]) - set(rows))} are too many"
            for table, rows in wanted.items()
            if sorted(rows, key=str) != sorted(there[table], key=str)
        ]
    ((still_open,),) = environment.rows(
        WAREHOUSE, "select count(*) from inn8.rejected_records where resolved_at is null"
    )
    if still_open:
        found.append(f"{still_open} rejects are open though INN8 sends valid records")
    return found


def _there(environment: SoakEnvironment, tenant_id: str) -> dict[str, list[expected_rows.Row]]:
    return {
        name: [tuple(row) for row in environment.rows(WAREHOUSE, f"{query} and {name[0]}.removed_at is null")]
        for name, query in expected_rows.queries(tenant_id).items()
    }


def unlogged(environment: SoakEnvironment) -> list[str]:
    """Return the runs that ended without an entry in the sync log; there must be none."""
    rows: Any = environment.rows(
        STORAGE,
        """
        select r.run_id from runs r
         where r.status in ('SUCCESS', 'FAILURE', 'CANCELED')
           and exists (select from asset_check_executions c where c.run_id = r.run_id and c.check_name = 'sync_log')
           and not exists (select from asset_check_executions c where c.run_id = r.run_id and c.check_name = 'sync_log'
                              and c.execution_status <> 'PLANNED')
        """,
    )
    return [f"run {row.run_id[:8]} has no line in the sync log" for row in rows]


def latency(environment: SoakEnvironment, outages: list[tuple[str, float, float]]) -> dict[str, str]:
    """Return the durations of the first tenant's ticks, during outages of the second tenant's INN8 and otherwise."""
    during: list[float] = []
    otherwise: list[float] = []
    for tick in ticks(environment, TENANTS[0]):
        at = datetime.fromisoformat(tick.due_at).timestamp()
        is_during = any(began <= at <= ended for _, began, ended in outages)
        (during if is_during else otherwise).append(tick.seconds)
    return {
        name: f"{len(seconds)} ticks, median {median(seconds):.0f} s, longest {max(seconds):.0f} s"
        for name, seconds in (("while the other's INN8 was down", during), ("otherwise", otherwise))
        if seconds
    }
