"""A sensor reads the cursors that it has written, and those of release 0.1."""

import json
from datetime import UTC, date, datetime

import pytest

from inn8_pipeline.defs.alerting import cursors, incident_subjects
from inn8_pipeline.defs.alerting.incidents import AlertState, Incident, Watched
from inn8_pipeline.defs.names import Tenant
from inn8_pipeline.entities import CLIENTS, PORTFOLIOS, TRANSACTIONS, Window

AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
FIRM, ACME = Tenant("firm"), Tenant("acme", is_default=False)


def test_the_state_of_an_alert_sensor_is_read_as_it_was_written() -> None:
    window = Window(date(2026, 11, 1), date(2026, 11, 2))
    incident = Incident("text", is_error=True, began_at=AT, days=(window,), properties=("status",), reported_at=AT)
    state = AlertState(
        open={
            incident_subjects.of_days(ACME, TRANSACTIONS): incident,
            incident_subjects.of_job("inn8_maintenance"): incident,
        },
        reported={incident_subjects.of_job("inn8_maintenance"): incident},
        runs_until=AT,
        schedules={"nightly_sweep": Watched("30 1 * * *", AT)},
    )
    assert cursors.read_alerts(cursors.write_alerts(state), [FIRM, ACME]) == state


@pytest.mark.parametrize("cursor", [None, "", "set by hand", "[]", "3", '{"version": 2}', '{"clients": "odd"}', "{"])
def test_a_cursor_that_cannot_be_read_counts_as_empty(cursor: str | None) -> None:
    assert cursors.read_alerts(cursor, [FIRM]) == AlertState()


def of_release_0_1(kind: str = "") -> dict[str, object]:
    return {"text": "text", "is_error": True, "since": "2026-11-24T10:00:00+00:00", "kind": kind}


def test_a_cursor_of_release_0_1_is_read() -> None:
    cursor = json.dumps(
        {
            "clients, check sync_log": of_release_0_1("Failed"),
            "acme/portfolios, check conservation": of_release_0_1(),
            "transactions of 2026-11-01..2026-11-02 firm": of_release_0_1(),
            "transactions of 2026-10-01..2026-10-31 firm": of_release_0_1(),
            "transactions of 2026-11-01..2026-11-02 acme": of_release_0_1(),
            "job inn8_maintenance": of_release_0_1(),
            "clients of nobody": of_release_0_1(),
        }
    )
    state = cursors.read_alerts(cursor, [FIRM, ACME])
    november, october = Window(date(2026, 11, 1), date(2026, 11, 2)), Window(date(2026, 10, 1), date(2026, 10, 31))
    assert {subject: incident.days for subject, incident in state.open.items()} == {
        incident_subjects.of_check(FIRM, CLIENTS, "sync_log"): (),
        incident_subjects.of_check(ACME, PORTFOLIOS, "reconciliation"): (),
        incident_subjects.of_days(FIRM, TRANSACTIONS): (november, october),
        incident_subjects.of_days(ACME, TRANSACTIONS): (november,),
        incident_subjects.of_job("inn8_maintenance"): (),
    }
    assert state.reported == state.open
    failed = state.open[incident_subjects.of_check(FIRM, CLIENTS, "sync_log")]
    assert (failed.text, failed.is_error, failed.began_at, failed.kind) == ("text", True, AT, "Failed")
