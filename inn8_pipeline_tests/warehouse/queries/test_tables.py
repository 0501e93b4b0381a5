"""Row counts, samples, whether an entity was ever merged, and whose rows there are."""

import pytest

from inn8_pipeline.entities import PORTFOLIOS, TRANSACTIONS
from inn8_pipeline.errors import SettingsError
from inn8_pipeline.settings import Environment, check_tenants
from inn8_pipeline.warehouse.queries import tables
from inn8_pipeline_tests.transform.builders import client, transaction
from inn8_pipeline_tests.warehouse.syncs import TENANT, Syncs


def test_rows_are_counted_and_the_newest_are_sampled(owned: Syncs) -> None:
    owned.clients([client(), client(id="C-2")])
    with tables.reading(owned.engine, "testing") as connection:
        counts = tables.row_counts(connection, TENANT)
        assert (counts["inn8.clients"], counts["inn8.portfolios"], counts["inn8_raw.landings"]) == (2, 1, 3)
        assert [row["external_id"] for row in tables.sample(connection, TENANT, "clients", 1)] == ["C-2"]


def test_an_entity_counts_as_merged_after_its_first_merge_not_after_a_fetch(owned: Syncs) -> None:
    owned.land(TRANSACTIONS, [transaction()])
    with tables.reading(owned.engine, "testing") as connection:
        assert tables.has_merged(connection, TENANT, PORTFOLIOS)
        assert not tables.has_merged(connection, TENANT, TRANSACTIONS)


COPY_TO_TENANT = """
insert into inn8.{0} overriding system value
select (jsonb_populate_record(t, jsonb_build_object('tenant_id', cast(:tenant as text)))).*
  from inn8.{0} t where tenant_id = :known
"""


def test_the_tenants_that_have_rows_are_those_of_any_entity(owned: Syncs) -> None:
    for tenant in ("acme", "zulu"):
        owned.execute(COPY_TO_TENANT.format("clients"), tenant=tenant, known=TENANT)
    with tables.reading(owned.engine, "testing") as connection:
        assert tables.tenant_ids(connection) == {"acme", TENANT, "zulu"}


@pytest.mark.parametrize(
    ("variables", "variable"),
    [
        ({}, "INN8_TENANT_ID"),
        ({"INN8_TENANT_ID": "acme"}, "INN8_TENANT_ID"),
        ({"INN8_TENANT_ID": "acme", "INN8_TENANTS": "acme,zulu"}, "INN8_TENANTS"),
        ({"INN8_TENANT_ID": TENANT}, ""),
        ({"INN8_TENANT_ID": "acme", "INN8_TENANTS": f"acme,{TENANT}"}, ""),
        ({"INN8_TENANT_ID": "acme", "INN8_OTHER_TENANTS": f"former, {TENANT}"}, ""),
    ],
)
def test_rows_of_a_tenant_that_no_setting_names_are_a_settings_error(
    owned: Syncs, variables: dict[str, str], variable: str
) -> None:
    environment = Environment(variables)
    if not variable:
        check_tenants(environment, owned.engine)
        return
    with pytest.raises(SettingsError, match=f"{variable} does not name {TENANT}.* INN8_OTHER_TENANTS={TENANT}"):
        check_tenants(environment, owned.engine)


def test_a_warehouse_without_rows_is_anybodys(syncs: Syncs) -> None:
    check_tenants(Environment({"INN8_TENANT_ID": "first"}), syncs.engine)
