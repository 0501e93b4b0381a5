"""Check that the settings name every tenant that has rows in the warehouse."""

from typing import TYPE_CHECKING

from inn8_pipeline.errors import SettingsError
from inn8_pipeline.lazy_imports import lazy_module
from inn8_pipeline.settings.environment import Environment
from inn8_pipeline.settings.readers import read_other_tenant_ids, read_tenant_ids

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from inn8_pipeline.warehouse.queries import tables
else:
    tables = lazy_module("inn8_pipeline.warehouse.queries.tables")


def check_tenants(environment: Environment, engine: "Engine") -> None:
    """Check that the settings name every tenant that has rows in the warehouse.

    Otherwise a tenant that was renamed would be fetched and stored a second time under its new name.

    Raises:
        SettingsError: The warehouse has rows of a tenant that no setting names.
        SchemaVersionError: The schema has another version than this code.

    """
    known = read_tenant_ids(environment)
    with tables.reading(engine, "looking for the tenants of the rows") as connection:
        unknown = sorted(tables.tenant_ids(connection) - {*known, *read_other_tenant_ids(environment)})
    if not unknown:
        return
    is_list = bool(environment.read("INN8_TENANTS", "firm,acme", default=""))
    problem = (
        f"does not name {' and '.join(unknown)}, whose rows are in the warehouse: under another name every row would "
        "be fetched and stored a second time. If this installation is not to sync "
        f"{'it' if len(unknown) == 1 else 'them'} any more, set INN8_OTHER_TENANTS={','.join(unknown)}"
    )
    if is_list:
        raise SettingsError("INN8_TENANTS", problem, ",".join([*unknown, *known]))
    raise SettingsError("INN8_TENANT_ID", problem, unknown[0])
