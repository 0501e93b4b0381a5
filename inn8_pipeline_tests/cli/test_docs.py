"""The documentation is of this code: the dictionary is current, and every error and status is in the runbook."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from inn8_pipeline import errors
from inn8_pipeline.cli.support import data_dictionary
from inn8_pipeline.defs.checks.asset_checks import CHECKS
from inn8_pipeline.errors import ApiError, Inn8Error, WarehouseError
from inn8_pipeline_tests.variables import read_by_name

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


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


@pytest.mark.parametrize("error", sorted(leaves(), key=str))
def test_the_runbook_says_what_to_do_about_each_error(error: type[Inn8Error]) -> None:
    runbook = (DOCS / "runbook.md").read_text(encoding="utf-8")
    assert re.search(rf"^### {error.__name__}\n[^#\n]", runbook, re.MULTILINE)


def test_every_setting_has_its_row_in_the_settings_page_and_no_other_is_named() -> None:
    """A setting is what `settings` reads by name, the default tenant's too, or a secret's file."""
    known = read_by_name()
    told = set(re.findall(r"(?<!_)INN8_[A-Z_]+", (DOCS / "settings.md").read_text(encoding="utf-8")))
    assert known - told == set()
    assert {each for each in told - known if not each.endswith("_FILE")} == set()


def test_the_runbook_names_no_error_that_is_gone() -> None:
    headings = re.findall(r"^### (\w+)$", (DOCS / "runbook.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(headings) == sorted([*(each.__name__ for each in leaves()), *CHECKS])


@pytest.mark.parametrize("page", ["README.md", *(str(each.relative_to(ROOT)) for each in sorted(DOCS.rglob("*.md")))])
def test_every_link_within_the_repository_leads_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    assert [link for link in links if not ((ROOT / page).parent / link).exists()] == []
