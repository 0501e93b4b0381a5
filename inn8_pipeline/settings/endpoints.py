"""Build a tenant's `Endpoint` from its settings."""

from typing import TYPE_CHECKING

from inn8_pipeline.lazy_imports import lazy_module
from inn8_pipeline.settings.environment import Environment
from inn8_pipeline.settings.readers import read_api, read_tenant

if TYPE_CHECKING:
    from inn8_pipeline.extract import endpoint
else:
    endpoint = lazy_module("inn8_pipeline.extract.endpoint")


def read_endpoint(environment: Environment, tenant_id: str) -> "endpoint.Endpoint":
    """Return the access of the tenant to its INN8.

    Raises:
        SettingsError: A setting is missing or invalid.

    """
    tenant, api = read_tenant(environment, tenant_id), read_api(environment)
    return endpoint.Endpoint(
        tenant_id=tenant_id,
        base_url=tenant.base_url,
        client_id=tenant.client_id,
        client_secret=tenant.client_secret,
        scope=tenant.scope,
        allow_http=api.allow_http,
        max_body_bytes=api.max_body,
        page_size=api.page_size,
        pages_at_a_time=api.pages_at_a_time,
        ca_file=api.ca_file,
        contract=tenant.contract,
    )
