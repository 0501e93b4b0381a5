"""Whether 304 works is found, and the proposed contract asks conditionally only where it does and is right."""

from collections.abc import Callable

import pytest

from inn8_pipeline.contract.reading import parse
from inn8_pipeline.contract.writing import toml
from inn8_pipeline.entities import ENTITIES
from inn8_pipeline.extract.http.conditional import HEADERS
from inn8_pipeline.probe.findings import ProbeReport
from inn8_pipeline.probe.server import MAX_REQUESTS
from inn8_pipeline.sandbox.api import app
from inn8_pipeline.sandbox.api.responses import SandboxResponse
from inn8_pipeline.sandbox.api.server import SandboxServer
from inn8_pipeline_tests.probe.conftest import Probed, found

TAG = '"1"'
ALL = {entity.name: entity for entity in ENTITIES}


def seen(report: ProbeReport) -> set[tuple[str, str, str]]:
    """Return what was found of each collection, with the severity and the key of its line."""
    return {
        (each.seen, str(each.severity), each.line.partition(".paging.")[2])
        for entity in ENTITIES
        for each in found(report, entity.name, "conditional requests")
    }


def test_a_validator_that_works_is_proposed_and_is_then_as_the_contract_says(
    server: SandboxServer, probed: Probed
) -> None:
    for etags, last_modified, kind in ((True, True, "etag"), (False, True, "last-modified")):
        server.app.options.etags, server.app.options.last_modified = etags, last_modified
        report = probed()
        text = f"{HEADERS[kind][0]} is sent; 304 is answered"
        assert seen(report) == {(text, "handled", f'conditional = "{kind}"')}
        assert report.exit_code == 3
        proposal = parse(toml(report.proposal, ALL), ENTITIES)
        assert {proposal.of(entity).paging.conditional for entity in ENTITIES} == {kind}
        again = probed(proposal, proposal)
        assert seen(again) == {(text, "ok", "")}
        assert (again.exit_code, again.requests <= MAX_REQUESTS) == (0, True)


@pytest.mark.parametrize(
    ("is_unchanged", "text"),
    [
        (lambda _: False, "a repetition brings 200, not 304"),
        (bool, "304 is answered to any other one, too"),
        (TAG.__eq__, "304 is answered for another page, too"),
    ],
)
def test_a_validator_that_is_not_right_is_not_proposed_and_taken_out_of_the_contract(
    server: SandboxServer,
    probed: Probed,
    monkeypatch: pytest.MonkeyPatch,
    is_unchanged: Callable[[str], bool],
    text: str,
) -> None:
    def answer(regular: SandboxResponse, asked: str) -> SandboxResponse:
        regular.headers["etag"] = TAG
        return SandboxResponse(304, b"") if is_unchanged(asked) else regular

    monkeypatch.setattr(app, "with_etag", answer)
    server.app.options.etags = True
    for in_force, *expected in (
        ("", "ok", ""),
        ("paging = { conditional = 'etag' }", "loses data", 'conditional = "no"'),
    ):
        report = probed(None, parse(in_force, ENTITIES))
        assert seen(report) == {(f"ETag is sent; {text}", *expected)}
        assert {report.proposal.of(entity).paging.conditional for entity in ENTITIES} == {"no"}


def test_where_neither_is_sent_nothing_is_proposed(probed: Probed) -> None:
    assert seen(probed()) == {("neither ETag nor Last-Modified is sent", "ok", "")}
