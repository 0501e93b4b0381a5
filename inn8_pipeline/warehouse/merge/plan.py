"""What the merge has to know of each entity: its table, the columns staged for it, the parents looked up.

Here belong facts about tables; the statements made of them stand in `settle`, `upsert`, `rejects` and `removal`.
"""

from dataclasses import dataclass
from functools import cached_property

from psycopg import sql
from sqlalchemy import Column, Table
from sqlalchemy.dialects import postgresql

from inn8_pipeline.entities import Entity
from inn8_pipeline.warehouse.schema import tables

_TECHNICAL = frozenset(
    {"id", "tenant_id", "external_id", "as_of_at", "missing_since", "removed_at", "created_at", "updated_at"}
)
_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class Parent:
    """A key of ours (`column`) that is looked up by the external id in the staged column `staged`."""

    column: str
    staged: str
    table: Table
    is_required: bool


@dataclass(frozen=True)
class MergePlan:
    """One entity's merge."""

    entity: Entity
    table: Table
    parents: tuple[Parent, ...] = ()

    @cached_property
    def values(self) -> tuple[str, ...]:
        """The columns that INN8 decides: compared, and written where they differ."""
        return tuple(column.name for column in self.table.columns if column.name not in _TECHNICAL)

    @cached_property
    def staged(self) -> dict[str, str]:
        """The columns of a staged row and their types, in order: parents as external ids."""
        by_key = {parent.column: parent.staged for parent in self.parents}
        columns = {"ordinal": "bigint", "external_id": 'text collate "C"'}
        for name in self.values:
            columns |= {by_key[name]: 'text collate "C"'} if name in by_key else {name: type_of(self.table.c[name])}
        return columns

    @property
    def has_days(self) -> bool:
        """Whether the rows belong to days of trade."""
        return "trade_date" in self.table.c


def type_of(column: Column[object]) -> str:
    """The column's type as Postgres spells it."""
    return column.type.compile(_DIALECT).lower()


def name_of(table: Table) -> sql.Composable:
    """The table's qualified name."""
    return sql.Identifier(str(table.schema), table.name)


def names(columns: tuple[str, ...], alias: str | None = None) -> sql.Composable:
    """`a, b, c`, or `alias.a, alias.b, alias.c`."""
    return sql.SQL(", ").join(sql.Identifier(alias, each) if alias else sql.Identifier(each) for each in columns)


PLANS = {
    each.entity: each
    for each in (
        MergePlan(Entity.CLIENTS, tables.clients),
        MergePlan(
            Entity.PORTFOLIOS,
            tables.portfolios,
            (Parent("client_id", "client_external_id", tables.clients, is_required=True),),
        ),
        MergePlan(
            Entity.TRANSACTIONS,
            tables.transactions,
            (
                Parent("portfolio_id", "portfolio_external_id", tables.portfolios, is_required=True),
                Parent("security_id", "security_external_id", tables.securities, is_required=False),
            ),
        ),
    )
}
SECURITY_VALUES = ("symbol", "name", "isin", "security_type", "currency")
