"""Format what a step reports: lines of the run's log, and metadata of materializations, without values of records."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import dagster as dg

from inn8_pipeline.entities import Entity
from inn8_pipeline.warehouse.merge.results import Counts, SchemaDrift

if TYPE_CHECKING:
    from inn8_pipeline.sync import Outcome
    from inn8_pipeline.warehouse.landing.store import Landing

Metadata = dict[str, Any]

CHANGED = "changed_columns"
"""The number of rows in which each column has changed, by column. `inn8 diff` has the values, which are personal."""


def landed(landing: "Landing") -> str:
    """Return the log line of a fetch."""
    window = f" for {landing.window}" if landing.window else ""
    waited = f", {landing.waited_seconds} s waited for the rate limit" if landing.waited_seconds else ""
    unchanged = f" ({landing.unchanged_pages} had not changed and were not sent)" if landing.unchanged_pages else ""
    return (
        f"Fetched {landing.records} {landing.entity}{window}: {landing.pages} pages{unchanged}, "
        f"{landing.bytes} bytes, {landing.retries} retries{waited}. Landing {landing.id}."
    )


def of_landing(landing: "Landing") -> Metadata:
    """Return the metadata of a landing: numbers that the UI plots over time."""
    return {
        "records": landing.records,
        "pages": landing.pages,
        "unchanged_pages": landing.unchanged_pages,
        "bytes": landing.bytes,
        "retries": landing.retries,
        "waited_seconds": landing.waited_seconds,
        "seconds": (landing.completed_at - landing.started_at).total_seconds(),
        "landing_id": landing.id,
    }


def waits(entity: Entity) -> str:
    """Return the log line of a merge that waits for another sync's lock."""
    return f"Another sync of {entity} is being merged; this one waits until that has ended."


def merged(outcome: "Outcome") -> str:
    """Return the log line of a merge."""
    counts = {**outcome.counts.as_dict(), **outcome.totals}
    changed = "; ".join(
        f"{table}: {', '.join(f'{column} {rows}' for column, rows in columns.items())}"
        for table, columns in outcome.changed_columns.items()
    )
    return f"{outcome.status}: {', '.join(f'{name} {count}' for name, count in counts.items())}." + (
        f" Changed columns and their rows: {changed}." if changed else ""
    )


def drift_found(found: SchemaDrift) -> Metadata:
    """Return the schema drift: unlisted values of enumerations with their counts, and names of unknown properties."""
    drift: Metadata = {
        f"unknown {name}": {
            "records": records,
            "distinct_values": found.distinct_values.get(name, 0),
            "values": dict(found.values.get(name, {})),
        }
        for name, records in sorted(found.records.items())
    }
    if found.properties:
        drift["unknown properties"] = list(found.properties)
    return drift


def unlisted(found: SchemaDrift) -> list[str]:
    """Return a phrase for each property with unlisted values, such as `status: 31 records, 1 value (Dormant 31)`."""
    phrases = []
    for name, records in sorted(found.records.items()):
        distinct = found.distinct_values.get(name, 0)
        shown = ", ".join(f"{value} {count}" for value, count in found.values.get(name, {}).items())
        values = f"{distinct} value{'s' if distinct != 1 else ''}"
        phrases.append(f"{name}: {records} records, {values}" + (f" ({shown})" if shown else ""))
    return phrases


def drift_lines(found: SchemaDrift) -> list[str]:
    """Return the schema drift as lines for the run's log."""
    return [
        f"INN8 sends something that the contract does not list, {name}: {what}. If you need it, declare it in "
        "inn8_pipeline/entities/ (docs/contributing.md)."
        for name, what in drift_found(found).items()
    ]


def of_days(outcome: "Outcome", days: Iterable[str]) -> dict[str, Metadata]:
    """Return the metadata of each day of the run: its number of rows, and its counts of records."""
    counts = {day.isoformat(): of_day for day, of_day in outcome.by_day.items()}
    return {
        day: {"dagster/partition_row_count": rows(counts[day]), **_counts(counts[day])} for day in days if day in counts
    }


def rows(counts: Counts) -> int:
    """Return the number of rows in the table that come from these records."""
    return counts.inserted + counts.updated + counts.unchanged


def _counts(counts: Counts) -> Metadata:
    wanted = ("fetched", "inserted", "updated", "unchanged", "duplicate", "rejected", "skipped")
    return {name: getattr(counts, name) for name in wanted}


def of_tables(entity: Entity, outcome: "Outcome") -> dict[str, Metadata]:
    """Return the metadata of each table that the step wrote: what changed, and how to list the rejects.

    For an entity with days, Dagster stores it once for each day of the run, so it has no totals that the UI would plot
    for each day; the sync log has them.
    """
    changed = outcome.changed_columns
    metadata: Metadata = {
        CHANGED: changed.get(str(entity), {}),
        "rejects": dg.MetadataValue.md(f"`inn8 rejects list --entity {entity}`"),
        "is_repeat": all(result.is_repeat for result in outcome.results),
        **drift_found(outcome.drift_found),
    }
    if not entity.has_days:
        totals = {**outcome.totals, "open_rejects": outcome.total("open_rejects")}
        return {
            str(entity): {"dagster/row_count": rows(outcome.counts), **_counts(outcome.counts), **totals, **metadata}
        }
    written: dict[str, Metadata] = {
        name: {
            action: sum(result.dimensions.get(name, {}).get(action, 0) for result in outcome.results)
            for action in ("inserted", "updated")
        }
        | {CHANGED: changed.get(name, {})}
        for name in entity.tables[:-1]
    }
    return {**written, str(entity): metadata}
