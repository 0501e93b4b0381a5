"""Set up the environment of `inn8 demo` and `inn8 dev`: a simulated INN8 and an embedded Postgres.

Inherited settings are removed while it exists, so that no real system can be touched. Only those may be kept that name
none: when a sync runs, and which days it covers.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from inn8_pipeline.cli.support.folders import write_instance
from inn8_pipeline.lazy_imports import lazy_module
from inn8_pipeline.sandbox.postgres.embedded import EmbeddedPostgres
from inn8_pipeline.sandbox.world.world import World

if TYPE_CHECKING:
    from inn8_pipeline.sandbox.api import server as sandbox_server
    from inn8_pipeline.warehouse import database
    from inn8_pipeline.warehouse.schema import migrations
else:
    sandbox_server = lazy_module("inn8_pipeline.sandbox.api.server")
    database = lazy_module("inn8_pipeline.warehouse.database")
    migrations = lazy_module("inn8_pipeline.warehouse.schema.migrations")

_OURS = ("INN8_", "DAGSTER_")
KEPT = ("INN8_TICK_MINUTES", "INN8_LOOKBACK_DAYS", "INN8_SWEEP_DAYS", "INN8_TIMEZONE")
"""The settings that `inn8 dev` keeps: they name no system."""


@dataclass(frozen=True, slots=True)
class LocalDatabases:
    """A running Postgres, the names of its two databases, and the folder of the Dagster instance."""

    postgres: EmbeddedPostgres
    warehouse: str
    storage: str
    home: Path


@contextmanager
def local_environment(
    databases: LocalDatabases, world: World, tenant_id: str, kept: Mapping[str, str] | None = None
) -> Iterator[dict[str, str]]:
    """Serve the simulated INN8, migrate the warehouse, and set this process's environment; yield the variables set.

    `kept` are further variables to set.
    """
    with ExitStack() as stack:
        server = stack.enter_context(sandbox_server.SandboxServer(world))
        variables = {
            "INN8_BASE_URL": server.base_url,
            "INN8_CLIENT_ID": server.client_id,
            "INN8_CLIENT_SECRET": server.client_secret,
            "INN8_TENANT_ID": tenant_id,
            "INN8_TRANSACTIONS_FROM": world.first_date.isoformat(),
            "INN8_DATABASE_URL": databases.postgres.url(databases.warehouse),
            "DAGSTER_POSTGRES_URL": databases.postgres.url(databases.storage, driver="psycopg2"),
            "DAGSTER_HOME": str(write_instance(databases.home)),
            "DAGSTER_DISABLE_TELEMETRY": "yes",
            **(kept or {}),
        }
        stack.enter_context(_environment(variables))
        migrations.upgrade(database.connect(variables["INN8_DATABASE_URL"]))
        yield variables


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Replace, inside the block, all variables of this process that begin with INN8_ or DAGSTER_ by these."""
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith(_OURS)]:
        del os.environ[name]
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def kept_settings() -> dict[str, str]:
    """Return those of `KEPT` that are set in this process's environment."""
    return {name: os.environ[name] for name in KEPT if os.environ.get(name)}


def ignored_settings() -> list[str]:
    """Return the names of the settings of this process's environment that are removed."""
    return sorted(
        name for name in os.environ if name.startswith(_OURS) and name not in {*KEPT, "DAGSTER_DISABLE_TELEMETRY"}
    )
