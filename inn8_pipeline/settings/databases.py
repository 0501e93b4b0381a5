"""Read the database URLs. Errors do not quote a URL, because it can contain a password."""

from typing import TYPE_CHECKING

from inn8_pipeline.errors import SettingsError
from inn8_pipeline.lazy_imports import lazy_module
from inn8_pipeline.settings.environment import Environment, truth
from inn8_pipeline.settings.model import DatabaseSettings
from inn8_pipeline.settings.urls import well_formed

if TYPE_CHECKING:
    from inn8_pipeline.warehouse import database_url
else:
    database_url = lazy_module("inn8_pipeline.warehouse.database_url")

_WAREHOUSE = "postgresql://inn8:secret@localhost:5432/inn8"


def read_database(environment: Environment) -> DatabaseSettings:
    """Return the settings of the connection to the warehouse.

    Raises:
        SettingsError: The URL is missing or invalid.

    """
    return _read(environment, "INN8_DATABASE_URL")


def read_owner_database(environment: Environment) -> DatabaseSettings:
    """Return the settings of the connection that upgrades, grants and erases; by default, those of `read_database`.

    Raises:
        SettingsError: The URL is missing or invalid.

    """
    is_set = environment.read("INN8_OWNER_DATABASE_URL", _WAREHOUSE, default="")
    return _read(environment, "INN8_OWNER_DATABASE_URL" if is_set else "INN8_DATABASE_URL")


def _read(environment: Environment, name: str) -> DatabaseSettings:
    url = environment.read(name, _WAREHOUSE)
    scheme, separator, _ = url.partition("://")
    if not separator or scheme not in {"postgresql", "postgres", "postgresql+psycopg"}:
        raise SettingsError(name, "must be the URL of a Postgres database", _WAREHOUSE)
    database_url.parse(well_formed(name, url, _WAREHOUSE, has_several_servers=True), name)
    return DatabaseSettings(
        url=url,
        variable=name,
        prepares_statements=environment.parse("INN8_PREPARED_STATEMENTS", truth, "true or false", "true"),
    )
