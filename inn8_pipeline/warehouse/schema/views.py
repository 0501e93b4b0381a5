"""The views for readers: what a row is, and the columns in order with their comments.

The views of entities are derived from their declarations. The migrations create them, and a test compares both.
`entity_ddl` generates the SQL for a new entity.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from inn8_pipeline.entities import (
    AS_OF_DATE,
    DAY_COLUMN,
    ENTITIES,
    TECHNICAL,
    Column,
    Dimension,
    Entity,
    Reference,
    table_columns,
)
from inn8_pipeline.warehouse.schema import contact_data
from inn8_pipeline.warehouse.schema.comments import COLUMNS, ENDED, SYNC_LOG_COUNTS, TABLES, describe

SYNCED = "Start of the last fetch that confirmed the row; unchanged while it is missing, removed, rejected or not sent."
SYNC_LOG = (
    *("tenant_id", "id", "run_id", "entity", "from_date", "to_date", "trigger", "status", "needs_action"),
    *("started_at", "ended_at", *SYNC_LOG_COUNTS, "bytes", "retries", "waits", "landing_id", "message"),
    "waited_seconds", "merged_at", "repaired", "unchanged_pages",
)  # fmt: skip
"""The columns of `inn8.sync_log`."""


@dataclass(frozen=True, slots=True)
class View:
    """A view: its qualified name, what a row is, and its columns in order with their comments."""

    name: str
    comment: str
    columns: dict[str, str]


def views() -> tuple[View, ...]:
    """Return all views: details of each entity, the pipeline's own, and the records as sent."""
    with_history = dict.fromkeys(declared for entity in ENTITIES for declared in entity.declarations)
    return (
        *map(details_view, ENTITIES),
        *map(history_view, with_history),
        *_own_views(),
        *map(raw_view, ENTITIES),
    )


def details_view(entity: Entity) -> View:
    """Return the view of an entity's rows, with the ids and names of their parents."""
    parents = [column.source.name if not isinstance(column, Reference) else column.parent.singular
               for column in entity.columns if not isinstance(column, Column)]  # fmt: skip
    joined = f" with its {' and its '.join(parents)}" if parents else ", with when it was last confirmed"
    hidden = "; left out while its record names another owner but is invalid" if entity.references else ""
    article = f"A row is a {entity.singular}{joined}{hidden}."
    return View(f"inn8.{entity.singular}_details", article, dict(_details_columns(entity)))


def _details_columns(entity: Entity) -> Iterator[tuple[str, str]]:
    yield from ((name, TECHNICAL[name]) for name in ("tenant_id", "id", "external_id"))
    for column in entity.columns:
        yield column.name, _comment(entity, column.name)
        if not isinstance(column, Column):
            what = column.parent.singular if isinstance(column, Reference) else column.source.name
            null = "; null if the record has none" if column.is_nullable else ""
            yield column.staged, f"The {what}'s id at INN8{null}."
            for name in column.shown:
                yield shown_name(column.name, name), _comment(column.parent, name)
    yield from ((name, TECHNICAL[name]) for name in ("missing_since", "removed_at", "created_at", "updated_at"))
    yield "last_synced_at", SYNCED
    yield from ((name, TECHNICAL[name]) for name in ("landing_id", "valid_from"))


def history_name(declared: Entity | Dimension) -> str:
    """Return the qualified name of the view of all versions: `inn8.client_history`."""
    return f"inn8.{declared.singular if isinstance(declared, Entity) else declared.source}_history"


def as_of_name(entity: Entity) -> str:
    """Return the qualified name of the row type of the `…_as_of` function: `inn8.client_as_of`."""
    return f"inn8.{entity.singular}_as_of"


def history_view(declared: Entity | Dimension) -> View:
    """Return the view of all versions of an entity's or a dimension's rows."""
    what = declared.singular if isinstance(declared, Entity) else declared.source
    hidden = "; left out while it was hidden" if isinstance(declared, Entity) and declared.references else ""
    comment = f"A row is a version of a {what}, past or current, with since when and until when it was valid{hidden}."
    return View(history_name(declared), comment, dict(_history_columns(declared)))


def _history_columns(declared: Entity | Dimension) -> Iterator[tuple[str, str]]:
    yield from ((name, TECHNICAL[name]) for name in ("tenant_id", "id", "external_id"))
    for column in declared.columns:
        yield column.name, _comment(declared, column.name)
        if not isinstance(column, Column):
            what = column.parent.singular if isinstance(column, Reference) else column.source.name
            yield column.staged, f"The {what}'s id at INN8; null if there is none."
    if isinstance(declared, Entity):
        yield from ((name, TECHNICAL[name]) for name in ("missing_since", "removed_at"))
    else:
        yield "as_of_date", AS_OF_DATE
    yield from ((name, TECHNICAL[name]) for name in ("created_at", "updated_at", "landing_id", "valid_from"))
    yield "valid_to", f"{ENDED['valid_to'].removesuffix('.')}; null of the current one."
    yield from ((name, ENDED[name]) for name in ("reason", "ended_by_landing_id", "ended_by_run_id"))


def _comment(declared: Entity | Dimension, name: str) -> str:
    (sentence,) = (each.comment for each in table_columns(declared) if each.name == name)
    return contact_data.comment(sentence) if name in contact_data.personal_columns(declared) else sentence


def shown_name(key: str, column: str) -> str:
    """Return the name that a column of a parent has in the details view, such as `client_name`."""
    return column if column.endswith("_id") else f"{key.removesuffix('_id')}_{column}"


def raw_view(entity: Entity) -> View:
    """Return the view of an entity's records as INN8 sent them."""
    days = {DAY_COLUMN: "Day of trade of the record."} if entity.has_days else {}
    columns = {
        "tenant_id": TECHNICAL["tenant_id"],
        "landing_id": "The landing that holds the record.",
        "as_of_at": COLUMNS["landings"]["as_of_at"],
        "page": "Position of the chunk, or of the whole page, in the landing, from 1.",
        "place": "Position of the record in it, from 1.",
        **days,
        "record": contact_data.comment("The record, exactly as INN8 sent it."),
    }
    merged = " for its day" if entity.has_days else ""
    comment = f"A row is a record of {entity} as INN8 sent it, in the landing merged last{merged}."
    return View(f"inn8_raw.{entity}", comment, columns)


def _own_views() -> tuple[View, ...]:
    landing = {name: COLUMNS["landings"][name] for name in ("status", "record_count", "merged_at")}
    state = "tenant_id entity trade_date landing_id status record_count merged_at last_synced_at proven_at"
    state_columns = {
        **landing,
        "last_synced_at": "Start of the last fetch with exactly the pages of the landing.",
        "proven_at": "The same time, if absence from the landing counts towards removal; else null.",
    }
    rejects = (
        "tenant_id id entity external_id trade_date reason_code reason landing_id attempts first_seen_at last_seen_at "
        "accepted_at accepted_note"
    )
    return (
        View(
            "inn8.sync_state",
            "A row is a day of trade, or a whole collection, and the landing that it was last merged from.",
            {name: state_columns.get(name) or describe("sync_coverage", name) for name in state.split()},
        ),
        View(
            "inn8.open_rejects",
            "A row is an open reject and its reason, without the record itself.",
            {name: describe("rejected_records", name) for name in rejects.split()},
        ),
        View(
            "inn8.sync_log",
            TABLES["sync_log_entries"],
            {name: describe("sync_log_entries", name) for name in SYNC_LOG},
        ),
        View(
            "inn8.paused_entities",
            TABLES["pauses"],
            {name: describe("pauses", name) for name in ("tenant_id", *COLUMNS["pauses"])},
        ),
    )
