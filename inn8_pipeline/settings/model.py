"""What the settings are, once they are read: one frozen dataclass for each group. No environment, no parsing."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from inn8_pipeline.contract import DEFAULT, Contract
from inn8_pipeline.deferred import deferred
from inn8_pipeline.entities import Window

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from inn8_pipeline.warehouse import database
else:
    database = deferred("inn8_pipeline.warehouse.database")


@dataclass(frozen=True, slots=True)
class TenantSettings:
    """One tenant's access to INN8."""

    tenant_id: str
    base_url: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str
    contract: Contract = DEFAULT


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """How requests to INN8 are made, for every tenant. `max_body` is in bytes of one page, decompressed.

    `page_size` is None where the contract's page size counts.
    """

    allow_http: bool
    max_body: int
    page_size: int | None
    pages_at_a_time: int
    ca_file: str | None


@dataclass(frozen=True, slots=True)
class DatabaseSettings:
    """How the warehouse is reached. The URL may hold a password; `variable` is the setting that it comes from."""

    url: str = field(repr=False)
    variable: str
    prepares_statements: bool = True

    def engine(self) -> "Engine":
        """Return an engine; it opens connections when it is used, and keeps none."""
        return database.connect(self.url, variable=self.variable, prepares_statements=self.prepares_statements)


@dataclass(frozen=True, slots=True)
class CelerySettings:
    """The URLs of Celery's queue and of its results. Both may hold passwords."""

    broker: str = field(repr=False)
    backend: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RetentionSettings:
    """How many days are kept: landings that no table was last merged from, resolved rejects, the events of runs."""

    landing_days: int
    reject_days: int
    run_days: int


@dataclass(frozen=True, slots=True)
class AlertSettings:
    """Where alerts are posted (the webhook's address is a secret), from which severity, and where their links lead."""

    webhook: str | None = field(repr=False)
    includes_warnings: bool
    ui_url: str


@dataclass(frozen=True, slots=True)
class SyncSettings:
    """What a sync covers, how often it runs and when it refuses. Days are days of trade, percentages whole numbers."""

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
        """Return today in the configured time zone: the last day of trade that there can be."""
        return datetime.now(ZoneInfo(self.timezone)).date()

    def history(self) -> Window:
        """Return every day that INN8 may have transactions for."""
        return Window(self.transactions_from, self.today())

    def last_days(self, days: int) -> Window:
        """Return the last `days` days up to and including today, none of them before `transactions_from`."""
        today = self.today()
        return Window(max(self.transactions_from, date.fromordinal(today.toordinal() - days + 1)), today)


def now() -> datetime:
    """Return the present instant, in UTC."""
    return datetime.now(UTC)
