"""Days of trade as Dagster partitions: their definition, a run's tags for a range of days, and chunks of a range."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta

import dagster as dg

from inn8_pipeline.defs import names
from inn8_pipeline.entities import Window
from inn8_pipeline.settings import SyncSettings

MAX_DAYS_PER_RUN = 31
"""Dagster's own cost grows with the number of partitions of a run: 2 s for 31 days, 116 s for 2,223."""


def days_of_trade(settings: SyncSettings) -> dg.DailyPartitionsDefinition:
    """Return the partitions of entities with days of trade: each day from `transactions_from` to today."""
    return dg.DailyPartitionsDefinition(
        start_date=settings.transactions_from.isoformat(), end_offset=1, timezone=settings.timezone
    )


def chunks(window: Window, days: int = MAX_DAYS_PER_RUN) -> Iterator[Window]:
    """Split the window into windows of at most `days` days, newest first, so that recent days are synced first."""
    last = window.to_date
    while last >= window.from_date:
        first = max(window.from_date, last - timedelta(days=days - 1))
        yield Window(first, last)
        last = first - timedelta(days=1)


def range_tags(window: Window) -> dict[str, str]:
    """Return the tags with which Dagster gives a run a range of days."""
    return {
        names.RANGE_START_TAG: window.from_date.isoformat(),
        names.RANGE_END_TAG: window.to_date.isoformat(),
    }


def window_of_days(days: Sequence[str]) -> Window | None:
    """Return the window of a run's partitions in order, which are contiguous; None if there are none."""
    return Window(date.fromisoformat(days[0]), date.fromisoformat(days[-1])) if days else None


def window_of_tags(tags: Mapping[str, str]) -> Window | None:
    """Return the days of trade in a run's tags; None if they have none.

    Anyone can launch a run with any tags, so an invalid range counts as none.
    """
    if names.RANGE_START_TAG in tags or names.RANGE_END_TAG in tags:
        first, last = tags.get(names.RANGE_START_TAG, ""), tags.get(names.RANGE_END_TAG, "")
    else:
        first = last = tags.get(names.PARTITION_TAG, "")
    try:
        window = Window(date.fromisoformat(first), date.fromisoformat(last))
    except ValueError:
        return None
    return window if window.from_date <= window.to_date else None
