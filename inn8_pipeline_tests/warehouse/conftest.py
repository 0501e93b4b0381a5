"""A warehouse of its own for each test."""

from collections.abc import Iterator

import pytest

from inn8_pipeline_tests.warehouse.syncs import Syncs


@pytest.fixture
def syncs(warehouse_url: str) -> Iterator[Syncs]:
    """Yield an empty warehouse, and the way to sync into it."""
    with Syncs(warehouse_url) as opened:
        yield opened


@pytest.fixture
def owned(syncs: Syncs) -> Syncs:
    """Return a warehouse with client C-1 and its portfolio P-1, so that transactions have a parent."""
    return syncs.with_parents()
