"""Dagster's own storage: timeouts in its URL, and whether a migration is due."""

import dagster as dg
import pytest

from inn8_pipeline.cli.instance.storage_checks import MigrationDueError, check_migration, missing_timeouts


def test_the_timeouts_that_the_url_of_another_machine_lacks_are_named() -> None:
    url = "postgresql+psycopg2://inn8:secret@db/dagster"
    assert missing_timeouts(url) == (
        "connect_timeout=10&keepalives_idle=30&keepalives_interval=10&keepalives_count=3&tcp_user_timeout=60000"
    )
    assert missing_timeouts(f"{url}?{missing_timeouts(url)}") == ""
    assert missing_timeouts(f"{url}?sslmode=require&connect_timeout=5").startswith("keepalives_idle=30&")
    assert missing_timeouts("postgresql+psycopg2://inn8@/dagster?host=/run/postgresql") == ""


def test_a_migration_that_is_due_is_found(instance: dg.DagsterInstance) -> None:
    check_migration(instance)
    with instance.run_storage.connect() as connection:  # type: ignore[attr-defined]
        connection.exec_driver_sql("update alembic_version set version_num = '16e3115a602a'")
    with pytest.raises(MigrationDueError, match=r"revision 16e3115a602a.*run `dagster instance migrate`"):
        check_migration(instance)
