"""Shared fixtures of the tests of extract: a scripted server, and a client with short waits."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from inn8_pipeline.extract.budget import BudgetStore
from inn8_pipeline.extract.client import Inn8Client
from inn8_pipeline.extract.endpoint import Endpoint, RetryPolicy, Timeouts
from inn8_pipeline.extract.retry import Notice
from inn8_pipeline_tests.extract.circuits import MemoryCircuits
from inn8_pipeline_tests.extract.servers import Inn8, serving

SECRET = "s3cret/&=+ of the client"


NewClient = Callable[..., Inn8Client]

QUICK = RetryPolicy(waits_seconds=(0.02, 0.04, 0.06), jitter_seconds=0.0, max_retry_after_seconds=0.3)
PATIENT = Timeouts(connect_seconds=5.0, read_seconds=5.0, attempt_seconds=10.0)


@pytest.fixture
def server() -> Iterator[Inn8]:
    """Run a server that gives tokens; the test scripts its collections."""
    with serving() as scripted:
        yield scripted


@pytest.fixture
def circuits() -> MemoryCircuits:
    """Return circuits that open after five failures, as in the contract."""
    return MemoryCircuits()


@pytest.fixture
def new_client(circuits: MemoryCircuits) -> Iterator[NewClient]:
    """Yield a function that makes clients; they are closed at the end."""
    with ExitStack() as stack:

        def new(  # noqa: PLR0913 (what a client can be given, by name)
            server: Inn8,
            store: MemoryCircuits | None = None,
            *,
            retry: RetryPolicy = QUICK,
            timeouts: Timeouts = PATIENT,
            on_notice: Callable[[Notice], None] = lambda _: None,
            budget: BudgetStore | None = None,
            leaves_reserve: bool = False,
            **endpoint: Any,  # noqa: ANN401 (any field of Endpoint)
        ) -> Inn8Client:
            fields: dict[str, Any] = {
                "tenant_id": "acme",
                "base_url": server.url,
                "client_id": "our-id",
                "client_secret": SECRET,
            } | endpoint
            client = Inn8Client(
                Endpoint(**fields),
                store or circuits,
                retry=retry,
                timeouts=timeouts,
                on_notice=on_notice,
                budget=budget,
                leaves_reserve=leaves_reserve,
            )
            return stack.enter_context(client)

        yield new
