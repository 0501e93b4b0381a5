"""The definitions: that they load, and load quickly."""

import subprocess
import sys

import dagster as dg
import pytest

from inn8_pipeline.defs.build import build
from inn8_pipeline.settings import Environment

LOADING = """
import sys
import dagster
before = set(sys.modules)
from inn8_pipeline.definitions import defs
defs().get_repository_def().get_all_jobs()
print(*(set(sys.modules) - before))
"""
HEAVY = {
    "opentelemetry",
    "pandas",
    "pyarrow",
    "sqlalchemy",
    "psycopg",
    "httpx",
    "stamina",
    "rich",
    "msgspec",
    "tomllib",
}
PRIVATE = {
    "dagster._core.execution.backfill",
    "dagster._core.remote_representation",
    "dagster._core.scheduler",
    "dagster._core.workspace",
    "dagster._grpc",
    "dagster_graphql",
    "dagster_webserver",
}
"""What the private modules in `late_internals` import: 0.2 s of CPU time."""
OF_A_SYNC_OR_A_COMMAND = {
    "inn8_pipeline.contract",
    "inn8_pipeline.probe",
    "inn8_pipeline.sandbox",
    "inn8_pipeline.sync",
    "inn8_pipeline.defs.alerting.cursors",
    "inn8_pipeline.extract.endpoint",
    "inn8_pipeline.warehouse.history",
    "inn8_pipeline.warehouse.poolers",
}


def test_the_definitions_load_without_a_setting() -> None:
    dg.Definitions.validate_loadable(build(Environment({})))


def test_the_launchpad_accepts_no_field_that_a_step_does_not_have() -> None:
    """Dagster stores the configuration of a run for ever, and shows it to everyone."""
    for job in build(Environment({})).get_repository_def().get_all_jobs():
        for step in job.graph.node_dict:
            with pytest.raises(dg.DagsterInvalidConfigError, match="unexpected config entry"):
                dg.validate_run_config(job, {"ops": {step: {"config": {"client": "C-1"}}}})


def test_loading_the_definitions_imports_no_heavy_library_no_costly_private_module_and_nothing_of_a_sync() -> None:
    loaded = subprocess.run([sys.executable, "-c", LOADING], capture_output=True, text=True, check=True)
    assert set(loaded.stdout.split()) & (HEAVY | PRIVATE | OF_A_SYNC_OR_A_COMMAND) == set()
