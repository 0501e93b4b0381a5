"""Several tenants: each has its own names and credentials, and none affects another."""

from collections.abc import Iterator
from dataclasses import replace

import dagster as dg
import pytest

from inn8_pipeline.defs import names
from inn8_pipeline.defs.build import build
from inn8_pipeline.defs.partitions import range_tags
from inn8_pipeline.defs.sync_log import killed_runs, warehouse_log
from inn8_pipeline.entities import CLIENTS, TRANSACTIONS
from inn8_pipeline.errors import SettingsError
from inn8_pipeline.sandbox.api.server import SandboxServer
from inn8_pipeline.settings import Environment, read_tenant, read_tenant_ids
from inn8_pipeline_tests.defs import expected_rows
from inn8_pipeline_tests.defs.pipelines import SECRET, TENANT, Pipeline, day_names
from inn8_pipeline_tests.worlds import world_of_today

ACME = names.Tenant("acme", is_default=False)


@pytest.fixture
def both(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Pipeline]]:
    """Yield the pipeline's own tenant, as it was before, and a second one with another INN8."""
    with (
        world_of_today(clients=11, portfolios=12, transactions=20, days=3, seed=99) as world,
        SandboxServer(world, client_secret=f"{SECRET}-of-acme") as server,
    ):
        variables = {
            "INN8_TENANTS": f"{TENANT},acme",
            "INN8_ACME__BASE_URL": server.base_url,
            "INN8_ACME__CLIENT_ID": server.client_id,
            "INN8_ACME__CLIENT_SECRET": server.client_secret,
        }
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        plain = replace(pipeline, definitions=build(Environment()))
        yield {TENANT: plain, "acme": replace(plain, server=server, tenant=ACME)}


def test_a_run_under_a_new_name_of_the_tenant_is_refused_before_a_row_is_doubled(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pipeline.run(CLIENTS).success
    monkeypatch.setenv("INN8_TENANT_ID", "renamed")
    renamed = replace(pipeline, definitions=build(Environment()), tenant=names.Tenant("renamed"))
    for only in (None, ["clients"]):
        refused = renamed.run(CLIENTS, only=only)
        assert f"INN8_TENANT_ID does not name {TENANT}" in renamed.entry(CLIENTS, refused.run_id).description
    assert renamed.rows("select distinct tenant_id from inn8_raw.landings") == [(TENANT,)]
    monkeypatch.setenv("INN8_OTHER_TENANTS", TENANT)
    assert renamed.run(CLIENTS).success


def jobs(definitions: dg.Definitions) -> set[str]:
    return {job.name for job in definitions.get_repository_def().get_all_jobs()}


def test_a_second_tenant_leaves_every_name_of_the_first_as_it_was(
    both: dict[str, Pipeline], pipeline: Pipeline
) -> None:
    before, after = pipeline.definitions.get_repository_def(), both[TENANT].definitions.get_repository_def()
    keys = before.asset_graph.get_all_asset_keys()
    assert keys < after.asset_graph.get_all_asset_keys()
    assert after.asset_graph.get_all_asset_keys() - keys == {dg.AssetKey(["acme", *key.path]) for key in keys}
    assert jobs(pipeline.definitions) < jobs(both[TENANT].definitions)
    assert {each.name for each in after.schedule_defs} - {each.name for each in before.schedule_defs} == {
        "acme__every_15_minutes", "acme__nightly_sweep", "acme__weekly_sweep",
    }  # fmt: skip


def test_each_tenant_has_its_own_rows_from_its_own_inn8(both: dict[str, Pipeline]) -> None:
    for each in both.values():
        assert all(run.success for run in each.run_all().values())
    for each in both.values():
        assert expected_rows.tables(each) == expected_rows.of(each.world)


def test_a_wrong_secret_is_corrected_in_the_variable_that_the_message_names(
    both: dict[str, Pipeline], monkeypatch: pytest.MonkeyPatch
) -> None:
    acme = both["acme"]
    monkeypatch.setenv("INN8_ACME__CLIENT_SECRET", SECRET)
    message = acme.entry(CLIENTS, acme.run(CLIENTS).run_id).description
    assert "Check INN8_ACME__CLIENT_ID, INN8_ACME__CLIENT_SECRET and INN8_ACME__SCOPE" in message
    monkeypatch.setenv("INN8_ACME__CLIENT_SECRET", f"{SECRET}-of-acme")
    assert acme.run(CLIENTS).success


def test_no_error_about_a_tenants_inn8_names_a_variable_of_another(
    both: dict[str, Pipeline], monkeypatch: pytest.MonkeyPatch
) -> None:
    acme = both["acme"]
    for fault, options in (("status", {"status": 404}), ("html", {})):
        acme.server.faults.add(fault, "clients", **options)
        message = acme.entry(CLIENTS, acme.run(CLIENTS).run_id).description
        assert "INN8_ACME__BASE_URL" in message
        assert "INN8_BASE_URL" not in message
    monkeypatch.setenv("INN8_ACME__BASE_URL", f"{acme.server.base_url}/v9")
    assert "INN8_ACME__SCOPE" in acme.entry(CLIENTS, acme.run(CLIENTS).run_id).description


def test_a_run_of_a_tenant_that_disappears_meanwhile_ends_as_failed_in_both_logs(
    both: dict[str, Pipeline], monkeypatch: pytest.MonkeyPatch
) -> None:
    acme = both["acme"]
    job = acme.definitions.resolve_job_def(ACME.job_name(TRANSACTIONS))
    runs = [acme.instance.create_run_for_job(job, tags=range_tags(acme.window)) for _ in range(2)]
    days = day_names(acme.window)
    warehouse_log.begin(acme.engine, warehouse_log.sync_of(runs[0], ACME, TRANSACTIONS, days))
    monkeypatch.setenv("INN8_TENANTS", TENANT)
    monkeypatch.setenv("INN8_OTHER_TENANTS", "acme")
    for run in runs:
        acme.instance.report_run_failed(run)  # as the daemon does, which does not find the job any more
    sensor = killed_runs.sensor([names.Tenant(TENANT)])
    for _ in range(2):
        sensor.evaluate_tick(dg.build_sensor_context(acme.instance))
    for run in runs:
        log = acme.log(TRANSACTIONS, run.run_id)
        assert [(each.day, each.status) for each in log] == [(each.day, "Failed") for each in log]
        assert sorted(each.day or "" for each in log) == ["", *days]
    logged = acme.rows("select run_id, status from inn8.sync_log where tenant_id = 'acme'")
    assert sorted(logged) == sorted((run.run_id, "Failed") for run in runs)


def test_one_tenants_outage_is_neither_the_others_failure_nor_its_open_circuit(both: dict[str, Pipeline]) -> None:
    both["acme"].server.faults.add("status", "clients", times=None, status=503)
    broken = [both["acme"].run(CLIENTS).run_id for _ in range(3)]
    fine = both[TENANT].run(CLIENTS).run_id
    assert [both["acme"].entry(CLIENTS, run_id).status for run_id in broken] == ["Failed"] * 3
    assert "is open after 5 failed attempts" in both["acme"].entry(CLIENTS, broken[2]).description
    assert both[TENANT].entry(CLIENTS, fine).status == "Success"
    assert both[TENANT].log(CLIENTS)[0].run_id == fine


def test_pools_and_tags_carry_the_tenant(both: dict[str, Pipeline]) -> None:
    definitions = both["acme"].definitions
    for tenant, prefix in ((names.Tenant(TENANT), ""), (ACME, "acme__")):
        job = definitions.resolve_job_def(tenant.job_name(CLIENTS))
        assert job.run_tags[names.TENANT_TAG] == tenant.tenant_id
        pools = {node.definition.pool for node in job.nodes if "check" not in node.name}  # type: ignore[attr-defined]
        assert pools == {f"{prefix}clients"}


def test_a_configuration_of_another_tenant_is_refused(both: dict[str, Pipeline]) -> None:
    job = both["acme"].definitions.resolve_job_def(ACME.job_name(CLIENTS))
    config = {"ops": {"acme__merge_clients": {"config": {"tenant_id": TENANT}}}}
    with pytest.raises(dg.DagsterInvalidConfigError):
        job.execute_in_process(instance=both["acme"].instance, run_config=config)


def test_a_tenant_does_not_borrow_the_access_of_another() -> None:
    plain = {"INN8_BASE_URL": "https://a.example", "INN8_CLIENT_ID": "a", "INN8_CLIENT_SECRET": "s"}
    environment = Environment({"INN8_TENANTS": "firm,acme", "INN8_TENANT_ID": "firm", **plain})
    assert read_tenant(environment, "firm").client_id == "a"
    with pytest.raises(SettingsError, match="INN8_ACME__BASE_URL is not set"):
        read_tenant(environment, "acme")


def test_the_default_tenant_comes_first() -> None:
    assert read_tenant_ids(Environment({})) == ("default",)
    assert read_tenant_ids(Environment({"INN8_TENANT_ID": "firm"})) == ("firm",)
    assert read_tenant_ids(Environment({"INN8_TENANTS": "firm, acme", "INN8_TENANT_ID": "firm"})) == ("firm", "acme")
    assert read_tenant_ids(Environment({"INN8_TENANTS": "acme,firm", "INN8_TENANT_ID": "firm"})) == ("firm", "acme")


@pytest.mark.parametrize(
    "variables",
    [
        {"INN8_TENANTS": "a,A"},
        {"INN8_TENANTS": "a,b c"},
        {"INN8_TENANTS": "a,b", "INN8_TENANT_ID": "c"},
        # The order of the list would decide which tenant the unprefixed settings are for.
        {"INN8_TENANTS": "a,b"},
        {"INN8_TENANTS": "a"},
    ],
)
def test_an_ambiguous_list_of_tenants_is_refused(variables: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="INN8_TENANT"):
        read_tenant_ids(Environment(variables))
