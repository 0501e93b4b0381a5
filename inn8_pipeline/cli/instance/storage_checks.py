"""Check Dagster's own storage: the timeouts in its URL, and the version of its tables."""

from dataclasses import dataclass

from dagster import DagsterInstance
from sqlalchemy import make_url

from inn8_pipeline.errors import Inn8Error

TIMEOUTS = {
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}
"""Parameters that the storage's URL should have, with recommended values. Dagster 1.13.27 itself sets none of them."""


@dataclass(eq=False)
class MigrationDueError(Inn8Error):
    """The tables of Dagster's storage belong to another release of Dagster."""

    found: str
    wanted: str

    def __str__(self) -> str:
        """Return which migration is due, what it means, and what to do."""
        return (
            f"Dagster's tables are at revision {self.found}, but the installed Dagster expects {self.wanted}: runs "
            "may fail or be slow. Stop the daemon, run `dagster instance migrate`, and start the daemon again."
        )


def check_migration(instance: DagsterInstance) -> None:
    """Check that Dagster's tables match the installed Dagster.

    Raises:
        MigrationDueError: They do not, because `dagster instance migrate` was not run after an upgrade.

    """
    for storage in (instance.run_storage, instance.event_log_storage, instance.schedule_storage):
        version = storage.alembic_version() if storage else None
        if version and version[0] != version[1]:
            raise MigrationDueError(str(version[0]), str(version[1]))


def missing_timeouts(url: str) -> str:
    """Return the parameters to add to the storage's URL so that a hung server does not hang Dagster; empty if none.

    A URL without a host is for a Unix socket of this machine, where no timeout is needed.
    """
    parsed = make_url(url)
    if not parsed.host:
        return ""
    return "&".join(f"{name}={value}" for name, value in TIMEOUTS.items() if name not in parsed.query)
