"""The environment of Alembic. Only `migrations.upgrade` runs it, and passes its connection."""

from alembic import context

from inn8_pipeline.warehouse.schema.tables import SCHEMA, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table="schema_version",
    version_table_schema=SCHEMA,
    include_schemas=True,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
