"""The documentation matches the code: the dictionary is current, and every error, check and setting is described."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from inn8_pipeline import errors
from inn8_pipeline.cli.commands.doctor import ClockError
from inn8_pipeline.cli.instance.instance import DagsterStorageError
from inn8_pipeline.cli.instance.liveness import NotRunningError
from inn8_pipeline.cli.instance.storage_checks import MigrationDueError
from inn8_pipeline.cli.support import data_dictionary
from inn8_pipeline.defs.build import build
from inn8_pipeline.defs.checks.asset_checks import CHECKS
from inn8_pipeline.errors import ApiError, Inn8Error, WarehouseError
from inn8_pipeline.settings import Environment
from inn8_pipeline.warehouse.schema.tables import business_tables
from inn8_pipeline_tests.variables import read_by_name

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
OF_COMMANDS = (ClockError, DagsterStorageError, MigrationDueError, NotRunningError)
"""Errors that only the command line raises."""


def leaves(kind: type[Inn8Error] = Inn8Error) -> Iterator[type[Inn8Error]]:
    for each in kind.__subclasses__():
        if each.__module__ == errors.__name__:
            if each not in {ApiError, WarehouseError}:
                yield each
            yield from leaves(each)


def test_the_dictionary_is_current() -> None:
    kept = (DOCS / "dictionary.md").read_text(encoding="utf-8")
    assert kept == data_dictionary.dictionary(), "run: inn8 db dictionary > docs/dictionary.md"


def test_the_dictionary_has_every_column_with_its_meaning() -> None:
    page = data_dictionary.dictionary()
    assert "| `account_type` | `text` |  | individual, joint, trust" in page
    assert "| `amount` | `numeric(38, 10)` | yes |" in page
    assert "| None |" not in page


@pytest.mark.parametrize("check", CHECKS)
def test_the_runbook_says_what_to_do_about_each_check(check: str) -> None:
    runbook = (DOCS / "runbook.md").read_text(encoding="utf-8")
    assert re.search(rf"^### {check}\n[^#\n]", runbook, re.MULTILINE)


@pytest.mark.parametrize("error", sorted([*leaves(), *OF_COMMANDS], key=str))
def test_the_runbook_says_what_to_do_about_each_error(error: type[Inn8Error]) -> None:
    runbook = (DOCS / "runbook.md").read_text(encoding="utf-8")
    assert re.search(rf"^### {error.__name__}\n[^#\n]", runbook, re.MULTILINE)


def test_every_setting_has_its_row_in_the_settings_page_and_no_other_is_named() -> None:
    known = read_by_name()
    named = set(re.findall(r"(?<!_)INN8_[A-Z_]+", (DOCS / "settings.md").read_text(encoding="utf-8")))
    assert known - named == set()
    assert {each for each in named - known if not each.endswith("_FILE")} == set()


def test_the_runbook_names_no_error_that_is_gone() -> None:
    headings = re.findall(r"^### (\w+)$", (DOCS / "runbook.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(headings) == sorted([*(each.__name__ for each in [*leaves(), *OF_COMMANDS]), *CHECKS])


@pytest.mark.parametrize("page", ["README.md", *(str(each.relative_to(ROOT)) for each in sorted(DOCS.rglob("*.md")))])
def test_every_link_within_the_repository_leads_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    assert [link for link in links if not ((ROOT / page).parent / link).exists()] == []


@pytest.mark.filterwarnings("ignore:The `__fields__` attribute is deprecated")  # Dagster reads it
def test_the_page_about_dagster_names_everything_that_the_definitions_have() -> None:
    repository = build(Environment({})).get_repository_def()
    graph = repository.asset_graph
    names = {
        *(key.to_user_string() for key in graph.get_all_asset_keys()),
        *(key.name for key in graph.asset_check_keys),
        *(name for name in repository.job_names if not name.startswith("__")),
        *(schedule.name for schedule in repository.schedule_defs),
        *(sensor.name for sensor in repository.sensor_defs),
    }
    page = (DOCS / "dagster.md").read_text(encoding="utf-8")
    assert [name for name in sorted(names) if f"`{name}`" not in page] == []


def test_the_diagram_of_the_tables_has_every_table_and_foreign_key() -> None:
    page = (DOCS / "sql.md").read_text(encoding="utf-8")
    diagram = page.split("```mermaid\n")[1].split("```")[0]
    drawn = set(re.findall(r"(\w+) \S+--\S+ (\w+) : \"(\w+)\"", diagram))
    tables = business_tables()
    keys = {
        (key.referred_table.name, name, key.column_keys[-1])
        for name, table in tables.items()
        for key in table.foreign_key_constraints
    }
    assert drawn == keys
    columns = {table: re.findall(r"^ {8}\w+ (\w+)", body, re.MULTILINE) for table, body in _entities_of(diagram)}
    assert {name: [each for each in columns[name] if each not in table.c] for name, table in tables.items()} == {
        name: [] for name in tables
    }


def _entities_of(diagram: str) -> list[tuple[str, str]]:
    return re.findall(r"^ {4}(\w+) \{\n(.*?)^ {4}\}", diagram, re.MULTILINE | re.DOTALL)


def test_the_readme_stays_within_800_words() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) <= 800
