"""The staging of one merge: temporary tables that are gone with its transaction.

    staged            sound rows, sent or tried again; `as_of_at` is the start of the fetch that they come from
    staged_rejects    what is refused, with its reason and payload
    staged_…          for each dimension its objects that the staged rows name (staged_securities)
    set_aside         staged rows that will not be merged, and why: skipped, rejected, duplicate

An ordinal is a record's position in the landing; of an open reject that is tried again it is its id, negated.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from inn8_pipeline.entities import Reject, Window
from inn8_pipeline.warehouse.landing.store import Landing
from inn8_pipeline.warehouse.merge.plan import DimensionPlan, MergePlan, name_of, names, type_of

if TYPE_CHECKING:
    import pandas as pd

_REJECTS = """
create temporary table staged_rejects (
  ordinal bigint primary key, record_key text collate "C" not null, external_id text collate "C", trade_date date,
  reason_code text not null, reason text not null, payload json not null, as_of_at timestamptz not null
) on commit drop;
create temporary table set_aside (ordinal bigint primary key, why text not null, trade_date date) on commit drop;
"""


@dataclass(frozen=True)
class MergeContext:
    """What every statement of one merge refers to.

    `days` are those that the landing may write, None for entities without days. `is_late`: a fetch begun later has been
    merged for something; `is_superseded`: for all that this landing covers.
    """

    cursor: psycopg.Cursor[Any]
    plan: MergePlan
    landing: Landing
    days: frozenset[date] | None
    history: Window | None
    is_late: bool
    is_superseded: bool

    def run(self, statement: str | sql.Composable, **more: object) -> psycopg.Cursor[Any]:
        """Execute a statement with the merge's own parameters (`%(tenant)s`, …) and `more`."""
        parameters: dict[str, object] = {
            "tenant": self.landing.tenant_id,
            "entity": self.landing.entity.name,
            "landing": self.landing.id,
            "started_at": self.landing.started_at,
            "days": None if self.days is None else sorted(self.days),
            "from_date": self.landing.window and self.landing.window.from_date,
            "to_date": self.landing.window and self.landing.window.to_date,
        }
        return self.cursor.execute(statement, parameters | more)  # type: ignore[arg-type]

    def count(self, statement: str | sql.Composable, **more: object) -> int:
        """The one number that a statement answers."""
        row = self.run(statement, **more).fetchone()
        return int(row[0]) if row else 0


def record_key(external_id: str | None, payload: bytes) -> str:
    """What a reject is known by: its id, or, where none is readable, its payload's digest."""
    return external_id if external_id is not None else f"sha256:{hashlib.sha256(payload).hexdigest()}"


def create(scope: MergeContext) -> None:
    """Create the staging, empty."""
    columns = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(kind)) for name, kind in scope.plan.staged.items()
    )
    scope.cursor.execute(
        sql.SQL("create temporary table staged ({}, as_of_at timestamptz not null default {}) on commit drop").format(
            columns, sql.Literal(scope.landing.started_at)
        )
    )
    scope.cursor.execute(_REJECTS)
    for dimension in scope.plan.dimensions:
        scope.cursor.execute(_create_dimension(dimension))


def _create_dimension(dimension: DimensionPlan) -> sql.Composed:
    return sql.SQL("""
        create temporary table {} (external_id text collate "C", {}, trade_date date, ordinal bigint) on commit drop
    """).format(
        sql.Identifier(dimension.staged),
        sql.SQL(", ").join(
            sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(type_of(dimension.table.c[name])))
            for name in dimension.columns
        ),
    )


def stage(
    scope: MergeContext, rows: "pd.DataFrame", dimensions: "Mapping[str, pd.DataFrame]", rejects: Sequence[Reject]
) -> None:
    """Append the rows, dimension rows and rejects of one page, or of several."""
    # pandas and pyarrow are loaded here: most syncs find nothing changed, and have nothing to copy.
    from inn8_pipeline.warehouse.bulk_copy import copy_frame  # noqa: PLC0415

    copy_frame(scope.cursor, "staged", rows)
    for dimension in scope.plan.dimensions:
        copy_frame(scope.cursor, dimension.staged, dimensions[dimension.name])
    stage_rejects(scope, rejects, scope.landing.started_at)


def stage_rejects(scope: MergeContext, rejects: Iterable[Reject], as_of_at: datetime) -> None:
    """Append what the transform refused."""
    from inn8_pipeline.warehouse.bulk_copy import copy_tuples  # noqa: PLC0415

    tuples = [
        (
            each.ordinal,
            record_key(each.external_id, each.payload),
            each.external_id,
            each.trade_date,
            str(each.reason_code),
            each.reason,
            each.payload.decode(),
            as_of_at,
        )
        for each in rejects
    ]
    if tuples:
        copy_tuples(scope.cursor, sql.SQL("copy staged_rejects from stdin"), tuples)


def analyze(scope: MergeContext) -> None:
    """Tell the planner how much is staged, by what is joined: without it a join took 44 s instead of 3."""
    joined = names(("ordinal", "external_id", *(parent.staged for parent in scope.plan.parents)))
    others = ("staged_rejects", *(dimension.staged for dimension in scope.plan.dimensions))
    scope.cursor.execute(sql.SQL("analyze staged ({}), {}").format(joined, names(others)))


def analyze_grown_parents(scope: MergeContext) -> None:
    """Tell the planner of parents that are far more than it knows of: autovacuum comes a minute after a first load.

    Without it all securities were read for each transaction, once by the join and once by the foreign key's check. Not
    waited for: another first load may be at it. Where the role may not (MAINTAIN), Postgres leaves it at a warning.
    """
    for parent in scope.plan.parents:
        table = name_of(parent.table)
        if scope.count(_IS_GROWN, table=table.as_string(scope.cursor)):
            scope.run(sql.SQL("analyze (skip_locked) {}").format(table))


_IS_GROWN = """
  select count(*) from pg_catalog.pg_class
   where oid = %(table)s::regclass and pg_relation_size(oid) > 2 * relpages * current_setting('block_size')::bigint
"""
