"""Format the message for the alert webhook: one line per change, with a limited length."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from inn8_pipeline.defs.alerting.incident_subjects import Subject
from inn8_pipeline.defs.alerting.incidents import Change, Changes, Incident
from inn8_pipeline.settings import moment

MAX_CHARACTERS = 3000
"""Slack shows up to 4,000 characters of a message. Changes that do not fit are counted, and they count as reported."""
MAX_TEXT_CHARACTERS = 500
MAX_RANGES = 5
MAX_TABLES = 9

_ORDER = tuple(Change)


def message(changes: Changes, timezone: str = "UTC") -> str:
    """Return the changes as one message of at most `MAX_CHARACTERS` characters, errors first."""
    ordered = sorted(changes.items(), key=lambda change: _ORDER.index(change[1][0]))
    lines = [line(subject, change, incident, timezone) for subject, (change, incident) in ordered]
    shown = len(lines)
    while shown and len(_joined(lines, shown)) > MAX_CHARACTERS:
        shown -= 1
    return _joined(lines, shown)


def _joined(lines: list[str], shown: int) -> str:
    more = len(lines) - shown
    rest = f"… and {more} more: see the checks in the Dagster UI, and `inn8 log`." if more else ""
    return "\n".join([*lines[:shown], rest] if rest else lines)


def line(subject: Subject, change: Change, incident: Incident, timezone: str) -> str:
    """Return the line for one change."""
    label = f"{change}: {subject}{_tables(incident)}{_ranges(incident)}"
    began = moment(incident.began_at, timezone)
    if incident.over_at is not None:
        took = duration(incident.over_at - incident.began_at)
        ended = f"{label}, after {took} ({began} to {moment(incident.over_at, timezone)})."
        text = _shortened(incident.text) if change is Change.OVER_UNREPORTED else ""
        return " ".join(part for part in (ended, text, incident.reason, incident.url) if part)
    is_named = not incident.run_id or incident.run_id[:8] in incident.text
    run = "" if is_named else f"Run {incident.run_id[:8]}."
    parts = (f"{label}.", _shortened(incident.text), f"Since {began}.", run, incident.url)
    return " ".join(part for part in parts if part)


def as_json(subject: Subject, changed: tuple[Change, Incident]) -> dict[str, Any]:
    """Return one change as a JSON object, for programs."""
    change, incident = changed
    return {
        "change": change.name.lower(),
        "is_error": incident.is_error,
        "subject": str(subject),
        "kind": str(subject.kind),
        "name": subject.name,
        "tenant": subject.tenant.tenant_id if subject.tenant else None,
        "entity": subject.entity or None,
        "tables": list(incident.tables),
        "days": [str(window) for window in incident.days],
        "text": _shortened(incident.text),
        "reason": incident.reason,
        "began_at": incident.began_at.isoformat(),
        "over_at": incident.over_at.isoformat() if incident.over_at else None,
        "run_id": incident.run_id or None,
        "url": incident.url or None,
    }


def duration(took: timedelta) -> str:
    """Return a duration in its two largest units: `14 min`, `1 h 5 min`, `2 d 3 h`."""
    minutes = max(round(took.total_seconds() / 60), 1)
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    units = [(days, "d"), (hours, "h"), (rest, "min")]
    shown = [f"{number} {unit}" for number, unit in units if number]
    return " ".join(shown[:2])


def _tables(incident: Incident) -> str:
    return f" ({_listed(incident.tables, MAX_TABLES, 'tables')})" if incident.tables else ""


def _ranges(incident: Incident) -> str:
    return f" {_listed([str(window) for window in incident.days], MAX_RANGES, 'ranges')}" if incident.days else ""


def _listed(names: Sequence[str], most: int, what: str) -> str:
    more = len(names) - most
    return f"{', '.join(names[:most])}{f' and {more} more {what}' if more > 0 else ''}"


def _shortened(text: str) -> str:
    if len(text) <= MAX_TEXT_CHARACTERS:
        return text
    return f"{text[:MAX_TEXT_CHARACTERS].rpartition(' ')[0] or text[:MAX_TEXT_CHARACTERS]} …"


def url(ui_url: str, path: str) -> str:
    """Return the URL of a page of the Dagster UI; empty if the URL of the UI is not known."""
    return f"{ui_url}/{path}" if ui_url else ""
