"""A sync says how far it has come: to the command that executes it, and in its run's log if it takes long."""

from types import SimpleNamespace

import pytest

from inn8_pipeline.defs.runs import progress
from inn8_pipeline.entities import TRANSACTIONS
from inn8_pipeline_tests.defs.pipelines import Pipeline


def test_a_sync_counts_the_records_that_it_has_fetched_and_merged(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "FIRST_SECONDS", 0.0)
    heard: list[tuple[str, int, int | None]] = []
    with progress.listened(lambda *each: heard.append(each)):
        run = pipeline.run(TRANSACTIONS)
    total = pipeline.world.count("transactions")
    fetched = [each for each in heard if each[0] == "fetching"]
    assert (fetched[0], fetched[-1]) == (("fetching", 20, total), ("fetching", total, total))
    assert heard[-1] == ("merging", total, total)
    lines = [line for line in pipeline.lines(run.run_id) if line.startswith(("Fetching: ", "Merging: "))]
    assert lines[0].startswith(f"Fetching: 20 of {total} records, about ")
    assert lines[-1] == f"Merging: {total} of {total} records, about 0 s left."


def test_a_line_comes_after_three_seconds_and_then_when_the_time_has_doubled(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: now))
    lines: list[str] = []
    step = progress.StepProgress("fetching", lines.append)
    for now in (1.0, 3.0, 5.9, 6.0, 11.0, 12.0):
        step(int(now) * 1000, 60_000 if now < 12 else None)
    assert lines == [
        "Fetching: 3,000 of 60,000 records, about 57 s left.",
        "Fetching: 6,000 of 60,000 records, about 54 s left.",
        "Fetching: 12,000 records.",
    ]
