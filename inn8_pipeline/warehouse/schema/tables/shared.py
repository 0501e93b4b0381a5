"""What the modules of tables share: the schemas, types of columns, and how a table and a foreign key are made."""

from sqlalchemy import BigInteger, DateTime, ForeignKeyConstraint, Identity, MetaData, Table, Text
from sqlalchemy import Column as SqlColumn
from sqlalchemy.schema import SchemaItem

from inn8_pipeline.warehouse.schema.comments import TABLES, describe

SCHEMA = "inn8"
RAW_SCHEMA = "inn8_raw"
HISTORY_SCHEMA = "inn8_history"
TENANT = "tenant_id"

metadata = MetaData()

type_of_key = Text(collation="C")  # compared byte by byte: INN8's ids have no language, and an index on them is quicker
type_of_instant = DateTime(timezone=True)


def pipeline_table(name: str, *items: SchemaItem, schema: str = SCHEMA) -> Table:
    """Return a table of the pipeline with the comments of `schema.comments`."""
    for item in items:
        if isinstance(item, SqlColumn):
            item.comment = describe(name, item.name)
    return Table(name, metadata, *items, schema=schema, comment=TABLES[name])


def identity_columns() -> list[SchemaItem]:
    """Return the columns `id`, which Postgres numbers, and `tenant_id`."""
    return [
        SqlColumn("id", BigInteger, Identity(always=True), nullable=False),
        SqlColumn(TENANT, type_of_key, nullable=False),
    ]


def reference(name: str, column: str, parent: str, schema: str = SCHEMA) -> SchemaItem:
    """Return the foreign key of a column, which includes the tenant."""
    return ForeignKeyConstraint(
        [TENANT, column], [f"{schema}.{parent}.{TENANT}", f"{schema}.{parent}.id"], name=f"{name}_{column}_fkey"
    )
