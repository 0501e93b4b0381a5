"""The transactions of a portfolio that is hidden from readers are hidden with it: they are its old client's no more."""

from alembic import op

from inn8_pipeline.warehouse.schema.migrations.versions.v0002_views import TRANSACTIONS

revision = "0005"
down_revision = "0004"

HIDDEN = """
   and not exists (select from inn8.rejected_records h
                    where h.tenant_id = p.tenant_id and h.entity = 'portfolios' and h.record_key = p.external_id
                      and h.resolved_at is null and h.reason_code = 'unknown_parent')
"""


def upgrade() -> None:
    """Replace the view; its owner, its rights and its comment stay."""
    op.execute(TRANSACTIONS.replace("create view", "create or replace view") + HIDDEN)
