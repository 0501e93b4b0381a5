"""For each option of the sandbox: the probe finds it, and a sync with the proposed contract brings in the truth.

`test_dialects` has what a contract file says. `--delay`, `--expires-in` and `--invalid` change neither names nor pages.
"""

import pytest

from inn8_pipeline.contract import Contract
from inn8_pipeline.contract.reading import parse
from inn8_pipeline.contract.writing import toml
from inn8_pipeline.entities import ENTITIES
from inn8_pipeline.sandbox.api.pages import ServerOptions
from inn8_pipeline.sandbox.api.server import SandboxServer
from inn8_pipeline_tests.contract.test_whole_syncs import tables
from inn8_pipeline_tests.probe.conftest import Probed

ALL = {entity.name: entity for entity in ENTITIES}
OPTIONS = {
    "pascal": (
        ServerOptions(pascal=True, windows=False, etags=True, requests_per_minute=6000, page_size=6, max_page_size=6),
        {
            "case of names: PascalCase",
            "window: fromDate and toDate are ignored",
            "conditional requests: ETag is sent; 304 is answered",
            "page size: pageSize is honoured, up to 6 records",
            "rate limit: *",
        },
    ),
    "no paging": (
        ServerOptions(paging=False),
        {"paging: a single page of 25 records"},
    ),
    "wrong total": (
        ServerOptions(exclusive_windows=True, total_off_by=3, last_link=False, page_size=6, max_page_size=6),
        {
            "total: X-Total-Count is another number than that of the records",
            "window: fromDate (from exclusive), toDate (to exclusive)",
        },
    ),
    "no total": (
        ServerOptions(total_count=False, last_modified=True),
        {"total: no total is announced", "conditional requests: Last-Modified is sent; 304 is answered"},
    ),
}


@pytest.mark.slow
def test_each_option_is_found_and_the_proposed_contract_brings_in_exactly_the_truth(
    warehouse_url: str, server: SandboxServer, probed: Probed
) -> None:
    truth = tables(warehouse_url, server, Contract(), "truth")
    for name, (options, expected) in OPTIONS.items():
        server.app.options = options
        report = probed()
        server.app.stats.reset()
        seen = {f"{each.topic}: {each.seen}" for each in report.findings}
        seen |= {f"{each.topic}: *" for each in report.findings if "requests remain" in each.seen}
        assert expected <= seen, (name, seen)
        proposal = parse(toml(report.proposal, ALL), ENTITIES)
        for _ in range(2 if options.etags or options.last_modified else 1):
            assert tables(warehouse_url, server, None, name, reading=proposal) == truth, name
        assert bool(server.app.stats.statuses[304]) == (options.etags or options.last_modified), name
