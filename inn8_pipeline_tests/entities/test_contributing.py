"""Follow the steps of `docs/contributing.md`, "Add a property", in a copy of the package."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STEPS = (ROOT / "docs" / "contributing.md").read_text(encoding="utf-8").split("## Add a property")[1].split("\n## ")[0]

MIGRATION = '''"""A second mail address of clients."""

from alembic import op

revision = "{revision}"
down_revision = "{before}"

VIEWS = """{views}"""


def upgrade() -> None:
    """Add the column, and create the views again."""
    for schema in ("inn8", "inn8_history"):
        op.execute(f"alter table {{schema}}.clients add column second_email text")
    op.get_bind().exec_driver_sql(VIEWS)
'''

SYNC = """
import sys
from inn8_pipeline.entities import CLIENTS
from inn8_pipeline.warehouse.schema import migrations
from inn8_pipeline_tests.transform.builders import client
from inn8_pipeline_tests.warehouse.syncs import Syncs

with Syncs(sys.argv[1]) as syncs:
    migrations.upgrade(syncs.engine)
    syncs.clients([client(email2="thandi@work.example"), client(id="C-2")])
    syncs.clients([client(email2="thandi@home.example"), client(id="C-2")])
    for row in syncs.query("select external_id, second_email from inn8.client_history where reason = 'updated'"):
        print(row["external_id"], row["second_email"])
    for row in syncs.query("select external_id, second_email from inn8.client_details order by 1"):
        print(row["external_id"], row["second_email"])
    before = [client(id=f"C-{number}") for number in range(3, 33)]
    syncs.clients(before)
    print(syncs.clients([{**each, "email2": "new@work.example"} for each in before]).counts.updated)
"""


class Copy:
    """A copy of the package and its tests, in which Python can be run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("inn8_pipeline", "inn8_pipeline_tests"):
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))

    def edit(self, path: str, old: str, new: str) -> None:
        file = self.folder / path
        text = file.read_text(encoding="utf-8")
        assert text.count(old) == 1, (path, old)
        file.write_text(text.replace(old, new), encoding="utf-8")

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments], cwd=self.folder, env={"PYTHONPATH": str(self.folder)},
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path)


def test_the_documented_steps_add_a_column_for_a_new_property(copy: Copy, empty_database: str) -> None:
    # Step 1: the declaration.
    (column,) = re.findall(r"```python\n(.*?)```", STEPS, re.DOTALL)
    status = '        choice("status", "status", ("active", "inactive", "suspended")),\n'
    copy.edit("inn8_pipeline/entities/clients.py", status, f"        {column.strip()},\n{status}")
    # Step 2: the migration.
    versions = "inn8_pipeline/warehouse/schema/migrations"
    assert f"{versions}/versions/" in STEPS
    newest = copy.run(
        "-c", "from inn8_pipeline.warehouse.schema.migrations import SCHEMA_VERSION as v; print(v)"
    ).strip()
    (command,) = re.findall(r"`python (-m [^`]*)`", STEPS)
    revision = f"{int(newest) + 1:04d}"
    migration = MIGRATION.format(revision=revision, before=newest, views=copy.run(*command.split()))
    (copy.folder / versions / "versions" / f"v{revision}_second_email.py").write_text(migration, encoding="utf-8")
    copy.edit(f"{versions}/__init__.py", f'SCHEMA_VERSION = "{newest}"', f'SCHEMA_VERSION = "{revision}"')
    # Step 3: the transform's version.
    found = re.search(r"TRANSFORM_VERSION = (\d+)", (copy.folder / "inn8_pipeline/transform/__init__.py").read_text())
    assert found is not None
    copy.edit("inn8_pipeline/transform/__init__.py", found[0], f"TRANSFORM_VERSION = {int(found[1]) + 1}")
    # What follows.
    assert copy.run("-c", SYNC, empty_database).splitlines() == [
        "C-1 thandi@work.example",
        "C-1 thandi@home.example",
        "C-2 None",
        "30",
    ]
    page = copy.run("-m", "inn8_pipeline.cli", "db", "dictionary")
    assert page.count("| `second_email` |") == 4
    lineage = (
        "from inn8_pipeline.defs.build import build; from inn8_pipeline.settings import Environment; import json;"
        "specs = build(Environment({})).resolve_all_asset_specs();"
        "spec = next(each for each in specs if each.key.to_user_string() == 'clients');"
        "lineage = spec.metadata['dagster/column_lineage'].deps_by_column;"
        "print(json.dumps([dep.column_name for dep in lineage['second_email']]))"
    )
    assert json.loads(copy.run("-c", lineage)) == ["record.email2"]


def test_every_file_in_contributing_md_exists() -> None:
    named = re.findall(
        r"`((?:inn8_pipeline|docs|entities|transform|warehouse|extract|defs|notify)[\w/]*/[\w/.]*)`",
        (ROOT / "docs/contributing.md").read_text(),
    )
    missing = [each for each in named if not ((ROOT / each).exists() or (ROOT / "inn8_pipeline" / each).exists())]
    assert missing == ["inn8_pipeline/entities/fees.py"], missing
