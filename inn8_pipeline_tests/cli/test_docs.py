"""The documentation matches the code: the dictionary is current, and every error, check and setting is described."""

import ast
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from inn8_pipeline.cli.support import data_dictionary
from inn8_pipeline.defs.build import build
from inn8_pipeline.defs.checks.asset_checks import CHECKS
from inn8_pipeline.defs.names import CHECK_ALIASES, DOCTOR, PLAUSIBILITY
from inn8_pipeline.settings import Environment
from inn8_pipeline.warehouse.schema.tables import business_tables
from inn8_pipeline_tests.variables import read_by_name

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
BASES = ("Inn8Error", "ApiError", "WarehouseError")
"""Errors that are never raised themselves."""


def raised_errors() -> list[str]:
    """Return the names of all errors of the package, wherever they are defined."""
    modules = [ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "inn8_pipeline").rglob("*.py")]
    parents = {
        node.name: [ast.unparse(base) for base in node.bases]
        for module in modules
        for node in ast.walk(module)
        if isinstance(node, ast.ClassDef)
    }
    return sorted(name for name in parents if "Inn8Error" in _ancestors(name, parents) and name not in BASES)


def _ancestors(name: str, parents: Mapping[str, Sequence[str]]) -> set[str]:
    return {name}.union(*(_ancestors(base, parents) for base in parents.get(name, ())))


def test_the_dictionary_is_current() -> None:
    kept = (DOCS / "dictionary.md").read_text(encoding="utf-8")
    assert kept == data_dictionary.dictionary(), "run: inn8 db dictionary > docs/dictionary.md"


def test_the_dictionary_has_every_column_with_its_meaning() -> None:
    page = data_dictionary.dictionary()
    assert "| `account_type` | `text` |  | individual, joint, trust" in page
    assert "| `amount` | `numeric(38, 10)` | yes |" in page
    assert "| None |" not in page


def test_the_errors_of_every_package_are_found() -> None:
    assert {"ContractFileError", "RightsError", "StillSentError", "UnreachableDatabaseError"} <= set(raised_errors())


def test_the_runbook_names_each_old_name_of_a_check_under_its_new_one() -> None:
    entries = re.split(r"^### ", (DOCS / "runbook.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    for old, new in CHECK_ALIASES.items():
        assert [entry.split("\n")[0] for entry in entries if f"Called `{old}`" in " ".join(entry.split())] == [new]


@pytest.mark.parametrize("check", [*CHECKS, PLAUSIBILITY, DOCTOR])
def test_the_runbook_says_what_to_do_about_each_check(check: str) -> None:
    runbook = (DOCS / "runbook.md").read_text(encoding="utf-8")
    assert re.search(rf"^### {check}\n[^#\n]", runbook, re.MULTILINE)


@pytest.mark.parametrize("error", raised_errors())
def test_the_runbook_says_what_to_do_about_each_error(error: str) -> None:
    runbook = (DOCS / "runbook.md").read_text(encoding="utf-8")
    assert re.search(rf"^### {error}\n[^#\n]", runbook, re.MULTILINE)


def test_every_setting_has_its_row_in_the_settings_page_and_no_other_is_named() -> None:
    known = read_by_name()
    named = set(re.findall(r"(?<!_)INN8_[A-Z_]+", (DOCS / "settings.md").read_text(encoding="utf-8")))
    assert known - named == set()
    assert {each for each in named - known if not each.endswith("_FILE")} == set()


def test_the_runbook_names_no_error_that_is_gone() -> None:
    headings = re.findall(r"^### (\w+)$", (DOCS / "runbook.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(headings) == sorted([*raised_errors(), *CHECKS, PLAUSIBILITY, DOCTOR])


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
