"""The settings, read from environment variables when they are needed, never at import.

Each `read_…` function returns one group of settings as a frozen dataclass. A missing or invalid setting raises a
`SettingsError` that names the variable and gives an example. docs/settings.md lists all settings.
"""

from inn8_pipeline.settings.databases import read_database, read_owner_database
from inn8_pipeline.settings.endpoints import read_endpoint
from inn8_pipeline.settings.environment import Environment
from inn8_pipeline.settings.holidays import read_holidays
from inn8_pipeline.settings.model import (
    AlertSettings,
    ApiSettings,
    CelerySettings,
    DatabaseSettings,
    PlausibilitySettings,
    RetentionSettings,
    SyncSettings,
    TenantSettings,
    moment,
    now,
)
from inn8_pipeline.settings.readers import (
    read_alerts,
    read_api,
    read_celery,
    read_contract,
    read_executor,
    read_heartbeat_url,
    read_includes_warnings,
    read_other_tenant_ids,
    read_plausibility,
    read_retention,
    read_sync,
    read_tenant,
    read_tenant_ids,
    tenant_variable,
)
from inn8_pipeline.settings.tenants import check_tenants
from inn8_pipeline.settings.tracing import read_traces_endpoint
from inn8_pipeline.settings.urls import well_formed

__all__ = [
    "AlertSettings",
    "ApiSettings",
    "CelerySettings",
    "DatabaseSettings",
    "Environment",
    "PlausibilitySettings",
    "RetentionSettings",
    "SyncSettings",
    "TenantSettings",
    "check_tenants",
    "moment",
    "now",
    "read_alerts",
    "read_api",
    "read_celery",
    "read_contract",
    "read_database",
    "read_endpoint",
    "read_executor",
    "read_heartbeat_url",
    "read_holidays",
    "read_includes_warnings",
    "read_other_tenant_ids",
    "read_owner_database",
    "read_plausibility",
    "read_retention",
    "read_sync",
    "read_tenant",
    "read_tenant_ids",
    "read_traces_endpoint",
    "tenant_variable",
    "well_formed",
]
