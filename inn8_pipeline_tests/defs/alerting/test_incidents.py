"""What is reported about an incident, from one evaluation to the next."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from inn8_pipeline.defs.alerting import cursors, incident_subjects
from inn8_pipeline.defs.alerting.incidents import AlertState, Change, Finding, Incident, days_in, windows_of
from inn8_pipeline.defs.build import build
from inn8_pipeline.defs.names import Tenant
from inn8_pipeline.entities import CLIENTS, TRANSACTIONS, Window
from inn8_pipeline.settings import Environment

AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
FIRM, ACME = Tenant("firm"), Tenant("acme", is_default=False)
SUBJECT = incident_subjects.of_check(FIRM, CLIENTS, "sync_log")
WARNING, ERROR = (Incident("text", is_error=is_error, began_at=AT) for is_error in (False, True))
OK = Finding()


def reported(*evaluations: Incident | Finding, includes_warnings: bool = True, minutes: int = 1) -> list[str]:
    """Return what is reported about one subject in each of these evaluations."""
    found: list[str] = []
    cursor, at = None, AT
    for evaluation in evaluations:
        finding = Finding(evaluation) if isinstance(evaluation, Incident) else evaluation
        state = cursors.read_alerts(cursor, [FIRM]).updated({SUBJECT: finding}, at)
        changes = state.changes(at, includes_warnings=lambda _: includes_warnings)
        found.extend(change for change, _ in changes.values())
        cursor = cursors.write_alerts(state.after_report(changes, at))
        at += timedelta(minutes=minutes)
    return found


def test_each_change_is_reported_once_and_a_second_outage_too() -> None:
    assert reported(WARNING, WARNING, ERROR, ERROR, WARNING, ERROR, OK, OK, WARNING) == [
        Change.WARNING, Change.ERROR, Change.NO_LONGER_ERROR, Change.ERROR, Change.OVER, Change.WARNING,
    ]  # fmt: skip


def test_an_error_of_another_kind_is_reported_and_a_warning_of_another_kind_is_not() -> None:
    held_back, failed = replace(ERROR, kind="PartialSuccess"), replace(ERROR, kind="Failed")
    assert reported(held_back, held_back, failed, failed, OK) == [Change.ERROR, Change.ERROR, Change.OVER]
    few, none = replace(WARNING, kind="PartialSuccess"), replace(WARNING, kind="NoData")
    assert reported(few, none, few) == [Change.WARNING]


def test_where_only_errors_are_wanted_the_end_of_an_error_is_reported_and_warnings_are_not() -> None:
    assert reported(WARNING, ERROR, WARNING, OK, includes_warnings=False) == [
        Change.ERROR,
        Change.NO_LONGER_ERROR,
    ]


def test_leaving_warnings_out_does_not_report_the_open_ones_as_over() -> None:
    state = AlertState().updated({SUBJECT: Finding(WARNING)}, AT)
    state = state.after_report(state.changes(AT, includes_warnings=lambda _: True), AT)
    assert state.changes(AT, includes_warnings=lambda _: False) == {}
    assert state.updated({SUBJECT: OK}, AT).changes(AT, includes_warnings=lambda _: False) == {}


def test_an_incident_about_which_nothing_is_known_stays_open() -> None:
    state = AlertState(open={SUBJECT: ERROR}, reported={SUBJECT: ERROR}).updated({}, AT)
    assert state.changes(AT, includes_warnings=lambda _: True) == {}
    assert state.open == {SUBJECT: ERROR}


def test_an_incident_keeps_its_start() -> None:
    later = replace(ERROR, began_at=AT + timedelta(hours=1))
    state = AlertState().updated({SUBJECT: Finding(ERROR)}, AT).updated({SUBJECT: Finding(later)}, AT)
    assert state.open[SUBJECT].began_at == AT


def test_an_incident_about_a_column_does_not_end_while_the_column_is_blank() -> None:
    of_status = replace(WARNING, properties=("status",))
    blank, other_blank = Finding(blank_properties=("status",)), Finding(blank_properties=("account_type",))
    assert reported(of_status, blank, blank) == [Change.WARNING]
    assert reported(of_status, blank, OK) == [Change.WARNING, Change.OVER]
    assert reported(of_status, other_blank) == [Change.WARNING, Change.OVER]


def test_a_column_that_went_blank_stays_part_of_an_incident_about_another_one() -> None:
    both = Finding(replace(WARNING, properties=("status", "account_type")))
    one = Finding(replace(WARNING, properties=("account_type",)), blank_properties=("status",))
    state = AlertState()
    for finding in (both, one, Finding(blank_properties=("status",))):
        state = state.updated({SUBJECT: finding}, AT)
    assert state.open[SUBJECT].over_at is None
    assert state.updated({SUBJECT: OK}, AT).open[SUBJECT].over_at == AT


def days(first: int, last: int) -> Incident:
    return replace(ERROR, days=(Window(date(2026, 11, first), date(2026, 11, last)),))


def test_further_days_are_reported_after_an_hour_and_fewer_days_are_not() -> None:
    growing = [days(1, last) for last in range(2, 25)]
    assert reported(*growing, minutes=1) == [Change.ERROR]
    assert reported(*growing, minutes=10) == [Change.ERROR] * 4
    assert reported(days(1, 9), days(1, 3), days(2, 2), OK, minutes=90) == [Change.ERROR, Change.OVER]


def test_days_become_as_few_windows_as_possible() -> None:
    windows = (Window(date(2026, 2, 27), date(2026, 3, 1)), Window(date(2026, 3, 3), date(2026, 3, 3)))
    assert windows_of(days_in(windows)) == windows
    assert (
        windows_of(days_in([Window(date(2026, 2, 27), date(2026, 2, 28)), Window(date(2026, 2, 28), date(2026, 3, 1))]))
        == windows[:1]
    )
    assert windows_of([]) == ()


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        (SUBJECT, "clients, check sync_log"),
        (incident_subjects.of_check(ACME, CLIENTS, "drift"), "acme/clients, check drift"),
        (incident_subjects.of_days(FIRM, TRANSACTIONS), "transactions, days"),
        (incident_subjects.of_job("inn8_maintenance"), "job inn8_maintenance"),
        (incident_subjects.of_job("inn8_sync", FIRM, CLIENTS), "clients, job inn8_sync"),
        (incident_subjects.of_schedule("nightly_sweep"), "schedule nightly_sweep"),
        (incident_subjects.of_sensor("watch_runs"), "sensor watch_runs"),
        (incident_subjects.of_system("queue of runs"), "queue of runs"),
    ],
    ids=str,
)
def test_a_subject_is_named_by_its_table_and_its_kind(subject: incident_subjects.Subject, text: str) -> None:
    assert str(subject) == text


def defined(*found: incident_subjects.Subject, tenants: Iterable[Tenant] = (FIRM,)) -> list[bool]:
    repository = build(Environment({})).get_repository_def()
    return [incident_subjects.is_defined(subject, tuple(tenants), repository) for subject in found]


def test_a_subject_is_defined_as_long_as_its_tenant_entity_and_name_are() -> None:
    assert (
        defined(SUBJECT, incident_subjects.of_days(FIRM, TRANSACTIONS), incident_subjects.of_job("inn8_sync"))
        == [True] * 3
    )
    assert defined(SUBJECT, tenants=[ACME]) == [False]
    assert defined(replace(SUBJECT, entity="fees"), replace(SUBJECT, name="conservation")) == [False, False]
    assert defined(incident_subjects.of_job("old_sync"), incident_subjects.of_schedule("every_5_minutes")) == [
        False,
        False,
    ]
