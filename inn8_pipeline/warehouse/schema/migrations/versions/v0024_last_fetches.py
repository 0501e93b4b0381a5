"""The responses of each entity's last fetch, so that a fetch whose responses are all the same repeats its landing."""

from alembic import op

revision = "0024"
down_revision = "0023"

CREATE = """
create table inn8_raw.last_fetches (
  tenant_id text collate "C" not null,
  entity text collate "C" not null,
  landing_id bigint not null,
  digests_sha256 bytea not null,
  responses json not null,
  constraint last_fetches_pkey primary key (tenant_id, entity),
  constraint last_fetches_landing_fkey foreign key (tenant_id, landing_id)
    references inn8_raw.landings (tenant_id, id) on delete cascade
)
"""


def upgrade() -> None:
    """Create the table with its rights. It is empty until the next fetch."""
    for statement in (
        CREATE,
        "create index last_fetches_landing_idx on inn8_raw.last_fetches (tenant_id, landing_id)",
        "alter table inn8_raw.last_fetches enable row level security",
        "create policy writer on inn8_raw.last_fetches to inn8_writer using (true) with check (true)",
        "grant select, insert, update, delete on inn8_raw.last_fetches to inn8_writer",
    ):
        op.execute(statement)
