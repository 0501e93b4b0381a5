"""What a step tells: a line in the run's log, and the metadata of its materializations. Numbers, never a record."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import dagster as dg

from inn8_pipeline.entities import Entity

if TYPE_CHECKING:
    from inn8_pipeline.sync import Outcome
    from inn8_pipeline.warehouse.landing.store import Landing
    from inn8_pipeline.warehouse.merge.results import Counts, SchemaDrift

Metadata = dict[str, Any]

TOTALS = ("missing", "removed", "held_back")
"""Numbers of a whole sync, whatever its days."""


def landed(landing: "Landing") -> str:
    """One line on a fetch."""
    window = f" for {landing.window}" if landing.window else ""
    return (
        f"Fetched {landing.records} {landing.entity}{window}: {len(landing.digests)} pages, {landing.bytes} bytes, "
        f"{landing.retries} retries. Landing {landing.id}."
    )


def of_landing(landing: "Landing") -> Metadata:
    """The numbers that mean something over time."""
    return {
        "records": landing.records,
        "pages": len(landing.digests),
        "bytes": landing.bytes,
        "retries": landing.retries,
        "seconds": (landing.completed_at - landing.started_at).total_seconds(),
        "landing_id": landing.id,
    }


def waits(entity: Entity) -> str:
    """One line where another sync holds the lock."""
    return f"Another sync of {entity} is writing; this one waits for it to end."


def merged(outcome: "Outcome") -> str:
    """One line on a merge."""
    told = ", ".join(f"{name} {count}" for name, count in outcome.counts.as_dict().items())
    extra = ", ".join(f"{name} {outcome.total(name)}" for name in TOTALS)
    return f"{outcome.status}: {told}; {extra}."


def drift_found(found: "SchemaDrift") -> Metadata:
    """What INN8 sends and we do not know: values of choices with their counts, names of properties."""
    told: Metadata = {
        f"unknown {name}": {"records": records, "values": dict(found.values.get(name, {}))}
        for name, records in sorted(found.records.items())
    }
    if found.properties:
        told["unknown properties"] = list(found.properties)
    return told


def surprised(found: "SchemaDrift") -> list[str]:
    """The same, in lines."""
    return [
        f"INN8 sends what the contract does not list, {name}: {what}. If it is to mean something, see entities.py."
        for name, what in drift_found(found).items()
    ]


def of_days(outcome: "Outcome", days: Iterable[str]) -> dict[str, Metadata]:
    """Each day's rows, as INN8 has them now, and what changed."""
    counts = {day.isoformat(): of_day for day, of_day in outcome.by_day.items()}
    return {
        day: {"dagster/partition_row_count": rows(counts[day]), **_changes(counts[day])}
        for day in days
        if day in counts
    }


def rows(counts: "Counts") -> int:
    """Rows that stand in the table because of these records."""
    return counts.inserted + counts.updated + counts.unchanged


def _changes(counts: "Counts") -> Metadata:
    wanted = ("fetched", "inserted", "updated", "unchanged", "duplicate", "rejected", "skipped")
    return {name: getattr(counts, name) for name in wanted}


def of_tables(entity: Entity, outcome: "Outcome") -> dict[str, Metadata]:
    """Of each table that the step wrote: what changed, and where the rejects are to be seen.

    Of transactions Dagster keeps it for each day of the run: the numbers of all of them stand in the sync log alone.
    """
    metadata: Metadata = {
        "rejects": dg.MetadataValue.md(f"`inn8 rejects list --entity {entity}`"),
        "is_repeat": all(result.is_repeat for result in outcome.results),
        **drift_found(outcome.drift_found),
    }
    if not entity.has_days:
        totals = {name: outcome.total(name) for name in (*TOTALS, "open_rejects")}
        return {
            str(entity): {"dagster/row_count": rows(outcome.counts), **_changes(outcome.counts), **totals, **metadata}
        }
    written = {
        name: {
            action: sum(result.dimensions.get(name, {}).get(action, 0) for result in outcome.results)
            for action in ("inserted", "updated")
        }
        for name in entity.tables[:-1]
    }
    return {**written, str(entity): metadata}
