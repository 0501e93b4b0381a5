"""The words that docs/glossary.md replaced do not come back, in code, tests, comments, messages or documentation."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from inn8_pipeline_tests.docs.pages import ROOT

REPLACED = {
    "at work": "running, in progress, alive",
    "of one piece": "consistent",
    "told": "reported, named, shown",
    "plain tenant": "default tenant",
    "set aside": "skipped",
    "surprises": "schema drift",
    "judge?ments?": "check rules",
    "watchers": "liveness",
    "attendance": "liveness",
    "surroundings?": "environment",
    "troubles?": "incident",
    "crew": "prefetcher",
    "tally": "reconciliation",
    "conservation": "reconciliation",
    "what becomes of": "the result of",
    "colou?rs (the|its) status": "causes `PartialSuccess`",
    "here belongs": "what the module is for",
    "for hands": "for manual runs",
    "nobody watches": "set `INN8_ALERT_WEBHOOK` to be notified",
}
"""Patterns of words, and what to write instead."""

NOT_PROSE = ("docs/changelog.md", "schema/migrations/versions/", "release_0_1", Path(__file__).name)
"""The changelog and what release 0.1 wrote, which name the old words; and this module."""

OLD_NAMES = re.compile(r"""["'`](told|surprises|conservation)["'`]|check conservation""")
"""Keys and names of release 0.1 that are still read."""

FOLDERS = ("inn8_pipeline", "inn8_pipeline_tests", "docs", "deploy", "benchmarks")
SUFFIXES = frozenset({".py", ".md", ".yaml", ".conf", ".service", ".sql", ".mako"})


def texts() -> Iterator[tuple[str, str]]:
    """Yield each file of prose or code with its text."""
    files = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.suffix in SUFFIXES]
    for path in sorted([*files, ROOT / "README.md", ROOT / "Makefile", ROOT / "dagster.yaml"]):
        name = str(path.relative_to(ROOT))
        if not any(each in name for each in NOT_PROSE):
            yield name, path.read_text(encoding="utf-8")


@pytest.mark.parametrize("word", REPLACED)
def test_a_word_that_was_replaced_does_not_come_back(word: str) -> None:
    # Names are searched too: `test_the_plain_tenant`.
    pattern = re.compile(rf"(?<![a-z]){word.replace(' ', '[ _]')}(?![a-z])", re.IGNORECASE)
    found = [
        f"{name}:{number}: {line.strip()}"
        for name, text in texts()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(OLD_NAMES.sub("", line))
    ]
    assert found == [], f"write instead: {REPLACED[word]}"
