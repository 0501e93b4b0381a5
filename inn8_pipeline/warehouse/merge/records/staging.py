"""The staging of one merge: temporary tables that are dropped at the end of its transaction.

    staged            valid rows, fetched or retried; `as_of_at` is the start of the fetch that they come from
    staged_rejects    rejects with their reason and payload
    staged_…          one for each dimension: the objects in the records of the staged rows (staged_securities)
    skipped           ids of the records of days that are not merged; created only if the landing lacks a row
    same_records      records that are the same as when their rows were written (`changes.same_records`): not staged
    lacking           rows that the landing lacks (`absence`)
    exclusions        staged rows that are not merged, with the name of their count: skipped, rejected or duplicate

The ordinal of a record is its position in the landing; that of a retried reject is the negative id of the reject.
"""

import hashlib
from collections.abc import Iterator, Sequence

from psycopg import sql

from inn8_pipeline.entities import Reject
from inn8_pipeline.warehouse.bulk_copy import copy_rows, copy_tuples
from inn8_pipeline.warehouse.database import Statement
from inn8_pipeline.warehouse.merge.context import MergeContext
from inn8_pipeline.warehouse.merge.plan import DimensionPlan, name_of, names, type_of
from inn8_pipeline.warehouse.merge.records.record_source import RecordBatch

_CREATE_ROWS = sql.SQL(
    "create temporary table staged ({columns}, as_of_at timestamptz not null default {as_of_at}) on commit drop"
)
_CREATE_REJECTS = sql.SQL(
    """
    create temporary table staged_rejects (
      ordinal bigint primary key, record_key text collate "C" not null, external_id text collate "C", trade_date date,
      reason_code text not null, reason text not null, payload json not null, as_of_at timestamptz not null,
      unknown_parent_id text collate "C"
    ) on commit drop
    """
)
_CREATE_EXCLUSIONS = sql.SQL(
    """
    create temporary table exclusions (
      ordinal bigint primary key, counted_as text not null, trade_date date
    ) on commit drop
    """
)
_CREATE_DIMENSION = sql.SQL(
    """
    create temporary table {staged} (
      external_id text collate "C", {columns}, trade_date date, ordinal bigint
    ) on commit drop
    """
)
_COPY_REJECTS = sql.SQL(
    """
    copy staged_rejects (ordinal, record_key, external_id, trade_date, reason_code, reason, payload, as_of_at)
      from stdin
    """
)


def record_key(external_id: str | None, payload: bytes) -> str:
    """Return the key of a reject: its external id, or a digest of its payload if it has no readable id."""
    return external_id if external_id is not None else f"sha256:{hashlib.sha256(payload).hexdigest()}"


def create(context: MergeContext) -> None:
    """Create the temporary tables, empty."""
    context.run(
        _CREATE_ROWS.format(columns=_columns(context.plan.staged), as_of_at=sql.Literal(context.landing.started_at))
    )
    context.run(_CREATE_REJECTS)
    context.run(_CREATE_EXCLUSIONS)
    for dimension in context.plan.dimensions:
        context.run(_create_dimension(dimension))


def _create_dimension(dimension: DimensionPlan) -> Statement:
    columns = {name: type_of(dimension.table.c[name]) for name in dimension.columns}
    return _CREATE_DIMENSION.format(staged=sql.Identifier(dimension.staged), columns=_columns(columns))


def _columns(types: dict[str, str]) -> sql.Composable:
    return sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(kind)) for name, kind in types.items()
    )


def stage(context: MergeContext, batch: RecordBatch) -> None:
    """Append the rows, the rows of dimensions and the rejects of one batch."""
    cursor = context.cursor()
    copy_rows(cursor, "staged", batch.rows)
    for dimension in context.plan.dimensions:
        copy_rows(cursor, dimension.staged, batch.dimensions[dimension.name])
    if batch.rejects:
        copy_tuples(cursor, _COPY_REJECTS, _reject_tuples(context, batch.rejects))


def _reject_tuples(context: MergeContext, rejects: Sequence[Reject]) -> Iterator[tuple[object, ...]]:
    for each in rejects:
        yield (
            each.ordinal,
            record_key(each.external_id, each.payload),
            each.external_id,
            each.trade_date,
            str(each.reason_code),
            each.reason,
            each.payload.decode(),
            context.landing.started_at,
        )


_CREATE_SKIPPED = sql.SQL("create temporary table skipped_rows ({columns}) on commit drop")
_CREATE_SKIPPED_IDS = sql.SQL('create temporary table skipped (external_id text collate "C") on commit drop')
_COPY_SKIPPED_IDS = sql.SQL("copy skipped from stdin")
_MOVE_SKIPPED = sql.SQL(
    "with moved as (delete from skipped_rows returning external_id) insert into skipped select external_id from moved"
)


def create_skipped(context: MergeContext) -> None:
    """Create the table of the ids of skipped records, empty."""
    context.run(_CREATE_SKIPPED.format(columns=_columns(context.plan.staged)))
    context.run(_CREATE_SKIPPED_IDS)


def stage_skipped(context: MergeContext, batch: RecordBatch) -> None:
    """Append the readable ids of a batch of skipped records."""
    cursor = context.cursor()
    copy_rows(cursor, "skipped_rows", batch.rows)
    context.run(_MOVE_SKIPPED)
    copy_tuples(cursor, _COPY_SKIPPED_IDS, [(each.external_id,) for each in batch.rejects if each.external_id])


def analyze(context: MergeContext) -> None:
    """Analyze the staged rows for the planner: without statistics of the join columns a join took 44 s instead of 3."""
    joined = names(("ordinal", "external_id", *(parent.staged for parent in context.plan.parents)))
    others = ("staged_rejects", *(dimension.staged for dimension in context.plan.dimensions))
    context.run(sql.SQL("analyze staged ({}), {}").format(joined, names(others)))


def analyze_grown_parents(context: MergeContext) -> None:
    """Analyze the parents' tables that have grown since they were last analyzed: autovacuum runs a minute too late.

    Without new statistics a first load read all securities for each transaction, once in the join and once in the check
    of the foreign key. The statement does not wait for another session that analyzes the same table (`skip_locked`).
    Without the right MAINTAIN Postgres only warns.
    """
    for parent in context.plan.parents:
        table = name_of(parent.table)
        if context.count(_COUNT_IF_GROWN, table=table.as_string()):
            context.run(sql.SQL("analyze (skip_locked) {}").format(table))


_COUNT_IF_GROWN = sql.SQL(
    """
    select count(*) from pg_catalog.pg_class
     where oid = %(table)s::regclass and pg_relation_size(oid) > 2 * relpages * current_setting('block_size')::bigint
    """
)
