"""The chart's values and our manifests agree with dagster.yaml and the image, and Dagster accepts them."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from inn8_pipeline_tests.deploy.files import DEPLOY, known_settings, load, stage

VALUES: dict[str, Any] = load("deploy/kubernetes/values.yaml")
OURS: dict[str, Any] = load("dagster.yaml")
LAUNCHER = VALUES["runLauncher"]["config"]["k8sRunLauncher"]
(CODE,) = VALUES["dagster-user-deployments"]["deployments"]
KUBERNETES = DEPLOY / "kubernetes"


def manifests(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((KUBERNETES / name).read_text(encoding="utf-8")))


(JOB,) = manifests("migrate.yaml")
POD = JOB["spec"]["template"]["spec"]


def rendered() -> dict[str, Any]:
    """Return the dagster.yaml that the chart renders from these values, additionalInstanceConfig included."""
    found = VALUES["postgresql"]
    storage = {
        "username": found["postgresqlUsername"], "password": {"env": "DAGSTER_PG_PASSWORD"},
        "hostname": found["postgresqlHost"], "db_name": found["postgresqlDatabase"], "port": 5432,
        "params": found["postgresqlParams"], "scheme": found["postgresqlScheme"],
    }  # fmt: skip
    run = LAUNCHER["runK8sConfig"]
    launcher = {
        "load_incluster_config": LAUNCHER["loadInclusterConfig"], "image_pull_policy": LAUNCHER["imagePullPolicy"],
        "job_namespace": "inn8", "service_account_name": "inn8-dagster",
        "dagster_home": VALUES["global"]["dagsterHome"],
        "instance_config_map": "inn8-dagster-instance",
        "postgres_password_secret": VALUES["global"]["postgresqlSecretName"],
        "resources": LAUNCHER["resources"], "security_context": LAUNCHER["securityContext"],
        "run_k8s_config": {"pod_spec_config": run["podSpecConfig"], "job_spec_config": run["jobSpecConfig"]},
    }  # fmt: skip
    return {
        "storage": {"postgres": {"postgres_db": storage}},
        "run_launcher": {"module": "dagster_k8s", "class": "K8sRunLauncher", "config": launcher},
        "telemetry": VALUES["telemetry"],
        **VALUES["additionalInstanceConfig"],
    }


def test_the_instance_has_the_configuration_of_dagster_yaml() -> None:
    chart_s_own = {"storage", "telemetry"}
    assert VALUES["additionalInstanceConfig"] == {key: OURS[key] for key in OURS if key not in chart_s_own}
    assert VALUES["telemetry"] == OURS["telemetry"]
    switched_off = ("runCoordinator", "runMonitoring", "runRetries")
    assert [key for key in switched_off if VALUES["dagsterDaemon"][key]["enabled"]] == []


def test_dagster_accepts_the_instance_that_the_chart_renders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dagster._config import process_config, resolve_to_config_type
    from dagster._core.instance.ref import InstanceRef
    from dagster_k8s import K8sRunLauncher

    monkeypatch.setenv("DAGSTER_PG_PASSWORD", "secret")
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(rendered()), encoding="utf-8")
    ref = InstanceRef.from_dir(str(tmp_path))
    assert ref.run_coordinator_data is not None
    assert ref.run_coordinator_data.class_name == "QueuedRunCoordinator"
    found = rendered()["run_launcher"]["config"]
    launcher: Any = K8sRunLauncher
    assert process_config(resolve_to_config_type(launcher.config_type()), found).errors is None


def test_dagster_s_storage_is_reached_by_the_driver_that_works() -> None:
    assert VALUES["postgresql"]["postgresqlScheme"] == "postgresql+psycopg2"
    assert VALUES["postgresql"]["enabled"] is False


def test_every_variable_of_the_code_location_is_a_setting_and_none_has_a_secret() -> None:
    found = {each["name"]: each["value"] for each in (*CODE["env"], *POD["containers"][0]["env"])}
    assert set(found) - known_settings() == set()
    assert [name for name in found if re.search("SECRET$|DATABASE_URL$", name)] == []


def test_every_secret_that_is_mounted_has_its_example() -> None:
    examples = {each["metadata"]["name"]: set(each["stringData"]) for each in manifests("secrets.example.yaml")}
    read: dict[str, set[str]] = {VALUES["global"]["postgresqlSecretName"]: {"postgresql-password"}}
    for each in (*CODE["env"], *POD["containers"][0]["env"]):
        if each["value"].startswith("/run/secrets/"):
            secret, key = each["value"].removeprefix("/run/secrets/").split("/")
            read.setdefault(secret, set()).add(key)
    assert read == examples
    assert [volume["name"] for volume in (CODE["volumes"][0], POD["volumes"][0])] == ["inn8", "inn8-owner"]


def test_the_name_and_the_port_of_the_code_location_are_the_same_everywhere() -> None:
    assert CODE["name"] == load("workspace.yaml")["load_from"][0]["python_module"]["location_name"]
    (port,) = (int(each.text) for each in stage("pipeline") if each.keyword == "EXPOSE")
    policies = {each["metadata"]["name"]: each["spec"] for each in manifests("network-policies.yaml")}
    assert CODE["port"] == port == policies["inn8-code"]["ingress"][0]["ports"][0]["port"]
    ui = VALUES["dagsterWebserver"]["service"]["port"]
    assert ui == policies["inn8-webservers"]["ingress"][0]["ports"][0]["port"]


def test_every_pod_is_the_image_s_user_without_rights_and_with_files_that_cannot_be_written() -> None:
    (user,) = (each.text for each in stage("base") if each.keyword == "USER")
    webserver, daemon = VALUES["dagsterWebserver"], VALUES["dagsterDaemon"]
    run = LAUNCHER["runK8sConfig"]["podSpecConfig"]["securityContext"]
    pods = [POD["securityContext"], run, *(each["podSecurityContext"] for each in (CODE, webserver, daemon))]
    assert {f"{each['runAsUser']}:{each['runAsGroup']}" for each in pods} == {user}
    containers = [each["securityContext"] for each in (POD["containers"][0], CODE, webserver, daemon, LAUNCHER)]
    assert containers == 5 * [
        {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    ]


def test_the_migration_runs_from_the_same_image_as_the_rest() -> None:
    image = "{repository}:{tag}".format(**CODE["image"])
    assert {image} == {POD["containers"][0]["image"]}
    assert CODE["image"] == VALUES["dagsterWebserver"]["image"] == VALUES["dagsterDaemon"]["image"]


def test_nothing_is_reachable_from_outside_by_default() -> None:
    assert VALUES["ingress"] == {"enabled": False}
    assert VALUES["dagsterWebserver"]["service"]["type"] == "ClusterIP"
