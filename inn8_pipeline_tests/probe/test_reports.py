"""The report of a probe: it can be sent to others, and its exit code says what the differences mean."""

import json
from collections.abc import Iterator
from itertools import chain

from inn8_pipeline.contract.reading import parse
from inn8_pipeline.entities import ENTITIES
from inn8_pipeline.probe.analysis.notations import TIME_ZONES
from inn8_pipeline.probe.findings import ProbeReport, Severity
from inn8_pipeline.probe.report import text_of
from inn8_pipeline.sandbox.api.server import SandboxServer
from inn8_pipeline.sandbox.world.world import COLLECTIONS
from inn8_pipeline_tests.probe.conftest import Probed, found

NOT_PERSONAL = {"status", "type", "currency"}
"""Properties with values from a list, which a report may show."""


def values_of(record: object, name: str = "") -> Iterator[str]:
    """Yield the texts of a record, but for those of lists of choices."""
    if isinstance(record, dict):
        yield from chain.from_iterable(values_of(each, name) for name, each in record.items())
    elif isinstance(record, str) and name not in NOT_PERSONAL:
        yield record


def secrets_of(server: SandboxServer) -> set[str]:
    """Return every value that the sandbox sends, of at least four characters, and its secrets."""
    world = server.world
    records = [
        record
        for name in COLLECTIONS
        for record in json.loads(world.body(name, world.days(name, None, None), 0, world.count(name, None, None)))
    ]
    values = {value for record in records for value in values_of(record) if len(value) > 3}
    return values | {server.client_id, server.client_secret}


def assert_without_values(report: ProbeReport, server: SandboxServer) -> None:
    """Fail if the report has a value of a record, an id, a token or a secret."""
    text = text_of(report) + json.dumps(report.as_json(), ensure_ascii=False)
    for zone in TIME_ZONES:  # of the probe's own list; a city alone is still found
        text = text.replace(zone, "")
    tokens = set(server.app.tokens._live)  # noqa: SLF001 (no request has them in its URL)
    assert tokens
    assert [value for value in secrets_of(server) | tokens if value in text] == []


def test_a_report_shows_shapes(probed: Probed) -> None:
    text = text_of(probed())
    assert "| tradeDate | string | 0 % | `9999-99-99` |" in text
    assert "`Aaaa Aaaa`" in text


def test_an_inn8_as_the_contract_says_ends_with_exit_code_0(probed: Probed) -> None:
    report = probed()
    assert [each for each in report.findings if each.severity is not Severity.AS_CONTRACT] == []
    assert report.exit_code == 0


def test_names_in_pascal_case_are_as_the_contract_says(server: SandboxServer, probed: Probed) -> None:
    server.app.options = server.app.options.__class__(pascal=True)
    report = probed()
    assert report.exit_code == 0
    (case,) = found(report, "clients", "case of names")
    assert case.seen == "PascalCase"


def test_a_window_with_an_exclusive_end_is_handled_and_ends_with_exit_code_3(probed: Probed) -> None:
    report = probed(parse("[collections.transactions.window]\nto_inclusive = false", ENTITIES))
    (window,) = found(report, "transactions", "window")
    assert (window.severity, window.line) == (Severity.HANDLED, "collections.transactions.window.to_inclusive = false")
    assert report.exit_code == 3


def test_windows_that_are_ignored_are_handled(server: SandboxServer, probed: Probed) -> None:
    server.app.options = server.app.options.__class__(windows=False)
    report = probed()
    (window,) = found(report, "transactions", "window")
    assert window.seen == "fromDate and toDate are ignored"
    assert report.exit_code == 3
