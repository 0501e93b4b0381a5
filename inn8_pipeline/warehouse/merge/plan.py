"""The table, the staged columns and the parents of an entity as the merge uses them, derived from its declaration."""

from dataclasses import dataclass
from functools import cached_property

from psycopg import sql
from sqlalchemy import Column, Table
from sqlalchemy.dialects import postgresql

from inn8_pipeline.entities import DimensionReference, Entity, Reference, value_columns
from inn8_pipeline.warehouse.schema.tables import table_of

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]
_KEY = 'text collate "C"'


@dataclass(frozen=True, slots=True)
class Parent:
    """A foreign key: the value of `column` is looked up by the external id in the staged column `staged`.

    A record whose required parent is unknown is rejected. `source` is the property with the parent's id.
    """

    column: str
    staged: str
    table: Table
    is_required: bool
    source: str
    singular: str


@dataclass(frozen=True, slots=True)
class DimensionPlan:
    """A dimension: its table, its temporary table, and the columns whose values INN8 sends."""

    name: str
    table: Table
    columns: tuple[str, ...]

    @property
    def staged(self) -> str:
        """The name of the temporary table."""
        return f"staged_{self.name}"


@dataclass(frozen=True)
class MergePlan:
    """The plan of the merge of one entity."""

    entity: Entity

    @cached_property
    def table(self) -> Table:
        """The table that is merged into."""
        return table_of(self.entity)

    @cached_property
    def parents(self) -> tuple[Parent, ...]:
        """The keys to look up: those of other entities are required, those of dimensions are not."""
        return tuple(
            Parent(
                each.name,
                each.staged,
                table_of(each.parent),
                is_required=isinstance(each, Reference),
                source=each.source.name,
                singular=each.parent.singular if isinstance(each, Reference) else each.source.name,
            )
            for each in self.entity.columns
            if isinstance(each, Reference | DimensionReference)
        )

    @cached_property
    def dimensions(self) -> tuple[DimensionPlan, ...]:
        """The dimensions whose rows come from the records of the entity."""
        return tuple(DimensionPlan(each.name, table_of(each), value_columns(each)) for each in self.entity.dimensions)

    @cached_property
    def values(self) -> tuple[str, ...]:
        """The columns whose values INN8 sends: they are compared, and written if they differ."""
        return value_columns(self.entity)

    @cached_property
    def staged(self) -> dict[str, str]:
        """The columns of a staged row and their types, in order. Parents are staged as external ids."""
        by_key = {parent.column: parent.staged for parent in self.parents}
        columns = {"ordinal": "bigint", "external_id": _KEY, "record_digest": "bytea"}
        for name in self.values:
            columns |= {by_key[name]: _KEY} if name in by_key else {name: type_of(self.table.c[name])}
        return columns

    @property
    def has_days(self) -> bool:
        """True if the rows belong to days of trade."""
        return self.entity.has_days


def type_of(column: Column[object]) -> str:
    """Return the column's type as Postgres spells it."""
    return column.type.compile(_DIALECT).lower()


def name_of(table: Table) -> sql.Composable:
    """Return the table's qualified name."""
    return sql.Identifier(str(table.schema), table.name)


def names(columns: tuple[str, ...], alias: str | None = None) -> sql.Composable:
    """Return `a, b, c`, or `alias.a, alias.b, alias.c`."""
    return sql.SQL(", ").join(sql.Identifier(alias, each) if alias else sql.Identifier(each) for each in columns)
