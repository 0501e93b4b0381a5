"""How INN8 behaves under requests, and what follows for a first load."""

import re

import pytest

from inn8_pipeline.contract.reading import parse
from inn8_pipeline.entities import ENTITIES
from inn8_pipeline.probe.behaviour import Load, recommended
from inn8_pipeline.sandbox.api.server import SandboxServer
from inn8_pipeline_tests.probe.conftest import Probed, found


def test_latency_is_measured_with_one_to_eight_requests_at_a_time(probed: Probed) -> None:
    (latency,) = found(probed(), "server", "latency")
    assert [part.split(":")[0] for part in latency.seen.split("; ")] == [f"{each} at a time" for each in (1, 2, 4, 8)]


def test_rate_limits_and_the_largest_page_size_are_found(server: SandboxServer, probed: Probed) -> None:
    server.app.options.max_page_size = 20
    for requests_per_minute in (0, 1000):
        server.app.options.requests_per_minute = requests_per_minute
        report = probed()
        (limit,) = found(report, "server", "rate limit")
        if requests_per_minute:
            assert re.fullmatch(r"9\d\d requests remain for \d+ s \(ratelimit-limit, ratelimit-remaining\)", limit.seen)
        else:
            assert limit.seen == "no headers name one"
        (size,) = found(report, "transactions", "page size")
        assert size.seen == "pageSize is honoured, up to 20 records"


def test_a_cursor_leaves_no_use_for_several_pages_at_a_time(probed: Probed) -> None:
    (load,) = found(probed(parse("records = '/data'\n[paging]\nstyle = 'cursor'", ENTITIES)), "server", "first load")
    assert load.seen.endswith("INN8_PAGES_AT_A_TIME=1")


@pytest.mark.parametrize(
    ("walls", "expected"), [((4.0, 2.0, 2.0, 2.0), 4), ((4.0, 4.0, 8.0, 8.0), 1), ((4.0, 2.0, 4.0, 6.0), 2)]
)
def test_the_fewest_requests_at_a_time_that_are_nearly_the_quickest_are_recommended(
    walls: tuple[float, ...], expected: int
) -> None:
    counts = ((1, 4), (2, 4), (4, 8), (8, 8))
    loads = [Load(size, [0.1] * count, wall) for (size, count), wall in zip(counts, walls, strict=True)]
    assert recommended(loads).at_a_time == expected
