"""Checks of Dagster's own storage: the timeouts in its URL, and whether its tables are of the installed Dagster."""

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
"""Parameters that the URL should have, and a value for each. Dagster 1.13.27 sets none of them itself."""


@dataclass(eq=False)
class MigrationDueError(Inn8Error):
    """The tables of Dagster's storage are those of another release of Dagster."""

    found: str
    wanted: str

    def __str__(self) -> str:
        """Return what is due, what it means, and what to do."""
        return (
            f"Dagster's tables are at revision {self.found}, the installed Dagster expects {self.wanted}: runs may "
            "fail or be slow. Stop the daemon, run `dagster instance migrate`, and start it again."
        )


def check_migration(instance: DagsterInstance) -> None:
    """Check that Dagster's tables are those of the installed Dagster.

    Raises:
        MigrationDueError: They are not; an upgrade left out `dagster instance migrate`.

    """
    for storage in (instance.run_storage, instance.event_log_storage, instance.schedule_storage):
        version = storage.alembic_version() if storage else None
        if version and version[0] != version[1]:
            raise MigrationDueError(str(version[0]), str(version[1]))


def missing_timeouts(url: str) -> str:
    """Return what to add to the URL of Dagster's storage so that a hung server does not hang Dagster; empty if nothing.

    A URL without a host names a socket of this machine, for which none of it matters.
    """
    parsed = make_url(url)
    if not parsed.host:
        return ""
    return "&".join(f"{name}={value}" for name, value in TIMEOUTS.items() if name not in parsed.query)
