"""Keep in Dagster's storage until when alerts are muted.

The sensors and `inn8 alert mute` reach it on every machine, also while the warehouse is away.
"""

from dataclasses import dataclass
from datetime import datetime

import dagster as dg
import msgspec

from inn8_pipeline.settings import moment, now

_KEY = "inn8/mute"


@dataclass(frozen=True, slots=True)
class Mute:
    """A period in which no alert is posted. What began in it is posted afterwards."""

    from_at: datetime
    until: datetime
    reason: str

    def holds(self, at: datetime) -> bool:
        """Return whether the instant is in the period."""
        return self.from_at <= at < self.until

    def text(self, timezone: str | None) -> str:
        """Return the period and its reason; without a time zone, in that of the terminal."""
        return f"from {moment(self.from_at, timezone)} to {moment(self.until, timezone)}: {self.reason}"


def read(instance: dg.DagsterInstance) -> Mute | None:
    """Return the period that was set last, which may be over or in the future; None if there is none."""
    text = instance.daemon_cursor_storage.get_cursor_values({_KEY}).get(_KEY)
    try:
        return msgspec.json.decode(text, type=Mute) if text else None
    except msgspec.MsgspecError:
        return None


def current(instance: dg.DagsterInstance) -> Mute | None:
    """Return the period that was set last, unless it is over."""
    mute = read(instance)
    return mute if mute is not None and mute.until > now() else None


def write(instance: dg.DagsterInstance, mute: Mute | None) -> None:
    """Set the period, in place of an earlier one; with None, end it."""
    text = msgspec.json.encode(mute).decode() if mute is not None else ""
    instance.daemon_cursor_storage.set_cursor_values({_KEY: text})
