"""The catalog entry of each asset in the UI: description, columns, lineage, owners and freshness policy.

All of it is derived from the declarations of the entities. `factories` defines how an asset is materialized.
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from inn8_pipeline.defs import names
from inn8_pipeline.defs.names import Tenant
from inn8_pipeline.entities import DAY_COLUMN, TECHNICAL, Column, Dimension, Entity, Kind, Property, table_columns
from inn8_pipeline.settings import SyncSettings

OWNERS = ["team:data-engineering"]

_RECORD = "record."
_KINDS = {Kind.DATE: "date", Kind.DECIMAL: "decimal", Kind.OBJECT: "object"}
_LANDED = {
    "tenant_id": ("text", TECHNICAL["tenant_id"]),
    "landing_id": ("bigint", "The landing that contains the record (inn8_raw.landings.id)."),
    "as_of_at": ("timestamptz", "Start of the last fetch that returned exactly the pages of this landing."),
    "page": ("bigint", "The position of the chunk, or of the whole page, in the landing, counted from 1."),
    "place": ("bigint", "The record's position in it, counted from 1."),
    DAY_COLUMN: ("date", "The record's day of trade."),
    "record": ("json", "The record, verbatim as INN8 sent it; null for readers without contact data."),
}
"""The columns of a view of `inn8_raw`. `warehouse.schema.views` has them too, but imports SQLAlchemy."""


def raw_spec(tenant: Tenant, entity: Entity, settings: SyncSettings) -> dg.AssetSpec:
    """Return the asset of an entity's landings."""
    landed = {name: column for name, column in _LANDED.items() if name != DAY_COLUMN or entity.has_days}
    columns = {**landed, **dict(_properties(entity.properties))}
    return dg.AssetSpec(
        tenant.raw_key(entity),
        description=(
            f"A row is a record as INN8 sent it (GET {entity.path}), in the landing that was merged last"
            f"{' for its day' if entity.has_days else ''}. View inn8_raw.{entity}. {_of(tenant)}"
        ),
        kinds={"http", "postgres"},
        **_common(tenant, f"inn8_raw.{entity}", columns, settings, has_days=entity.has_days),
    )


def table_specs(tenant: Tenant, entity: Entity, settings: SyncSettings) -> list[dg.AssetSpec]:
    """Return the assets of an entity's dimensions and of its table, in the order in which they are written."""
    return [_table_spec(tenant, entity, declared, settings) for declared in entity.declarations]


def _table_spec(tenant: Tenant, entity: Entity, declared: Entity | Dimension, settings: SyncSettings) -> dg.AssetSpec:
    columns = {each.name: (each.type, each.comment) for each in table_columns(declared)}
    common = _common(tenant, f"inn8.{declared.name}", columns, settings, has_days=entity.has_days)
    common["metadata"]["dagster/column_lineage"] = _lineage(tenant, entity, declared)
    parents = [each.parent.name for each in declared.columns if not isinstance(each, Column)]
    return dg.AssetSpec(
        tenant.key(declared.name),
        deps=[tenant.raw_key(entity), *(tenant.key(parent) for parent in parents)],
        description=f"{declared.description} Table inn8.{declared.name}. {_of(tenant)}",
        kinds={"pandas", "postgres"},
        **common,
    )


def _of(tenant: Tenant) -> str:
    return f"Tenant {tenant.tenant_id}."


def _freshness_policy(settings: SyncSettings) -> dg.FreshnessPolicy:
    """Return Dagster's own freshness policy, which looks at the last materialization.

    Assets with days of trade must not have it, because a backfill of March would make them look fresh. The check
    `freshness` covers them.
    """
    late, failed = settings.freshness_bounds()
    return dg.FreshnessPolicy.time_window(fail_window=failed, warn_window=late)


def _common(
    tenant: Tenant, table: str, columns: dict[str, tuple[str, str]], settings: SyncSettings, *, has_days: bool
) -> dict[str, Any]:
    schema = [dg.TableColumn(name, kind, description=sentence) for name, (kind, sentence) in columns.items()]
    return {
        "group_name": tenant.name(names.GROUP),
        "owners": OWNERS,
        "tags": {names.TENANT_TAG: tenant.tenant_id},
        "freshness_policy": None if has_days else _freshness_policy(settings),
        "metadata": {
            "dagster/table_name": table,
            "dagster/column_schema": dg.TableSchema(columns=schema),
        },
    }


def _properties(properties: tuple[Property, ...], path: str = _RECORD) -> Iterator[tuple[str, tuple[str, str]]]:
    for each in properties:
        listed = f" One of {', '.join(each.choices)}." if each.choices else ""
        needed = "Required." if each.is_required else "May be absent or null."
        yield (
            f"{path}{each.name}",
            (_KINDS.get(each.kind, "string"), f"{needed}{listed} The case of its name does not matter."),
        )
        yield from _properties(each.properties, f"{path}{each.name}.")


def _lineage(tenant: Tenant, entity: Entity, declared: Entity | Dimension) -> dg.TableColumnLineage:
    """Return the properties that each column is made from; a foreign key depends on the parent's keys too."""
    deps = {}
    for column in table_columns(declared):
        if column.source_paths:
            deps[column.name] = [
                dg.TableColumnDep(tenant.raw_key(entity), f"{_RECORD}{path}") for path in column.source_paths
            ]
        if column.parent is not None:
            parent = tenant.key(column.parent)
            deps[column.name] += [dg.TableColumnDep(parent, name) for name in ("external_id", "id")]
    return dg.TableColumnLineage(deps_by_column=deps)
