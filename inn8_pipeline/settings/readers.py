"""Read the settings: each function returns one group, or raises a SettingsError for its first invalid setting."""

import re
from datetime import date
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from inn8_pipeline.entities import MAX_PAGE_SIZE, PAGE_SIZE
from inn8_pipeline.errors import SettingsError
from inn8_pipeline.lazy_imports import lazy_module
from inn8_pipeline.settings.environment import Environment, between, truth
from inn8_pipeline.settings.model import (
    AlertSettings,
    ApiSettings,
    CelerySettings,
    PlausibilitySettings,
    RetentionSettings,
    SyncSettings,
    TenantSettings,
)
from inn8_pipeline.settings.urls import base_url, http_url

if TYPE_CHECKING:
    import ssl

    from inn8_pipeline.contract import Contract
    from inn8_pipeline.settings import contract_file
else:
    ssl = lazy_module("ssl")
    contract_file = lazy_module("inn8_pipeline.settings.contract_file")

_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_]{0,62}")
_TENANTS_RULE = "names of letters, digits and underscores, separated by commas, of which no two differ only in case"
_MEBIBYTE = 1024 * 1024
_BASE_URL = "https://api.inn8.example"


def _part_of_an_hour(text: str) -> int:
    minutes = between(int(text), 1, 30)
    if 60 % minutes:
        raise ValueError
    return minutes


def _zone(text: str) -> str:
    return ZoneInfo(text).key


def _tenant_id(text: str) -> str:
    if not _TENANT.fullmatch(text):
        raise ValueError
    return text


def read_tenant_ids(environment: Environment) -> tuple[str, ...]:
    """Return the ids of the tenants, each once, the default tenant first.

    The default tenant is INN8_TENANT_ID, and the unprefixed variables are for it. If INN8_TENANTS is set,
    INN8_TENANT_ID must be set too, because reordering the list must never give the credentials to another tenant.
    """
    if not environment.read("INN8_TENANTS", "firm,acme", default=""):
        return (environment.parse("INN8_TENANT_ID", _tenant_id, "letters, digits and underscores", "default"),)
    listed = environment.parse("INN8_TENANTS", _tenant_ids, _TENANTS_RULE, "default")
    default = environment.read("INN8_TENANT_ID", listed[0])
    if default not in listed:
        raise SettingsError("INN8_TENANT_ID", "must be one of INN8_TENANTS", listed[0])
    return (default, *(each for each in listed if each != default))


def read_other_tenant_ids(environment: Environment) -> tuple[str, ...]:
    """Return the ids of tenants whose rows are in the warehouse although this installation does not sync them."""
    if not environment.read("INN8_OTHER_TENANTS", "former", default=""):
        return ()
    return environment.parse("INN8_OTHER_TENANTS", _tenant_ids, _TENANTS_RULE, "former")


def _tenant_ids(text: str) -> tuple[str, ...]:
    tenant_ids = tuple(_tenant_id(each.strip()) for each in text.split(","))
    # Two ids that differ only in case would share their variables, so one tenant's data would be loaded as the other's.
    if len({each.upper() for each in tenant_ids}) < len(tenant_ids):
        raise ValueError
    return tenant_ids


def tenant_variable(environment: Environment, tenant_id: str, name: str) -> str:
    """Return the name of a variable of the tenant: INN8_BASE_URL for the default tenant, INN8_ACME__BASE_URL for acme.

    With an empty `name`, return the prefix of all of the tenant's variables.
    """
    return f"{_prefix(environment, tenant_id)}{name}"


def _prefix(environment: Environment, tenant_id: str) -> str:
    return "INN8_" if tenant_id == read_tenant_ids(environment)[0] else f"INN8_{tenant_id.upper()}__"


def read_tenant(environment: Environment, tenant_id: str) -> TenantSettings:
    """Return a tenant's access to INN8: `INN8_CLIENT_ID` for the default tenant, `INN8_ACME__CLIENT_ID` for acme.

    The scope, the contract file and the request budget fall back to those of the default tenant. The credentials never
    do: with them, the default tenant's data would be loaded as this tenant's.
    """
    prefix = _prefix(environment, tenant_id)
    contract = contract_file.read_contract_file(environment, prefix)
    scope = environment.read("INN8_SCOPE", "api.read", default=contract.token.scope)
    address = environment.read(f"{prefix}BASE_URL", _BASE_URL)
    return TenantSettings(
        tenant_id=tenant_id,
        base_url=base_url(f"{prefix}BASE_URL", address, _BASE_URL, allow_http=_allow_http(environment)),
        client_id=environment.read(f"{prefix}CLIENT_ID", "fullview"),
        client_secret=environment.read(f"{prefix}CLIENT_SECRET", "the-secret-that-INN8-gave-you"),
        scope=environment.read(f"{prefix}SCOPE", "api.read", default=scope),
        contract=contract,
        max_requests_per_minute=_max_requests(environment, prefix),
    )


def _max_requests(environment: Environment, prefix: str) -> int | None:
    for name in (f"{prefix}MAX_REQUESTS_PER_MINUTE", "INN8_MAX_REQUESTS_PER_MINUTE"):
        found = environment.whole_or_none(name, 60, 1, 1_000_000)
        if found is not None:
            return found
    return None


def read_contract(environment: Environment, tenant_id: str) -> "Contract":
    """Return the tenant's contract with INN8; it needs no credentials."""
    return contract_file.read_contract_file(environment, _prefix(environment, tenant_id))


def _allow_http(environment: Environment) -> bool:
    return environment.parse("INN8_ALLOW_HTTP", truth, "true or false", "false")


def read_alerts(environment: Environment) -> AlertSettings:
    """Return the settings of alerts; the webhook is None if alerts are off."""
    return AlertSettings(
        webhook=_optional_url(environment, "INN8_ALERT_WEBHOOK", "https://hooks.example/T0/B0/secret"),
        payload=environment.parse("INN8_ALERT_FORMAT", _payload, "slack, teams or json", "slack"),
        includes_warnings=_includes_warnings(environment, "INN8_ALERT_LEVEL", "warning"),
        ui_url=(_optional_url(environment, "INN8_UI_URL", "https://dagster.firm.example") or "").rstrip("/"),
        timezone=_timezone(environment),
    )


def read_heartbeat_url(environment: Environment, tenant_id: str) -> str | None:
    """Return the URL to call after each complete tick of the tenant; None if it is not set."""
    return _optional_url(environment, f"{_prefix(environment, tenant_id)}HEARTBEAT_URL", "https://hc.example/id")


def _optional_url(environment: Environment, name: str, example: str) -> str | None:
    url = environment.read(name, example, default="")
    return http_url(name, url, example) if url else None


def read_includes_warnings(environment: Environment, tenant_id: str) -> bool:
    """Return whether warnings about the tenant are posted; its level falls back to INN8_ALERT_LEVEL."""
    level = environment.read("INN8_ALERT_LEVEL", "warning", default="warning")
    return _includes_warnings(environment, f"{_prefix(environment, tenant_id)}ALERT_LEVEL", level)


def _includes_warnings(environment: Environment, name: str, default: str) -> bool:
    return environment.parse(name, _level, "warning or error", default) == "warning"


def _payload(text: str) -> str:
    if text.lower() not in {"slack", "teams", "json"}:
        raise ValueError
    return text.lower()


def _timezone(environment: Environment) -> str:
    return environment.parse("INN8_TIMEZONE", _zone, "a zone of the IANA database", "UTC")


def _level(text: str) -> str:
    if text.lower() not in {"warning", "error"}:
        raise ValueError
    return text.lower()


def read_api(environment: Environment) -> ApiSettings:
    """Return the settings of requests to INN8."""
    return ApiSettings(
        allow_http=_allow_http(environment),
        max_body=environment.whole("INN8_MAX_BODY", 256 * _MEBIBYTE, 1024, 1024 * _MEBIBYTE),
        page_size=environment.whole_or_none("INN8_PAGE_SIZE", PAGE_SIZE, 1, MAX_PAGE_SIZE),
        pages_at_a_time=environment.whole("INN8_PAGES_AT_A_TIME", 8, 1, 64),
        ca_file=_ca_file(environment),
    )


def _ca_file(environment: Environment) -> str | None:
    example = "/etc/ssl/inn8.pem"
    path = environment.read("INN8_CA_FILE", example, default="")
    try:
        if path:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
    except OSError:  # SSLError is a subclass
        raise SettingsError("INN8_CA_FILE", "must name a readable PEM file with certificates", example) from None
    return path or None


def read_sync(environment: Environment) -> SyncSettings:
    """Return the settings of syncs."""
    settings = SyncSettings(
        transactions_from=environment.parse(
            "INN8_TRANSACTIONS_FROM", date.fromisoformat, "a day (YYYY-MM-DD)", "2020-01-01"
        ),
        lookback_days=environment.whole("INN8_LOOKBACK_DAYS", 10, 1, 366),
        sweep_days=environment.whole("INN8_SWEEP_DAYS", 35, 1, 3660),
        timezone=_timezone(environment),
        max_rejected_percent=environment.whole("INN8_MAX_REJECTED_PERCENT", 50, 0, 100),
        max_removed_percent=environment.whole("INN8_MAX_REMOVED_PERCENT", 20, 0, 100),
        max_changed_percent=environment.whole("INN8_MAX_CHANGED_PERCENT", 30, 0, 100),
        lock_seconds=environment.whole("INN8_LOCK_SECONDS", 600, 1, 86_400),
        chunk_size=environment.whole("INN8_CHUNK_SIZE", 5000, 1, 1_000_000),
        tick_minutes=environment.parse("INN8_TICK_MINUTES", _part_of_an_hour, "a divisor of 60, up to 30", "15"),
    )
    if settings.transactions_from > settings.today():
        problem = f"is in the future (today is {settings.today()} in {settings.timezone}), so no day would be synced"
        raise SettingsError("INN8_TRANSACTIONS_FROM", problem, "2020-01-01")
    return settings


def read_retention(environment: Environment) -> RetentionSettings:
    """Return the retention of landings, rejects, runs and past versions."""
    return RetentionSettings(
        landing_days=environment.whole("INN8_KEEP_LANDINGS_DAYS", 90, 1, 36_500),
        reject_days=environment.whole("INN8_KEEP_REJECTS_DAYS", 365, 1, 36_500),
        run_days=environment.whole("INN8_KEEP_RUNS_DAYS", 30, 1, 36_500),
        history_days=environment.whole_or_none("INN8_KEEP_HISTORY_DAYS", 1826, 1, 36_500),
    )


def read_plausibility(environment: Environment) -> PlausibilitySettings:
    """Return the thresholds of the check `plausibility`."""
    return PlausibilitySettings(
        max_percent=environment.whole("INN8_PLAUSIBILITY_MAX_PERCENT", 5, 0, 100),
        pair_days=environment.whole("INN8_PLAUSIBILITY_PAIR_DAYS", 5, 0, 366),
        tolerance_percent=environment.whole("INN8_PLAUSIBILITY_TOLERANCE_PERCENT", 1, 0, 100),
    )


def read_executor(environment: Environment) -> str:
    """Return the name of the executor for the steps of a run."""
    known = ("in_process", "multiprocess", "celery", "kubernetes")
    name = environment.read("INN8_EXECUTOR", known[0], default=known[0])
    if name not in known:
        raise SettingsError("INN8_EXECUTOR", f"must be one of {', '.join(known)}", known[0])
    return name


def read_celery(environment: Environment) -> CelerySettings:
    """Return the URLs of Celery's queue and result backend."""
    return CelerySettings(
        broker=_celery_url(environment, "INN8_CELERY_BROKER", "redis://localhost:6379/0"),
        backend=_celery_url(environment, "INN8_CELERY_BACKEND", "redis://localhost:6379/1"),
    )


def _celery_url(environment: Environment, name: str, example: str) -> str:
    url = environment.read(name, example)
    if "://" not in url:
        raise SettingsError(name, "must be a URL", example)
    return url
