"""The settings: read from the environment here and nowhere else, when they are asked for and never at import.

`environment(name)` reads one, from `NAME` or, as Docker and Kubernetes mount secrets, from the file that `NAME_FILE`
names. What is missing or wrong is a `SettingsError` that names the variable and an example. README.md lists them all.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from inn8_pipeline.entities import PAGE_SIZE, Window
from inn8_pipeline.errors import SettingsError

T = TypeVar("T")

_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_]{0,62}")
_AUTHORITY = re.compile(r"(?:[^@]*@)?(?:\[[^@\]]+\]|[^@:]*)(?::\d+)?")
_MEBIBYTE = 1024 * 1024
_WAREHOUSE = "postgresql+psycopg://inn8:secret@localhost:5432/inn8"


@dataclass(frozen=True, slots=True)
class TenantSettings:
    """One tenant's access to INN8."""

    tenant_id: str
    base_url: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """How INN8 is asked, whichever the tenant. `max_body` in bytes of one page, decompressed."""

    allow_http: bool
    max_body: int
    page_size: int
    pages_at_a_time: int
    ca_file: str | None


@dataclass(frozen=True, slots=True)
class CelerySettings:
    """Where Celery keeps its queue and its results. The URLs may hold passwords."""

    broker: str = field(repr=False)
    backend: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RetentionSettings:
    """How many days stay: landings that nothing was made from last, resolved rejects, the events of runs."""

    landing_days: int
    reject_days: int
    run_days: int


@dataclass(frozen=True, slots=True)
class AlertSettings:
    """Where trouble is told (the webhook's address is a secret), from which severity on, and what links lead to."""

    webhook: str | None = field(repr=False)
    includes_warnings: bool
    ui_url: str


@dataclass(frozen=True, slots=True)
class SyncSettings:
    """What a sync covers, how often, and when it refuses. Days are days of trade, percentages whole."""

    transactions_from: date
    lookback_days: int
    sweep_days: int
    timezone: str
    max_rejected_percent: int
    max_removed_percent: int
    lock_seconds: int
    chunk_size: int
    tick_minutes: int

    def today(self) -> date:
        """Today in the zone of the settings: the last day of trade that there can be."""
        return datetime.now(ZoneInfo(self.timezone)).date()

    def history(self) -> Window:
        """Every day that INN8 may have transactions for."""
        return Window(self.transactions_from, self.today())

    def last_days(self, days: int) -> Window:
        """The last so many days, today the last of them, none before `transactions_from`."""
        today = self.today()
        return Window(max(self.transactions_from, date.fromordinal(today.toordinal() - days + 1)), today)


class Environment:
    """Variables, and how one of them becomes a value."""

    def __init__(self, variables: Mapping[str, str] | None = None) -> None:
        """Read from `variables`, by default from the process's environment."""
        self._variables = os.environ if variables is None else variables

    def read(self, name: str, example: str, default: str | None = None) -> str:
        """The variable's text; `SettingsError` if it is missing and has no default."""
        text = self._variables.get(name, "").strip() or self._from_file(name)
        if text:
            return text
        if default is None:
            raise SettingsError(name, "is not set", example)
        return default

    def _from_file(self, name: str) -> str:
        file = self._variables.get(f"{name}_FILE", "").strip()
        if not file:
            return ""
        try:
            return Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            problem = f"names a file that cannot be read ({type(error).__name__})"
            raise SettingsError(f"{name}_FILE", problem, "/run/secrets/inn8") from None

    def parse(self, name: str, parse: Callable[[str], T], rule: str, example: str) -> T:
        """The variable's value, `example` where it is not set; `SettingsError` naming `rule` where it does not fit."""
        text = self.read(name, example, default=example)
        try:
            return parse(text)
        except (ValueError, ZoneInfoNotFoundError):
            raise SettingsError(name, f"must be {rule}", example) from None

    def whole(self, name: str, default: int, least: int, most: int) -> int:
        """A whole number between two bounds, both inclusive."""
        return self.parse(name, lambda text: _between(int(text), least, most), f"{least} to {most}", str(default))


def _between(number: int, least: int, most: int) -> int:
    if not least <= number <= most:
        raise ValueError
    return number


def _part_of_an_hour(text: str) -> int:
    minutes = _between(int(text), 1, 30)
    if 60 % minutes:
        raise ValueError
    return minutes


def _truth(text: str) -> bool:
    known = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    if text.lower() not in known:
        raise ValueError
    return known[text.lower()]


def _zone(text: str) -> str:
    return ZoneInfo(text).key


def _tenant_id(text: str) -> str:
    if not _TENANT.fullmatch(text):
        raise ValueError
    return text


def read_tenant_ids(environment: Environment) -> tuple[str, ...]:
    """The tenants, none twice; first the plain one, INN8_TENANT_ID, which the variables without a name are for.

    Where INN8_TENANTS is set it must be named: the credentials must not become another tenant's by the list's order.
    """
    if not environment.read("INN8_TENANTS", "firm,acme", default=""):
        return (environment.parse("INN8_TENANT_ID", _tenant_id, "letters, digits and underscores", "default"),)
    listed = environment.parse("INN8_TENANTS", _tenant_ids, _TENANTS_RULE, "default")
    plain = environment.read("INN8_TENANT_ID", listed[0])
    if plain not in listed:
        raise SettingsError("INN8_TENANT_ID", "must be one of INN8_TENANTS", listed[0])
    return (plain, *(each for each in listed if each != plain))


_TENANTS_RULE = "names of letters, digits and underscores, separated by commas, no two of them alike but for case"


def _tenant_ids(text: str) -> tuple[str, ...]:
    tenant_ids = tuple(_tenant_id(each.strip()) for each in text.split(","))
    # Two that differ in case alone would share their variables, and so one's data would come in as the other's.
    if len({each.upper() for each in tenant_ids}) < len(tenant_ids):
        raise ValueError
    return tenant_ids


def _own(environment: Environment, tenant_id: str) -> str:
    """How the tenant's own variables begin."""
    return "INN8_" if tenant_id == read_tenant_ids(environment)[0] else f"INN8_{tenant_id.upper()}__"


def read_tenant(environment: Environment, tenant_id: str) -> TenantSettings:
    """A tenant's access to INN8: `INN8_CLIENT_ID` of the plain one, `INN8_ACME__CLIENT_ID` of the tenant acme.

    Nothing but the scope is taken over from another tenant: its credentials would bring its data in.
    """
    own = _own(environment, tenant_id)
    scope = environment.read("INN8_SCOPE", "api.read", default="api.read api.write")
    return TenantSettings(
        tenant_id=tenant_id,
        base_url=environment.read(f"{own}BASE_URL", "https://api.inn8.example").rstrip("/"),
        client_id=environment.read(f"{own}CLIENT_ID", "fullview"),
        client_secret=environment.read(f"{own}CLIENT_SECRET", "the-secret-that-INN8-gave-you"),
        scope=environment.read(f"{own}SCOPE", "api.read", default=scope),
    )


def read_alerts(environment: Environment) -> AlertSettings:
    """Where trouble is told, if anywhere."""
    return AlertSettings(
        webhook=environment.read("INN8_ALERT_WEBHOOK", "https://hooks.example/T0/B0/secret", default="") or None,
        includes_warnings=environment.parse("INN8_ALERT_LEVEL", _level, "warning or error", "warning") == "warning",
        ui_url=environment.read("INN8_UI_URL", "https://dagster.firm.example", default="").rstrip("/"),
    )


def read_heartbeat_url(environment: Environment, tenant_id: str) -> str | None:
    """What is called after each complete tick of the tenant; None if nothing is."""
    return environment.read(f"{_own(environment, tenant_id)}HEARTBEAT_URL", "https://hc.example/id", default="") or None


def _level(text: str) -> str:
    if text.lower() not in {"warning", "error"}:
        raise ValueError
    return text.lower()


def read_api(environment: Environment) -> ApiSettings:
    """How INN8 is asked."""
    return ApiSettings(
        allow_http=environment.parse("INN8_ALLOW_HTTP", _truth, "true or false", "false"),
        max_body=environment.whole("INN8_MAX_BODY", 256 * _MEBIBYTE, 1024, 1024 * _MEBIBYTE),
        page_size=environment.whole("INN8_PAGE_SIZE", PAGE_SIZE, 1, 100_000),
        pages_at_a_time=environment.whole("INN8_PAGES_AT_A_TIME", 8, 1, 64),
        ca_file=environment.read("INN8_CA_FILE", "/etc/ssl/inn8.pem", default="") or None,
    )


def read_sync(environment: Environment) -> SyncSettings:
    """What a sync covers and when it refuses."""
    return SyncSettings(
        transactions_from=environment.parse(
            "INN8_TRANSACTIONS_FROM", date.fromisoformat, "a day (YYYY-MM-DD)", "2020-01-01"
        ),
        lookback_days=environment.whole("INN8_LOOKBACK_DAYS", 10, 1, 366),
        sweep_days=environment.whole("INN8_SWEEP_DAYS", 35, 1, 3660),
        timezone=environment.parse("INN8_TIMEZONE", _zone, "a zone of the IANA database", "UTC"),
        max_rejected_percent=environment.whole("INN8_MAX_REJECTED_PERCENT", 50, 0, 100),
        max_removed_percent=environment.whole("INN8_MAX_REMOVED_PERCENT", 20, 0, 100),
        lock_seconds=environment.whole("INN8_LOCK_SECONDS", 600, 1, 86_400),
        chunk_size=environment.whole("INN8_CHUNK_SIZE", 5000, 1, 1_000_000),
        tick_minutes=environment.parse("INN8_TICK_MINUTES", _part_of_an_hour, "a divisor of 60, up to 30", "15"),
    )


def read_retention(environment: Environment) -> RetentionSettings:
    """How long what is kept stays."""
    return RetentionSettings(
        landing_days=environment.whole("INN8_KEEP_LANDINGS_DAYS", 90, 1, 36_500),
        reject_days=environment.whole("INN8_KEEP_REJECTS_DAYS", 365, 1, 36_500),
        run_days=environment.whole("INN8_KEEP_RUNS_DAYS", 30, 1, 36_500),
    )


def read_database_url(environment: Environment) -> str:
    """The warehouse's URL; `SettingsError` where it names no Postgres, or another driver than psycopg."""
    return _database_url(environment, "INN8_DATABASE_URL")


def read_owner_database_url(environment: Environment) -> str:
    """The warehouse's URL with the login that upgrades, gives rights and erases; the pipeline's where none is set."""
    is_set = environment.read("INN8_OWNER_DATABASE_URL", _WAREHOUSE, default="")
    return _database_url(environment, "INN8_OWNER_DATABASE_URL" if is_set else "INN8_DATABASE_URL")


def _database_url(environment: Environment, name: str) -> str:
    url = environment.read(name, _WAREHOUSE)
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in {"postgresql", "postgres", "postgresql+psycopg"}:
        raise SettingsError(name, "must be the URL of a Postgres database", _WAREHOUSE)
    return well_formed(name, f"postgresql+psycopg://{rest}", _WAREHOUSE)


def well_formed(name: str, url: str, example: str) -> str:
    """The URL of a database, if it can be read; what a driver would say of another one holds the password."""
    authority = re.split(r"[/?#]", url.partition("://")[2], maxsplit=1)[0]
    if not _AUTHORITY.fullmatch(authority):
        problem = "cannot be read: within its parts each of @ : / ? # % is written as its code, %40 for @"
        raise SettingsError(name, problem, example)
    return url


def read_executor(environment: Environment) -> str:
    """Where the steps of a run execute."""
    known = ("in_process", "multiprocess", "celery", "kubernetes")
    name = environment.read("INN8_EXECUTOR", known[0], default=known[0])
    if name not in known:
        raise SettingsError("INN8_EXECUTOR", f"must be one of {', '.join(known)}", known[0])
    return name


def read_celery(environment: Environment) -> CelerySettings:
    """Where the steps of runs wait for Celery's workers, and where their results do."""
    return CelerySettings(
        broker=environment.read("INN8_CELERY_BROKER", "redis://localhost:6379/0"),
        backend=environment.read("INN8_CELERY_BACKEND", "redis://localhost:6379/1"),
    )


def now() -> datetime:
    """The present instant, in UTC."""
    return datetime.now(UTC)
