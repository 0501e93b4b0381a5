"""The executors: each value of INN8_EXECUTOR resolves, imports what it needs and nothing else, and keeps no secret."""

import json
import subprocess
import sys
from dataclasses import replace

import dagster as dg
import pytest
from dagster._core.execution.api import create_execution_plan

from inn8_pipeline.defs.build import build
from inn8_pipeline.defs.runs.executors import celery_config
from inn8_pipeline.entities import CLIENTS
from inn8_pipeline.errors import SettingsError
from inn8_pipeline.settings import Environment, read_celery
from inn8_pipeline_tests.defs.pipelines import KEYS, Pipeline

PASSWORD = "the-passw0rd-of-the-queue"
CELERY = {
    "INN8_CELERY_BROKER": f"redis://:{PASSWORD}@localhost:6379/0",
    "INN8_CELERY_BACKEND": f"redis://:{PASSWORD}@localhost:6379/1",
}
LOADING = """
import sys
from inn8_pipeline.definitions import defs
defs().get_repository_def().get_all_jobs()
print(sorted({"dagster_celery", "dagster_k8s", "kubernetes"} & set(sys.modules)))
"""


def chosen(executor: str) -> dg.Definitions:
    return build(Environment({"INN8_EXECUTOR": executor, **CELERY}))


@pytest.mark.parametrize(
    ("executor", "name"),
    [("in_process", "in_process"), ("multiprocess", "multiprocess"), ("celery", "celery"), ("kubernetes", "k8s")],
)
def test_each_executor_is_that_of_every_job_and_of_backfills(
    executor: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in CELERY.items():
        monkeypatch.setenv(variable, value)
    definitions = chosen(executor)
    dg.Definitions.validate_loadable(definitions)
    jobs = definitions.get_repository_def().get_all_jobs()
    assert {job.executor_def.name for job in jobs} == {name}
    planned = create_execution_plan(definitions.resolve_job_def(KEYS.job_name(CLIENTS)))
    assert planned.step_keys_to_execute == ["raw_clients", "merge_clients"]


@pytest.mark.parametrize(
    ("executor", "imported"),
    [("in_process", "[]"), ("celery", "['dagster_celery']"), ("kubernetes", "['dagster_k8s', 'kubernetes']")],
)
def test_what_an_executor_needs_is_imported_only_where_it_is_asked_for(
    executor: str, imported: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in {"INN8_EXECUTOR": executor, **CELERY}.items():
        monkeypatch.setenv(variable, value)
    loaded = subprocess.run([sys.executable, "-c", LOADING], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == imported


@pytest.mark.parametrize(("executor", "package"), [("celery", "dagster_celery"), ("kubernetes", "dagster_k8s")])
def test_a_missing_extra_is_named(executor: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(SettingsError, match=rf"INN8_EXECUTOR is {executor}, .* inn8-pipeline\[{executor}\]"):
        chosen(executor)


def test_an_unknown_executor_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SettingsError, match="must be one of in_process, multiprocess, celery, kubernetes"):
        chosen("dask")


@pytest.mark.parametrize("missing", sorted(CELERY))
def test_celery_without_its_urls_is_refused(missing: str) -> None:
    settings = {name: value for name, value in CELERY.items() if name != missing}
    with pytest.raises(SettingsError, match=f"{missing} is not set"):
        build(Environment({"INN8_EXECUTOR": "celery", **settings}))


def test_a_run_of_the_command_line_stays_in_its_process_whatever_the_executor(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in {"INN8_EXECUTOR": "celery", **CELERY}.items():
        monkeypatch.setenv(variable, value)
    assert replace(pipeline, definitions=build(Environment())).run(CLIENTS).success


def test_the_passwords_of_celery_are_in_no_definition_and_no_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in CELERY.items():
        monkeypatch.setenv(variable, value)
    environment = Environment(CELERY)
    assert PASSWORD in str(celery_config(environment))
    job = chosen("celery").resolve_job_def(KEYS.job_name(CLIENTS))
    snapshot = dg.serialize_value(job.get_job_snapshot())
    assert json.loads(snapshot)["name"] == "clients_sync"
    assert PASSWORD not in snapshot + repr(job.executor_def) + repr(read_celery(environment))
