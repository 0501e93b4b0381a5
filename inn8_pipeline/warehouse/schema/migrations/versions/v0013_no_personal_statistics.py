"""The planner keeps no statistics of personal columns: `EXPLAIN` shows any reader the frequent values of all tenants.

Postgres 18 can delete the statistics that there are. On Postgres 17 only a superuser can: docs/security.md has the
statement.
"""

from alembic import op

revision = "0013"
down_revision = "0012"

PERSONAL = {
    "clients": ("name", "email", "phone", "address"),
    "portfolios": ("account_number",),
    "transactions": ("description",),
}
HAS_CLEAR = "select to_regproc('pg_catalog.pg_clear_attribute_stats') is not null"


def upgrade() -> None:
    """Collect no more statistics of these columns, and delete those that were collected."""
    may_clear = op.get_bind().exec_driver_sql(HAS_CLEAR).scalar()
    for schema in ("inn8", "inn8_history"):
        for table, columns in PERSONAL.items():
            for column in columns:
                op.execute(f"alter table {schema}.{table} alter column {column} set statistics 0")
                if may_clear:
                    op.execute(f"select pg_clear_attribute_stats('{schema}', '{table}', '{column}', false)")
