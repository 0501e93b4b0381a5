"""Define the settings as values: one frozen dataclass per group. `readers` reads them from the environment."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from inn8_pipeline.entities import Window
from inn8_pipeline.lazy_imports import lazy_module

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from inn8_pipeline.contract import Contract
    from inn8_pipeline.warehouse import database
else:
    database = lazy_module("inn8_pipeline.warehouse.database")


TICKS_TO_WARN = 2
TICKS_TO_FAIL = 4
MINUTES_FOR_A_SYNC = 5


@dataclass(frozen=True, slots=True)
class TenantSettings:
    """One tenant's access to INN8. `max_requests_per_minute` is None if requests are not limited."""

    tenant_id: str
    base_url: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str
    contract: "Contract"
    max_requests_per_minute: int | None = None


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """The settings of requests to INN8, for all tenants. `max_body` is the limit of a decompressed page in bytes.

    `page_size` is None if the page size of the contract applies.
    """

    allow_http: bool
    max_body: int
    page_size: int | None
    pages_at_a_time: int
    ca_file: str | None


@dataclass(frozen=True, slots=True)
class DatabaseSettings:
    """The connection to the warehouse. The URL can contain a password; `variable` is the setting with the URL."""

    url: str = field(repr=False)
    variable: str
    prepares_statements: bool = True

    def engine(self) -> "Engine":
        """Return an engine that opens a connection for each use and keeps none."""
        return database.connect(self.url, variable=self.variable, prepares_statements=self.prepares_statements)


@dataclass(frozen=True, slots=True)
class CelerySettings:
    """The URLs of Celery's queue and result backend. Both can contain passwords."""

    broker: str = field(repr=False)
    backend: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RetentionSettings:
    """How many days superseded landings, resolved rejects, runs with their events, and past versions are kept.

    Past versions are kept for ever if `history_days` is None.
    """

    landing_days: int
    reject_days: int
    run_days: int
    history_days: int | None


@dataclass(frozen=True, slots=True)
class PlausibilitySettings:
    """The thresholds of the check `plausibility`: whole percentages, and days between the two sides of a pair."""

    max_percent: int
    pair_days: int
    tolerance_percent: int


@dataclass(frozen=True, slots=True)
class AlertSettings:
    """The webhook for alerts, whose URL is a secret, and what is posted to it.

    Attributes:
        webhook: The URL; None if alerts are off.
        payload: The form of a message: `slack`, `teams` or `json`.
        includes_warnings: Whether warnings are posted that are not about a tenant with a level of its own.
        ui_url: The URL of the UI, for links.
        timezone: The time zone of the times in messages, beside UTC.

    """

    webhook: str | None = field(repr=False)
    payload: str
    includes_warnings: bool
    ui_url: str
    timezone: str


@dataclass(frozen=True, slots=True)
class SyncSettings:
    """The days of syncs, their frequency and their limits. Days are days of trade; percentages are whole numbers."""

    transactions_from: date
    lookback_days: int
    sweep_days: int
    timezone: str
    max_rejected_percent: int
    max_removed_percent: int
    max_changed_percent: int
    lock_seconds: int
    chunk_size: int
    tick_minutes: int

    def today(self) -> date:
        """Return today's date in the configured time zone, which is the last possible day of trade."""
        return self.day_of(now())

    def day_of(self, instant: datetime) -> date:
        """Return the day of an instant in the configured time zone."""
        return instant.astimezone(ZoneInfo(self.timezone)).date()

    def full_window(self) -> Window:
        """Return all days of trade that are synced: from `transactions_from` to today."""
        return Window(self.transactions_from, self.today())

    def freshness_bounds(self) -> tuple[timedelta, timedelta]:
        """Return the ages of the last sync from which an entity is late (a warning) and failed (an error)."""
        late, failed = (
            timedelta(minutes=ticks * self.tick_minutes + MINUTES_FOR_A_SYNC)
            for ticks in (TICKS_TO_WARN, TICKS_TO_FAIL)
        )
        return late, failed

    def last_days(self, days: int) -> Window:
        """Return the last `days` days including today, but no day before `transactions_from`."""
        today = self.today()
        return Window(max(self.transactions_from, date.fromordinal(today.toordinal() - days + 1)), today)


def now() -> datetime:
    """Return the current instant in UTC."""
    return datetime.now(UTC)


def moment(instant: datetime, timezone: str | None = None, *, has_seconds: bool = False) -> str:
    """Return an instant in the time zone, with UTC beside it if that is another time.

    Without a time zone, it is that of the terminal.
    """
    local, utc = instant.astimezone(ZoneInfo(timezone) if timezone else None), instant.astimezone(UTC)
    shape = "%H:%M:%S" if has_seconds else "%H:%M"
    if local.utcoffset() == timedelta():
        return f"{utc:%Y-%m-%d {shape}} UTC"
    day = "" if local.date() == utc.date() else "%Y-%m-%d "
    return f"{local:%Y-%m-%d {shape}} {local.tzname()}, {utc.strftime(day + shape)} UTC"
