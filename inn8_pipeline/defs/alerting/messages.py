"""Format the message for the alert webhook: one line per change, with a limited length."""

from inn8_pipeline.defs.alerting.incident_subjects import Subject
from inn8_pipeline.defs.alerting.incidents import Change, Changes, Incident

MAX_CHARACTERS = 3000
"""Slack shows up to 4,000 characters of a message. Changes that do not fit are counted, and they count as reported."""
MAX_TEXT_CHARACTERS = 500
MAX_RANGES = 5

_ORDER = tuple(Change)


def message(changes: Changes) -> str:
    """Return the changes as one message of at most `MAX_CHARACTERS` characters, errors first."""
    ordered = sorted(changes.items(), key=lambda change: _ORDER.index(change[1][0]))
    lines = [line(subject, change, incident) for subject, (change, incident) in ordered]
    shown = len(lines)
    while shown and len(_joined(lines, shown)) > MAX_CHARACTERS:
        shown -= 1
    return _joined(lines, shown)


def _joined(lines: list[str], shown: int) -> str:
    more = len(lines) - shown
    rest = f"… and {more} more: see the checks in the Dagster UI, and `inn8 log`." if more else ""
    return "\n".join([*lines[:shown], rest] if rest else lines)


def line(subject: Subject, change: Change, incident: Incident) -> str:
    """Return the line for one change."""
    label = f"{change}: {subject}{_ranges(incident)}."
    began = f"It began at {incident.began_at:%Y-%m-%d %H:%M} UTC."
    if change is Change.OVER:
        return " ".join(part for part in (label, began, incident.reason) if part)
    text = _shortened(incident.text)
    if change is Change.OVER_UNREPORTED:
        ended = f"It ended at {incident.over_at:%Y-%m-%d %H:%M} UTC, while no message could be posted."
        return " ".join(part for part in (label, began, ended, incident.reason, text) if part)
    return " ".join(part for part in (label, text, incident.url) if part)


def _ranges(incident: Incident) -> str:
    shown = ", ".join(str(window) for window in incident.days[:MAX_RANGES])
    more = len(incident.days) - MAX_RANGES
    return f" {shown}{f' and {more} more ranges' if more > 0 else ''}" if shown else ""


def _shortened(text: str) -> str:
    if len(text) <= MAX_TEXT_CHARACTERS:
        return text
    return f"{text[:MAX_TEXT_CHARACTERS].rpartition(' ')[0] or text[:MAX_TEXT_CHARACTERS]} …"


def url(ui_url: str, path: str) -> str:
    """Return the URL of a page of the Dagster UI; empty if the URL of the UI is not known."""
    return f"{ui_url}/{path}" if ui_url else ""
