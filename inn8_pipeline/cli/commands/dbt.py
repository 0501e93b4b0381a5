"""`inn8 dbt`: print what dbt needs to know about the views."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from inn8_pipeline.cli.support.group import examples
from inn8_pipeline.entities import ENTITIES, Column, Entity, Kind
from inn8_pipeline.lazy_imports import lazy_module
from inn8_pipeline.settings import Environment, SyncSettings, read_sync

if TYPE_CHECKING:
    from inn8_pipeline.warehouse.schema import views
    from inn8_pipeline.warehouse.schema.views import View
else:
    views = lazy_module("inn8_pipeline.warehouse.schema.views")

_DESCRIPTIONS = {
    "inn8": "Clients, portfolios and transactions of INN8, as the pipeline keeps them.",
    "inn8_raw": "The records as INN8 sent them.",
}
_NEVER_NULL = ("tenant_id", "id", "external_id")


@click.group(name="dbt", epilog=examples("inn8 dbt sources > models/sources.yml"))
def command() -> None:
    """Print what dbt needs to know about the views."""


@command.command(epilog=examples("inn8 dbt sources > models/sources.yml"))
def sources() -> None:
    """Print `sources.yml` with all views: descriptions, tests and freshness. No database is needed.

    The freshness is that of the check `freshness`: a warning after two ticks and 5 minutes, an error after four ticks
    and 5 minutes.
    """
    click.echo("\n".join(_lines(read_sync(Environment()))))


def _lines(settings: SyncSettings) -> Iterator[str]:
    details = {views.details_view(entity).name: entity for entity in ENTITIES}
    yield "version: 2"
    yield "sources:"
    for schema, description in _DESCRIPTIONS.items():
        yield f"  - name: {schema}"
        yield f"    schema: {schema}"
        yield f"    description: {_text(description)}"
        yield "    tables:"
        for view in views.views():
            if view.name.startswith(f"{schema}."):
                yield from _table(view, details.get(view.name), settings)


def _table(view: "View", entity: Entity | None, settings: SyncSettings) -> Iterator[str]:
    yield f"      - name: {view.name.partition('.')[2]}"
    yield f"        description: {_text(view.comment)}"
    if entity is not None:
        yield "        loaded_at_field: last_synced_at"
        yield "        freshness:"
        for name, age in zip(("warn_after", "error_after"), settings.freshness_bounds(), strict=True):
            yield f"          {name}: {{count: {age // timedelta(minutes=1)}, period: minute}}"
    yield "        columns:"
    for name, comment in view.columns.items():
        yield f"          - name: {name}"
        yield f"            description: {_text(comment)}"
        tests = list(_tests(name, entity)) if entity is not None else []
        if tests:
            yield f"            data_tests: [{', '.join(tests)}]"


def _tests(name: str, entity: Entity) -> Iterator[str]:
    column = next((each for each in entity.columns if each.name == name), None)
    # Personal columns are null for a reader without contact data.
    is_personal = isinstance(column, Column) and column.is_personal
    if name in _NEVER_NULL or (column is not None and not column.is_nullable and not is_personal):
        yield "not_null"
    if name == "id":
        yield "unique"
    if isinstance(column, Column) and column.source.kind is Kind.CHOICE:
        values = json.dumps([*column.source.choices, "unknown"])
        yield f"{{accepted_values: {{arguments: {{values: {values}}}}}}}"


def _text(sentence: str) -> str:
    """Return a sentence as a scalar of YAML, of which JSON is a part."""
    return json.dumps(sentence, ensure_ascii=False)
