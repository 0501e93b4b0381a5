"""A total that is never right is found, however many pages there are, and within the bound of requests."""

from collections.abc import Iterator

import pytest

from inn8_pipeline.contract.reading import parse
from inn8_pipeline.entities import ENTITIES
from inn8_pipeline.probe.findings import Severity
from inn8_pipeline.probe.server import MAX_REQUESTS
from inn8_pipeline.sandbox.api.server import SandboxServer
from inn8_pipeline.sandbox.world.world import World
from inn8_pipeline_tests.contract.test_whole_syncs import LAST
from inn8_pipeline_tests.probe.conftest import Probed, found

STYLES = {
    "link": "",
    "page": "[paging]\nstyle = 'page'",
    "page from 0": "[paging]\nstyle = 'page'\nfirst_page = 0",
    "pages": "total = { unit = 'pages' }\n[paging]\nstyle = 'page'",
    "offset": "records = '/data'\ntotal = { pointer = '/total' }\n[paging]\nstyle = 'offset'",
    "cursor": "records = '/data'\n[paging]\nstyle = 'cursor'",
    "next_url": "records = '/data'\n[paging]\nstyle = 'next_url'",
}


@pytest.fixture
def server() -> Iterator[SandboxServer]:
    """Serve many pages: of clients 6, of portfolios 11, of transactions 40."""
    world = World(clients=60, portfolios=110, transactions=400, days=60, last_date=LAST)
    with world, SandboxServer(world) as running:
        running.options.page_size = running.options.max_page_size = 10
        yield running


@pytest.mark.parametrize("style", STYLES)
def test_a_wrong_total_is_found_in_each_style_and_a_right_one_is_trusted(
    server: SandboxServer, probed: Probed, style: str
) -> None:
    served = parse(STYLES[style], ENTITIES)
    for off_by in (0, 3, -2 if style == "pages" else -10):
        server.app.options.total_off_by = off_by
        report = probed(served, served)
        assert report.requests <= MAX_REQUESTS
        for entity in ENTITIES:
            (total,) = found(report, entity.name, "total")[-1:]
            is_read = style not in {"cursor", "next_url"} or entity.name != "portfolios"
            expected = (Severity.LOSES if off_by else Severity.AS_CONTRACT) if is_read else Severity.HANDLED
            assert total.severity is expected, (off_by, entity, total)
            assert (report.proposal.of(entity).total.unit == "none") == (expected is Severity.LOSES)
