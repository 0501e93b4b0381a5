"""Check deploy/ with public tools: the compose specification, Kubernetes' schemas, a linter of Dockerfiles."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from inn8_pipeline_tests.deploy.files import DEPLOY
from inn8_pipeline_tests.deploy.test_kubernetes import CODE, KUBERNETES, LAUNCHER, VALUES

TOOLS = Path(os.environ.get("DEPLOY_TOOLS", ""))
pytestmark = pytest.mark.skipif(
    not TOOLS.is_absolute(), reason="`make deploy-check` brings the checkers and names them"
)

OLDEST_KUBERNETES = "1.31.0"
# Packages are pinned and checked by their hashes before these lines; layers of the build's stages cost nothing.
ANSWERED = ("DL3013", "DL3042", "DL3059")


def check(tool: str, *arguments: str) -> None:
    done = subprocess.run([str(TOOLS / tool), *arguments], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_compose_yaml_follows_the_compose_specification() -> None:
    check("check-jsonschema", "--builtin-schema", "vendor.compose-spec", str(DEPLOY / "compose.yaml"))


def test_the_linter_finds_nothing_wrong_with_the_dockerfile() -> None:
    check("hadolint", *(f"--ignore={rule}" for rule in ANSWERED), str(DEPLOY / "Dockerfile"))


@pytest.mark.parametrize("name", ["migrate.yaml", "network-policies.yaml", "secrets.example.yaml"])
def test_a_manifest_follows_kubernetes_schema(name: str) -> None:
    check("kubernetes-validate", "--strict", "-k", OLDEST_KUBERNETES, str(KUBERNETES / name))


def pod(values: dict[str, Any]) -> dict[str, Any]:
    """Return the part of the pod that the chart copies from these values unchanged."""
    probes = {name: dict(values[name]) for name in ("livenessProbe", "readinessProbe") if name in values}
    for probe in probes.values():
        # The chart's own key, and the command that it fills in.
        if probe.pop("enabled", False):
            probe["exec"] = {"command": ["dagster"]}
    taken = {key: values[key] for key in ("env", "resources", "securityContext", "volumeMounts") if key in values}
    return {
        "containers": [{"name": "dagster", "image": "image", **taken, **probes}],
        "securityContext": values["podSecurityContext"],
        "volumes": values["volumes"],
    }


@pytest.mark.parametrize(
    "values", [CODE, VALUES["dagsterWebserver"], VALUES["dagsterDaemon"]], ids=["code", "webserver", "daemon"]
)
def test_a_pod_of_the_chart_follows_kubernetes_schema(values: dict[str, Any], tmp_path: Path) -> None:
    labels = {"app": "dagster"}
    template = {"metadata": {"labels": labels}, "spec": pod(values)}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    made = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "dagster"}, "spec": spec}
    (tmp_path / "made.yaml").write_text(yaml.safe_dump(made), encoding="utf-8")
    check("kubernetes-validate", "--strict", "-k", OLDEST_KUBERNETES, str(tmp_path / "made.yaml"))


def test_the_job_of_a_run_follows_kubernetes_schema(tmp_path: Path) -> None:
    run = LAUNCHER["runK8sConfig"]
    taken = {key: LAUNCHER[key] for key in ("imagePullPolicy", "resources", "securityContext")}
    container = {"name": "dagster", "image": "image", **taken}
    template = {"spec": {"restartPolicy": "Never", "containers": [container], **run["podSpecConfig"]}}
    spec = {"template": template, **run["jobSpecConfig"]}
    made = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "run"}, "spec": spec}
    (tmp_path / "made.yaml").write_text(yaml.safe_dump(made), encoding="utf-8")
    check("kubernetes-validate", "--strict", "-k", OLDEST_KUBERNETES, str(tmp_path / "made.yaml"))
