"""For each dialect: the probe proposes a contract, and a sync with it brings in exactly the truth."""

import pytest

from inn8_pipeline.contract import Contract
from inn8_pipeline.contract.reading import parse
from inn8_pipeline.contract.writing import toml
from inn8_pipeline.entities import CLIENTS, ENTITIES, TRANSACTIONS
from inn8_pipeline.probe.findings import Severity
from inn8_pipeline.probe.server import MAX_REQUESTS
from inn8_pipeline.sandbox.api.server import SandboxServer
from inn8_pipeline_tests.contract.test_whole_syncs import NAMES, STYLES, WINDOW, tables
from inn8_pipeline_tests.probe.conftest import Probed, found
from inn8_pipeline_tests.probe.test_reports import assert_without_values

ALL = {entity.name: entity for entity in ENTITIES}


@pytest.mark.slow
@pytest.mark.parametrize("style", STYLES)
def test_a_dialect_is_found_and_the_proposed_contract_brings_in_exactly_the_truth(
    warehouse_url: str, server: SandboxServer, probed: Probed, style: str
) -> None:
    """One probe for each style, because a probe makes a hundred requests."""
    truth = tables(warehouse_url, server, Contract(), "truth")
    served = parse(STYLES[style] + NAMES + WINDOW, ENTITIES)
    server.app.stats.reset()
    report = probed(served)
    assert server.app.stats.requests.total() == report.requests <= MAX_REQUESTS
    proposal = parse(toml(report.proposal, ALL), ENTITIES)
    assert proposal.of(CLIENTS).paging.style == served.of(CLIENTS).paging.style, report.findings
    assert proposal.of(CLIENTS).properties == served.of(CLIENTS).properties
    assert proposal.of(TRANSACTIONS).window == served.of(TRANSACTIONS).window
    assert report.severity is Severity.LOSES

    lines = "\n".join(each.line for each in report.findings if each.line)
    assert all(parse(lines, ENTITIES).of(entity) == report.proposal.of(entity) for entity in ENTITIES), lines

    assert_without_values(report, server)
    assert tables(warehouse_url, server, served, "probed", reading=proposal) == truth

    again = probed(served, proposal)
    assert [each for each in again.findings if each.severity is Severity.LOSES] == []
    assert again.exit_code in {0, 3}


@pytest.mark.parametrize("off_by", [-2, 3])
def test_a_total_that_is_never_right_is_found_and_the_proposal_ignores_it(
    warehouse_url: str, server: SandboxServer, probed: Probed, off_by: int
) -> None:
    truth = tables(warehouse_url, server, Contract(), "truth")
    server.app.options.total_off_by = off_by
    served = parse("records = '/data/items'\n" + NAMES + WINDOW + "from_inclusive = false", ENTITIES)
    report = probed(served)
    for entity in ENTITIES:
        (total,) = found(report, entity.name, "total")
        assert (total.severity, total.line) == (Severity.LOSES, f'collections.{entity}.total.unit = "none"')
    proposal = parse(toml(report.proposal, ALL), ENTITIES)
    assert proposal.of(TRANSACTIONS).window == served.of(TRANSACTIONS).window
    assert tables(warehouse_url, server, served, "probed", reading=proposal) == truth
