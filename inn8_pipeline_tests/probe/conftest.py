"""A sandbox to probe, and a function that probes it."""

from collections.abc import Callable, Iterator
from functools import partial

import pytest

from inn8_pipeline.cli.support.sandbox_dialects import dialects_of
from inn8_pipeline.contract import DEFAULT, Contract
from inn8_pipeline.extract.breaker import UncountedCircuits
from inn8_pipeline.extract.budget import BudgetStore
from inn8_pipeline.extract.client import Inn8Client
from inn8_pipeline.extract.endpoint import Endpoint, RetryPolicy
from inn8_pipeline.probe.findings import ProbeFinding, ProbeReport
from inn8_pipeline.probe.session import probe
from inn8_pipeline.sandbox.api.server import SandboxServer
from inn8_pipeline.sandbox.world.world import World
from inn8_pipeline_tests.contract.test_whole_syncs import LAST

QUICK = RetryPolicy(waits_seconds=(0.01, 0.01, 0.01), jitter_seconds=0.0)
Probed = Callable[..., ProbeReport]


def connect(
    server: SandboxServer, contract: Contract, page_size: int | None, pages_at_a_time: int, budget: BudgetStore
) -> Inn8Client:
    endpoint = Endpoint(
        "tests",
        server.base_url,
        server.client_id,
        server.client_secret,
        page_size=page_size,
        contract=contract,
        pages_at_a_time=pages_at_a_time,
    )
    return Inn8Client(endpoint, UncountedCircuits(), retry=QUICK, budget=budget)


@pytest.fixture
def server() -> Iterator[SandboxServer]:
    world = World(clients=25, portfolios=40, transactions=100, days=5, last_date=LAST)
    with world, SandboxServer(world) as running:
        yield running


@pytest.fixture
def probed(server: SandboxServer) -> Probed:
    """Return a function that serves as one contract says and probes with another one in force."""

    def run(served: Contract | None = None, in_force: Contract = DEFAULT) -> ProbeReport:
        server.app.dialects.clear()
        if served is not None:
            server.app.dialects.update(dialects_of(served))
        return probe(partial(connect, server), in_force)

    return run


def found(report: ProbeReport, subject: str, topic: str) -> list[ProbeFinding]:
    """Return the findings about a topic."""
    return [each for each in report.findings if (each.subject, each.topic) == (subject, topic)]
