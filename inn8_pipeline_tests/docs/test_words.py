"""The words that docs/glossary.md replaced do not come back, in code, tests, comments, messages or documentation."""

import re
from collections.abc import Mapping
from functools import cache
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
    "ledger": "reconciliation",
    "coverage": "watermark",
    "proofs?": "complete fetch",
    "faulty": "invalid",
    "verdicts?": "result, outcome",
    "blows?": "kill",
    "struck": "killed",
    "another one's": "that of another tenant",
    "somebody else is at it": "another session holds the lock",
    "watch(es)? at night": "set `INN8_ALERT_WEBHOOK` to be notified",
    "what becomes of": "the result of",
    "colou?rs? (the|its|no) (status|exit code)": "causes `PartialSuccess`, changes the exit code",
    "here belongs": "what the module is for",
    "for hands": "for manual runs",
    "nobody watches": "set `INN8_ALERT_WEBHOOK` to be notified",
}
"""Patterns of words, and what to write instead."""

NOT_PROSE = ("docs/changelog.md", "schema/migrations/versions/", "release_0_1", Path(__file__).name)
"""The changelog and what release 0.1 wrote, which name the old words; and this module."""

OLD_NAMES = re.compile(
    r"""["'`](told|surprises|conservation)["'`]|check conservation|--faulty|sync_coverage|is_proof"""
)
"""Keys, options and names of release 0.1 that are still used."""

FOLDERS = ("inn8_pipeline", "inn8_pipeline_tests", "docs", "deploy", "benchmarks")
SUFFIXES = frozenset({".py", ".md", ".yaml", ".conf", ".service", ".sql", ".mako"})


@cache
def texts() -> Mapping[str, str]:
    """Return the text of each file of prose or code by its name."""
    files = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.suffix in SUFFIXES]
    all_files = sorted([*files, ROOT / "README.md", ROOT / "Makefile", ROOT / "dagster.yaml"])
    named = {str(path.relative_to(ROOT)): path for path in all_files}
    return {
        name: OLD_NAMES.sub("", path.read_text(encoding="utf-8"))
        for name, path in named.items()
        if not any(each in name for each in NOT_PROSE)
    }


@pytest.mark.parametrize("word", REPLACED)
def test_a_word_that_was_replaced_does_not_come_back(word: str) -> None:
    # Names are searched too: `test_the_plain_tenant`.
    pattern = re.compile(rf"(?<![a-z]){word.replace(' ', '[ _]')}(?![a-z])", re.IGNORECASE)
    found = [
        f"{name}:{number}: {line.strip()}"
        for name, text in texts().items()
        if pattern.search(text)
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]
    assert found == [], f"write instead: {REPLACED[word]}"
