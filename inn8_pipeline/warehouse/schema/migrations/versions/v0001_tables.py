"""Create the tables of both schemas. Each upgrade writes their comments (`schema.comments`) at its end."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create all tables. Pages are stored out of line and, until 0021, uncompressed."""
    op.create_table(
        "circuits",
        sa.Column("tenant_id", sa.Text(collation="C"), nullable=False),
        sa.Column("circuit", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("opened_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("trial_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "circuit", name="circuits_pkey"),
        schema="inn8",
    )
    op.create_table(
        "clients",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("tenant_id", sa.Text(collation="C"), nullable=False),
        sa.Column("external_id", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("as_of_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("missing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="clients_pkey"),
        sa.UniqueConstraint("tenant_id", "external_id", name="clients_external_id_key"),
        schema="inn8",
    )
    op.create_index(
        "clients_missing_idx",
        "clients",
        ["tenant_id", "missing_since"],
        unique=False,
        schema="inn8",
        postgresql_where=sa.text("missing_since is not null and removed_at is null"),
    )
    op.create_table(
        "portfolios",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("tenant_id", sa.Text(collation="C"), nullable=False),
        sa.Column("external_id", sa.Text(collation="C"), nullable=False),
        sa.Column("client_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("account_number", sa.Text(), nullable=True),
        sa.Column("account_type", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("as_of_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("missing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "client_id"], ["inn8.clients.tenant_id", "inn8.clients.id"], name="portfolios_client_id_fkey"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="portfolios_pkey"),
        sa.UniqueConstraint("tenant_id", "external_id", name="portfolios_external_id_key"),
        schema="inn8",
    )
    op.create_index("portfolios_client_id_idx", "portfolios", ["tenant_id", "client_id"], unique=False, schema="inn8")
    op.create_index(
        "portfolios_missing_idx",
        "portfolios",
        ["tenant_id", "missing_since"],
        unique=False,
        schema="inn8",
        postgresql_where=sa.text("missing_since is not null and removed_at is null"),
    )
    op.create_table(
        "securities",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("tenant_id", sa.Text(collation="C"), nullable=False),
        sa.Column("external_id", sa.Text(collation="C"), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("isin", sa.Text(), nullable=True),
        sa.Column("security_type", sa.Text(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("as_of_date", sa.Date(), nullable=False),
        sa.Column("as_of_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="securities_pkey"),
        sa.UniqueConstraint("tenant_id", "external_id", name="securities_external_id_key"),
        schema="inn8",
    )
    op.create_table(
        "transactions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("tenant_id", sa.Text(collation="C"), nullable=False),
        sa.Column("external_id", sa.Text(collation="C"), nullable=False),
        sa.Column("portfolio_id", sa.BigInteger(), nullable=False),
        sa.Column("security_id", sa.BigInteger(), nullable=True),
        sa.Column("transaction_type", sa.Text(), nullable=False),
        sa.Column("trade_date", sa.Date(), nullable=False),
        sa.Column("settlement_date", sa.Date(), nullable=True),
        sa.Column("quantity", sa.Numeric(precision=38, scale=10), nullable=True),
        sa.Column("price", sa.Numeric(precision=38, scale=10), nullable=True),
        sa.Column("amount", sa.Numeric(precision=38, scale=10), nullable=True),
        sa.Column("fees", sa.Numeric(precision=38, scale=10), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("as_of_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("missing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "portfolio_id"],
            ["inn8.portfolios.tenant_id", "inn8.portfolios.id"],
            name="transactions_portfolio_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "security_id"],
            ["inn8.securities.tenant_id", "inn8.securities.id"],
            name="transactions_security_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="transactions_pkey"),
        sa.UniqueConstraint("tenant_id", "external_id", name="transactions_external_id_key"),
        schema="inn8",
    )
    op.create_index(
        "transactions_missing_idx",
        "transactions",
        ["tenant_id", "missing_since"],
        unique=False,
        schema="inn8",
        postgresql_where=sa.text("missing_since is not null and removed_at is null"),
    )
    op.create_index(
        "transactions_portfolio_id_idx",
        "transactions",
        ["tenant_id", "portfolio_id", "trade_date"],
        unique=False,
        schema="inn8",
    )
    op.create_index(
        "transactions_trade_date_idx", "transactions", ["tenant_id", "trade_date"], unique=False, schema="inn8"
    )
    op.create_table(
        "rejected_records",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("tenant_id", sa.Text(collation="C"), nullable=False),
        sa.Column("entity", sa.Text(collation="C"), nullable=False),
        sa.Column("record_key", sa.Text(collation="C"), nullable=False),
        sa.Column("external_id", sa.Text(collation="C"), nullable=True),
        sa.Column("trade_date", sa.Date(), nullable=True),
        sa.Column("reason_code", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("payload", postgresql.JSON(), nullable=False),
        sa.Column("landing_id", sa.BigInteger(), nullable=False),
        sa.Column("as_of_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("covers_from", sa.Date(), nullable=True),
        sa.Column("covers_to", sa.Date(), nullable=True),
        sa.Column("row_as_of_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolution", sa.Text(), nullable=True),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("accepted_note", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="rejected_records_pkey"),
        schema="inn8",
    )
    op.create_index(
        "rejected_records_open_idx",
        "rejected_records",
        ["tenant_id", "entity", "record_key"],
        unique=True,
        schema="inn8",
        postgresql_where=sa.text("resolved_at is null"),
    )
    op.create_table(
        "pages",
        sa.Column("tenant_id", sa.Text(collation="C"), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("body", postgresql.JSON(), nullable=False),
        sa.Column("record_count", sa.Integer(), nullable=False),
        sa.Column("byte_count", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "sha256", name="pages_pkey"),
        schema="inn8_raw",
    )
    op.create_table(
        "landings",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("tenant_id", sa.Text(collation="C"), nullable=False),
        sa.Column("entity", sa.Text(collation="C"), nullable=False),
        sa.Column("from_date", sa.Date(), nullable=True),
        sa.Column("to_date", sa.Date(), nullable=True),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column(
            "started_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("page_digests", sa.ARRAY(sa.LargeBinary()), nullable=True),
        sa.Column("record_count", sa.BigInteger(), nullable=True),
        sa.Column("byte_count", sa.BigInteger(), nullable=True),
        sa.Column("retry_count", sa.Integer(), nullable=True),
        sa.Column("has_duplicates", sa.Boolean(), nullable=True),
        sa.Column("transform_version", sa.Integer(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("counts", postgresql.JSON(), nullable=True),
        sa.Column("is_proof", sa.Boolean(), nullable=True),
        sa.Column("is_held_back", sa.Boolean(), nullable=True),
        sa.Column("is_repeatable", sa.Boolean(), nullable=True),
        sa.Column("as_of_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("merged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("repeats_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="landings_pkey"),
        schema="inn8_raw",
    )
    op.create_index(
        "landings_entity_idx", "landings", ["tenant_id", "entity", "started_at"], unique=False, schema="inn8_raw"
    )
    op.create_table(
        "sync_coverage",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("tenant_id", sa.Text(collation="C"), nullable=False),
        sa.Column("entity", sa.Text(collation="C"), nullable=False),
        sa.Column("trade_date", sa.Date(), nullable=True),
        sa.Column("landing_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "landing_id"],
            ["inn8_raw.landings.tenant_id", "inn8_raw.landings.id"],
            name="sync_coverage_landing_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="sync_coverage_pkey"),
        sa.UniqueConstraint(
            "tenant_id", "entity", "trade_date", name="sync_coverage_trade_date_key", postgresql_nulls_not_distinct=True
        ),
        schema="inn8",
    )
    op.create_index(
        "sync_coverage_landing_id_idx", "sync_coverage", ["tenant_id", "landing_id"], unique=False, schema="inn8"
    )
    op.execute("alter table inn8_raw.pages alter column body set storage external")
