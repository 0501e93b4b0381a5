"""The first load of a table: rows are inserted without foreign keys and secondary indexes, which are added afterwards.

For each row that is inserted, Postgres looks up its parents and adds an entry to each index. That takes two thirds of
the time of a first load of 500,000 rows. Created again in the same transaction, a foreign key is checked by one query
and an index is built once. Nobody can write a row meanwhile that the foreign key would refuse: the table and its
parents are locked exclusively from before it is dropped until the end of the transaction. If the merge fails, its
transaction is rolled back, so both are as they were.

The exclusive locks make readers wait too, so all of this is done only while the table is empty. If a lock cannot be had
at once, or the login does not own the tables, the rows are inserted as in every other merge.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import psycopg
from psycopg import sql

from inn8_pipeline.warehouse import locks
from inn8_pipeline.warehouse.database import Statement, raw
from inn8_pipeline.warehouse.merge.context import MergeContext
from inn8_pipeline.warehouse.merge.plan import name_of

MINIMUM_RECORDS: Final = 50_000
"""The smallest landing for which this is worth the locks."""
LOCK_SECONDS: Final = 0.3
"""How long to wait for the locks: for less than Postgres's `deadlock_timeout`, so that nobody else is cancelled."""


@dataclass(frozen=True, slots=True)
class _Definition:
    """The statements that drop a foreign key or an index, and that create it again."""

    drop: Statement
    create: Statement


@contextmanager
def prepared(context: MergeContext) -> Iterator[None]:
    """Insert the rows of the block without foreign keys and secondary indexes, if this is a first load.

    At the end of the block the keys are checked for all rows and the indexes are built.

    Raises:
        psycopg.errors.ForeignKeyViolation: A row has no parent.

    """
    definitions = _definitions(context) if _is_first_load(context) and _locks_alone(context) else []
    for each in definitions:
        context.run(each.drop)
    yield
    for each in reversed(definitions):
        context.run(each.create)


_IS_OWNED_AND_EMPTY = sql.SQL(
    """
    select (select bool_and(pg_has_role(c.relowner, 'USAGE')) from pg_class c
             where c.oid = any (%(tables)s::text[]::regclass[]))
       and {is_empty} as is_first
    """
)
_IS_EMPTY = sql.SQL("not exists (select from {})")


def _is_first_load(context: MergeContext) -> bool:
    if context.landing.records < MINIMUM_RECORDS:
        return False
    statement = _IS_OWNED_AND_EMPTY.format(is_empty=_is_empty(context))
    return bool(context.count(statement, tables=[each.as_string() for each in _tables(context)]))


def _tables(context: MergeContext) -> list[sql.Composable]:
    return [name_of(context.plan.table), *(name_of(parent.table) for parent in context.plan.parents)]


def _locks_alone(context: MergeContext) -> bool:
    """Lock the table and its parents exclusively, unless others use them; return whether the table is empty then."""
    tables = sql.SQL(", ").join(_tables(context))
    try:
        with raw(context.connection).transaction(), locks.waiting_at_most(context.connection, LOCK_SECONDS):
            context.run(sql.SQL("lock table only {} in access exclusive mode").format(tables))
    except psycopg.errors.LockNotAvailable:
        return False
    return bool(context.count(sql.SQL("select {}").format(_is_empty(context))))


def _is_empty(context: MergeContext) -> sql.Composable:
    return _IS_EMPTY.format(name_of(context.plan.table))


_FOREIGN_KEYS = sql.SQL(
    """
    select conname as name, pg_get_constraintdef(oid) as definition from pg_constraint
     where conrelid = %(table)s::text::regclass and contype = 'f'
     order by conname
    """
)
_INDEXES = sql.SQL(
    """
    select indexrelid::regclass::text as name, pg_get_indexdef(indexrelid) as definition from pg_index
     where indrelid = %(table)s::text::regclass and not indisunique
     order by 1
    """
)


def _definitions(context: MergeContext) -> list[_Definition]:
    """Return the table's foreign keys and its secondary indexes. Names and definitions are quoted by Postgres."""
    table = name_of(context.plan.table)
    keys = [
        _Definition(
            sql.SQL("alter table {} drop constraint {}").format(table, sql.Identifier(row["name"])),
            sql.SQL("alter table {} add constraint {} {}").format(
                table, sql.Identifier(row["name"]), sql.SQL(row["definition"])
            ),
        )
        for row in context.run(_FOREIGN_KEYS, table=table.as_string())
    ]
    indexes = [
        _Definition(sql.SQL("drop index {}").format(sql.SQL(row["name"])), sql.SQL(row["definition"]))
        for row in context.run(_INDEXES, table=table.as_string())
    ]
    return keys + indexes
