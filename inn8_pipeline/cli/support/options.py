"""Arguments and options that several commands share, and functions that resolve them against the settings."""

import os
import pwd
from datetime import date
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from inn8_pipeline.cli.support import dagster_modules
from inn8_pipeline.cli.support.group import suggestion
from inn8_pipeline.entities import ENTITIES, Entity, Window
from inn8_pipeline.settings import Environment, SyncSettings, read_tenant_ids

if TYPE_CHECKING:
    from inn8_pipeline.defs.names import Tenant


class EntityName(click.ParamType[Entity]):
    """The name of an entity: with `has_days`, of one with days of trade; with `is_singular`, in the singular."""

    name = "entity"

    def __init__(self, *, has_days: bool = False, is_singular: bool = False) -> None:
        self._has_days = has_days
        self._is_singular = is_singular

    def names(self) -> dict[str, Entity]:
        """Return the entities by the name that the help shows."""
        wanted = [entity for entity in ENTITIES if entity.has_days or not self._has_days]
        return {entity.singular if self._is_singular else entity.name: entity for entity in wanted}

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Entity:  # noqa: ANN401
        """Return the entity, or fail with click's own message."""
        if isinstance(value, Entity):
            return value
        filled = {dimension.name: each for each in ENTITIES for dimension in each.dimensions}
        if value in filled:
            self.fail(f"{value!r} are no entity of their own: they are part of {filled[value]}.", param, ctx)
        either = {name: each for each in self.names().values() for name in (each.name, each.singular)}
        found = either.get(str(value).lower())
        if found is None:
            names = ", ".join(map(repr, self.names()))
            self.fail(f"{value!r} is not one of {names}.{suggestion(str(value), self.names())}", param, ctx)
        return found

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:  # noqa: ARG002 (click's signature)
        """Return the names as the help shows them."""
        return f"[{'|'.join(self.names())}]"

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002 (click's signature)
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[CompletionItem]:
        """Return the names that begin with what was typed."""
        return [CompletionItem(name) for name in self.names() if name.startswith(incomplete)]


class TableName(EntityName):
    """The name of an entity, or of a table that one fills besides its own, such as `securities`."""

    name = "table"

    def names(self) -> dict[str, Entity]:
        """Return the entities by the names that the help shows."""
        return super().names() | {each.name: entity for entity in ENTITIES for each in entity.dimensions}

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401
        """Return the entity, or the name of the other table; fail with click's own message."""
        is_other = value in {each.name for each in ENTITIES.dimensions()}
        return value if is_other else super().convert(value, param, ctx)


ENTITY = EntityName()
TABLE = TableName()
ENTITY_WITH_DAYS = EntityName(has_days=True)
ENTITY_OF_RECORD = EntityName(is_singular=True)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
exit_code_option = click.option(
    "--exit-code", "sets_exit_code", is_flag=True, help="Let the exit code say what was found, for scripts."
)
tenant_option = click.option("--tenant", "tenant_id", help="Only this tenant, if INN8_TENANTS names several.")


def _login() -> str:
    """Return the name of the effective user, or its number if it has no name, as in a container."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"uid {os.geteuid()}"


by_option = click.option(
    "--by", envvar=["USER", "LOGNAME", "USERNAME"], default=_login, help="Who does it. Default: your login."
)
verbose_option = click.option("--verbose", "-v", is_flag=True, help="Show Dagster's own log on standard error.")


def tenant_ids_of(environment: Environment, tenant_id: str | None) -> tuple[str, ...]:
    """Return the named tenant, or all tenants of the settings if none was named.

    Raises:
        click.UsageError: The settings do not have this tenant.

    """
    known = read_tenant_ids(environment)
    if tenant_id is None:
        return known
    if tenant_id not in known:
        raise click.UsageError(f"{tenant_id!r} is not a tenant: the settings name {', '.join(known)}.")
    return (tenant_id,)


def tenant_id_of(environment: Environment, tenant_id: str | None) -> str:
    """Return the named tenant, or the only one.

    Raises:
        click.UsageError: The settings have several tenants and none was named; the ids of each are its own.

    """
    found = tenant_ids_of(environment, tenant_id)
    if len(found) > 1:
        raise click.UsageError(f"Name the tenant with --tenant: {', '.join(found)}.")
    return found[0]


def tenant_argument(environment: Environment, tenant_id: str) -> str:
    """Return ` --tenant …` for a command in a message; empty if there is only one tenant."""
    return f" --tenant {tenant_id}" if len(read_tenant_ids(environment)) > 1 else ""


def tenants_of(environment: Environment, tenant_id: str | None) -> "tuple[Tenant, ...]":
    """Return the tenants of `tenant_ids_of` as `Tenant`s, which hold their names in Dagster."""
    wanted = tenant_ids_of(environment, tenant_id)
    return tuple(
        each for each in dagster_modules.names.tenants(read_tenant_ids(environment)) if each.tenant_id in wanted
    )


def tenant_of(environment: Environment, tenant_id: str | None) -> "Tenant":
    """Return the tenant of `tenant_id_of` as a `Tenant`, which holds its names in Dagster."""
    (tenant,) = tenants_of(environment, tenant_id_of(environment, tenant_id))
    return tenant


def window_of(settings: SyncSettings, from_date: date | None, to_date: date | None) -> Window | None:
    """Return the requested days, up to today if no end was given; None if no days were requested.

    Raises:
        click.UsageError: The end lies before the start, or a day lies outside of the days that are synced.

    """
    if from_date is None and to_date is None:
        return None
    if from_date is None:
        raise click.UsageError("--to needs --from, the first day.")
    window = Window(from_date, to_date or settings.today())
    full = settings.full_window()
    if window.from_date > window.to_date:
        raise click.UsageError(f"--from {window.from_date} is after --to {window.to_date}.")
    if window.from_date < full.from_date:
        raise click.UsageError(
            f"--from {window.from_date} is before {full.from_date}, the first day of trade that is synced "
            f"(INN8_TRANSACTIONS_FROM). To load earlier days, set INN8_TRANSACTIONS_FROM={window.from_date} here and "
            "where the daemon and the webserver run, restart these two, and repeat the command."
        )
    if window.to_date > full.to_date:
        raise click.UsageError(f"--to {window.to_date} is after today, {full.to_date} in {settings.timezone}.")
    return window
