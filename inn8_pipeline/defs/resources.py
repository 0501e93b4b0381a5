"""The resources: INN8's API and the warehouse. They lend plain objects, and hold nothing.

Settings and secrets are read from the environment when a step asks: neither the UI nor a run's record shows one.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import dagster as dg

from inn8_pipeline.settings import Environment, read_api, read_database_url, read_tenant

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from inn8_pipeline.extract.client import Inn8Client


class Warehouse(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The Postgres database that the data is brought into (INN8_DATABASE_URL)."""

    def engine(self) -> "Engine":
        """An engine; it opens connections when asked and keeps none."""
        from inn8_pipeline.warehouse.database import connect

        return connect(read_database_url(Environment()))


class Inn8(dg.ConfigurableResource):  # type: ignore[type-arg]
    """INN8's API: OAuth, retries, circuit breaker (INN8_BASE_URL, INN8_CLIENT_ID, INN8_CLIENT_SECRET, INN8_SCOPE)."""

    @contextmanager
    def client(self, tenant_id: str, engine: "Engine", warn: Callable[[str], None]) -> "Iterator[Inn8Client]":
        """A client of the tenant. The engine keeps the circuit breaker's state.

        `warn` hears of each retry, and of credentials that travel in clear text.
        """
        from inn8_pipeline.extract.client import Inn8Client
        from inn8_pipeline.extract.endpoint import Endpoint
        from inn8_pipeline.warehouse.circuits import PostgresCircuits

        environment = Environment()
        tenant, api = read_tenant(environment, tenant_id), read_api(environment)
        endpoint = Endpoint(
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
        )
        if endpoint.is_clear_text:
            warn("INN8_ALLOW_HTTP is on: credentials and records travel in clear text. For a test network only.")
        with (
            PostgresCircuits(engine, tenant_id) as circuits,
            Inn8Client(endpoint, circuits, on_retry=lambda notice: warn(str(notice))) as client,
        ):
            yield client
