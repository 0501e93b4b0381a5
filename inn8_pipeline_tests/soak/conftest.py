"""An engine for thousands of short syncs."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine


@pytest.fixture
def engine(warehouse_url: str) -> Iterator[Engine]:
    """Yield an engine with a pool: thousands of short syncs, each with a dozen transactions."""
    made = create_engine(warehouse_url, pool_size=4, connect_args={"options": "-c timezone=UTC -c jit=off"})
    yield made
    made.dispose()
