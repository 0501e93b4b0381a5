"""Arguments and options that several commands share, and what they mean together with the settings."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from inn8_pipeline.cli.support import dagster_modules
from inn8_pipeline.cli.support.group import suggestion
from inn8_pipeline.entities import ENTITIES, Entity, Window
from inn8_pipeline.settings import Environment, SyncSettings, read_tenant_ids

if TYPE_CHECKING:
    from inn8_pipeline.defs.names import Tenant


class Day(click.ParamType[date]):
    """A calendar day, YYYY-MM-DD."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:  # noqa: ANN401
        """Return the day, or fail with click's own message."""
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        try:
            return date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a day. Write it as 2026-03-31.", param, ctx)


DAY = Day()


class EntityName(click.ParamType[Entity]):
    """The name of a declared entity, of one that has days of trade, or of one record of it."""

    name = "entity"

    def __init__(self, *, has_days: bool = False, is_singular: bool = False) -> None:
        self._has_days = has_days
        self._is_singular = is_singular

    def names(self) -> dict[str, Entity]:
        """Return the names that the help shows, and the entity of each; singular and plural are both accepted."""
        wanted = [entity for entity in ENTITIES if entity.has_days or not self._has_days]
        return {entity.singular if self._is_singular else entity.name: entity for entity in wanted}

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Entity:  # noqa: ANN401
        """Return the entity, or fail with click's own message."""
        if isinstance(value, Entity):
            return value
        either = {name: each for each in self.names().values() for name in (each.name, each.singular)}
        found = either.get(str(value).lower())
        if found is None:
            names = ", ".join(map(repr, self.names()))
            self.fail(f"{value!r} is not one of {names}.{suggestion(str(value), self.names())}", param, ctx)
        return found

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:  # noqa: ARG002 (click's signature)
        """Return the names, as the help shows them."""
        return f"[{'|'.join(self.names())}]"

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002 (click's signature)
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[CompletionItem]:
        """Return the names that begin as typed."""
        return [CompletionItem(name) for name in self.names() if name.startswith(incomplete)]


ENTITY = EntityName()
ENTITY_WITH_DAYS = EntityName(has_days=True)
ENTITY_OF_RECORD = EntityName(is_singular=True)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
tenant_option = click.option("--tenant", "tenant_id", help="Only this tenant, where INN8_TENANTS names several.")
verbose_option = click.option("--verbose", "-v", is_flag=True, help="Show Dagster's own log on standard error.")


def tenant_ids_of(environment: Environment, tenant_id: str | None) -> tuple[str, ...]:
    """Return the tenant that was named, or all tenants of the settings; UsageError for one that is not among them."""
    known = read_tenant_ids(environment)
    if tenant_id is None:
        return known
    if tenant_id not in known:
        raise click.UsageError(f"{tenant_id!r} is not a tenant: the settings name {', '.join(known)}.")
    return (tenant_id,)


def tenant_id_of(environment: Environment, tenant_id: str | None) -> str:
    """Return the one tenant that is meant. Where there are several it must be named: each has ids of its own."""
    found = tenant_ids_of(environment, tenant_id)
    if len(found) > 1:
        raise click.UsageError(f"Name the tenant with --tenant: {', '.join(found)}.")
    return found[0]


def tenant_argument(environment: Environment, tenant_id: str) -> str:
    """Return ` --tenant …` for a command that a message names; empty where there is one tenant."""
    return f" --tenant {tenant_id}" if len(read_tenant_ids(environment)) > 1 else ""


def tenants_of(environment: Environment, tenant_id: str | None) -> "tuple[Tenant, ...]":
    """Return what `tenant_ids_of` does, with the tenants' names in Dagster."""
    wanted = tenant_ids_of(environment, tenant_id)
    return tuple(
        each for each in dagster_modules.names.tenants(read_tenant_ids(environment)) if each.tenant_id in wanted
    )


def tenant_of(environment: Environment, tenant_id: str | None) -> "Tenant":
    """Return what `tenant_id_of` does, with the tenant's names in Dagster."""
    (tenant,) = tenants_of(environment, tenant_id_of(environment, tenant_id))
    return tenant


def window_of(settings: SyncSettings, from_date: date | None, to_date: date | None) -> Window | None:
    """Return the days that were asked for, up to today where no end was given; None if none were.

    Raises:
        click.UsageError: The days cannot be, or lie outside of the history that the settings name.

    """
    if from_date is None and to_date is None:
        return None
    if from_date is None:
        raise click.UsageError("--to needs --from: without it the first day is not known.")
    window = Window(from_date, to_date or settings.today())
    history = settings.history()
    if window.from_date > window.to_date:
        raise click.UsageError(f"--from {window.from_date} is after --to {window.to_date}.")
    if window.from_date not in history or window.to_date not in history:
        raise click.UsageError(
            f"There are days of trade from {history.from_date} (INN8_TRANSACTIONS_FROM) to {history.to_date}, today; "
            f"{window} is not within them."
        )
    return window
