"""Days of trade as partitions: chunks of a window, and the tags of a run's range of days."""

from datetime import date
from itertools import pairwise

import pytest

from inn8_pipeline.defs.partitions import chunks, range_tags, window_of_tags
from inn8_pipeline.entities import Window

START, END, ONE = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end", "dagster/partition"


def test_chunks_cover_a_window_without_gap_or_overlap_newest_first() -> None:
    window = Window(date(2026, 1, 1), date(2026, 3, 5))
    pieces = list(chunks(window))
    assert (pieces[0].to_date, pieces[-1].from_date) == (window.to_date, window.from_date)
    assert all((newer.from_date - older.to_date).days == 1 for newer, older in pairwise(pieces))
    assert [len(list(piece.days())) for piece in pieces] == [31, 31, 2]


def test_the_window_of_a_run_is_read_from_the_tags_that_were_written_for_it() -> None:
    window = Window(date(2026, 1, 1), date(2026, 3, 5))
    assert window_of_tags(range_tags(window)) == window
    assert window_of_tags({ONE: "2026-03-05"}) == Window(date(2026, 3, 5), date(2026, 3, 5))
    assert window_of_tags({}) is None


@pytest.mark.parametrize(
    "tags",
    [
        {START: "2026-03-01"},
        {END: "2026-03-31"},
        {START: "2026-03-31", END: "2026-03-01"},
        {START: "2026-03-01", END: "2026-02-30"},
        {START: "", END: ""},
        {START: "first", END: "last"},
        {ONE: "2026-03-01|2026-03-02"},
    ],
)
def test_tags_that_are_no_range_of_days_count_as_none(tags: dict[str, str]) -> None:
    assert window_of_tags(tags) is None
