"""The catalog entries of the assets are complete, and the lineage of their columns is correct."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import dagster as dg
import pytest

from inn8_pipeline.defs.build import build
from inn8_pipeline.defs.names import Tenant
from inn8_pipeline.entities import ENTITIES, TECHNICAL, Entity, Kind, Property, table_columns
from inn8_pipeline.settings import Environment, read_sync
from inn8_pipeline.warehouse.schema.views import raw_view
from inn8_pipeline_tests.transform.builders import VALID, read, records_of

ANOTHER = {Kind.ID: "X-9", Kind.TEXT: "Something else", Kind.DATE: "2026-10-06", Kind.DECIMAL: "7.5"}


COLUMNS = {each.name: table_columns(each) for entity in ENTITIES for each in entity.declarations}
KEYS = [key for entity in ENTITIES for key in Tenant("default").keys(entity)]


def specs() -> list[dg.AssetSpec]:
    return list(build(Environment({})).resolve_all_asset_specs())


@pytest.mark.parametrize("key", KEYS, ids=dg.AssetKey.to_user_string)
def test_every_asset_says_what_a_row_is_who_owns_it_and_what_its_columns_mean(key: dg.AssetKey) -> None:
    (spec,) = (each for each in specs() if each.key == key)
    assert (spec.description or "").startswith("A row is ")
    assert spec.owners
    assert spec.kinds
    assert spec.group_name == "inn8"
    assert (spec.freshness_policy is None) == (spec.partitions_def is not None)
    assert spec.metadata["dagster/table_name"].startswith("inn8")
    columns = spec.metadata["dagster/column_schema"].columns
    assert columns
    assert all(column.description for column in columns)


@pytest.mark.parametrize("entity", ENTITIES, ids=str)
def test_the_landings_have_the_columns_of_their_view(entity: Entity) -> None:
    (spec,) = (each for each in specs() if each.key == Tenant("default").raw_key(entity))
    columns = [column.name for column in spec.metadata["dagster/column_schema"].columns]
    assert [name for name in columns if not name.startswith("record.")] == list(raw_view(entity).columns)


def test_freshness_has_bounds_that_fit_the_tick() -> None:
    minutes = [bound.total_seconds() / 60 for bound in read_sync(Environment({})).freshness_bounds()]
    assert minutes == [35, 65]
    quick = [
        bound.total_seconds() / 60 for bound in read_sync(Environment({"INN8_TICK_MINUTES": "1"})).freshness_bounds()
    ]
    assert quick == [7, 9]


def paths(properties: tuple[Property, ...], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Property]]:
    for each in properties:
        if each.kind is Kind.OBJECT:
            yield from paths(each.properties, (*path, each.name))
        else:
            yield (*path, each.name), each


def changed(record: dict[str, Any], path: tuple[str, ...], value: str) -> dict[str, Any]:
    """Return a copy of the record with another value at the path."""
    copy = deepcopy(record)
    inner = copy
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    return copy


def tables(entity: Entity, record: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the record's rows by table, a parent's external id under the column that its key is in."""
    batch = read(entity, record)
    found = {str(entity): records_of(batch.rows)[0]}
    if batch.dimensions:
        found["securities"] = records_of(batch.dimensions["securities"])[0]
        found["securities"]["as_of_date"] = found["securities"].pop("trade_date")
    return {
        table: {name.replace("_external_id", "_id"): value for name, value in row.items()}
        for table, row in found.items()
    }


@pytest.mark.parametrize("entity", ENTITIES, ids=str)
def test_a_property_changes_the_columns_that_the_lineage_names_and_no_other(entity: Entity) -> None:
    before = tables(entity, VALID[entity]())
    for path, each in paths(entity.properties):
        value = each.choices[-1] if each.choices else ANOTHER[each.kind]
        after = tables(entity, changed(VALID[entity](), path, value))
        for table, row in after.items():
            differs = {column for column, found in row.items() if found != before[table][column]}
            named = {each.name for each in COLUMNS[table] if ".".join(path) in each.source_paths}
            assert differs == named, (table, path)


def test_the_lineage_names_every_column_that_inn8_decides() -> None:
    for columns in COLUMNS.values():
        named = {each.name for each in columns if each.source_paths}
        assert named == {each.name for each in columns} - (set(TECHNICAL) - {"external_id"})


def test_every_column_that_the_lineage_names_is_in_the_schema_of_its_asset() -> None:
    by_key = {spec.key: {column.name for column in spec.metadata["dagster/column_schema"].columns} for spec in specs()}
    for spec in specs():
        lineage = spec.metadata.get("dagster/column_lineage")
        for column, deps in lineage.deps_by_column.items() if lineage else ():
            assert column in by_key[spec.key]
            assert deps
            assert all(dep.column_name in by_key[dep.asset_key] for dep in deps)
