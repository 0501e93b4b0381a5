"""The definitions: that they load, and load quickly."""

import subprocess
import sys

import dagster as dg

from inn8_pipeline.defs.build import build
from inn8_pipeline.settings import Environment

LOADING = """
import sys
import dagster
before = set(sys.modules)
from inn8_pipeline.definitions import defs
defs().get_repository_def().get_all_jobs()
print(sorted({"pandas", "pyarrow", "sqlalchemy", "psycopg", "httpx", "stamina"} & (set(sys.modules) - before)))
"""


def test_the_definitions_load_without_a_setting() -> None:
    dg.Definitions.validate_loadable(build(Environment({})))


def test_loading_the_definitions_imports_no_heavy_library() -> None:
    loaded = subprocess.run([sys.executable, "-c", LOADING], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"
