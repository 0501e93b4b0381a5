"""The Dagster resources: INN8's API and the warehouse.

They read settings and secrets from the environment when a step uses them, so that neither the UI nor a stored run
contains them.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import dagster as dg

from inn8_pipeline.errors import ApiError
from inn8_pipeline.lazy_imports import lazy_module
from inn8_pipeline.settings import (
    Environment,
    TenantSettings,
    read_database,
    read_endpoint,
    read_tenant,
    tenant_variable,
)

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from inn8_pipeline.extract import client as api_client
    from inn8_pipeline.extract import endpoint as api_endpoint
    from inn8_pipeline.warehouse import circuit_store, request_budget
else:
    api_client = lazy_module("inn8_pipeline.extract.client")
    api_endpoint = lazy_module("inn8_pipeline.extract.endpoint")
    circuit_store = lazy_module("inn8_pipeline.warehouse.circuit_store")
    request_budget = lazy_module("inn8_pipeline.warehouse.request_budget")


CIRCUIT_WAIT_SECONDS = 300.0
"""The longest wait of a backfill for an open circuit: the 60 s for which it is open, and four failed trials."""


class Warehouse(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The Postgres database to which the data is written (INN8_DATABASE_URL)."""

    def engine(self) -> "Engine":
        """Return an engine without a connection pool: each use opens a connection and closes it."""
        return read_database(Environment()).engine()


class Inn8(dg.ConfigurableResource):  # type: ignore[type-arg]
    """INN8's API: OAuth, retries, circuit breaker (INN8_BASE_URL, INN8_CLIENT_ID, INN8_CLIENT_SECRET, INN8_SCOPE)."""

    @contextmanager
    def client(
        self,
        tenant_id: str,
        engine: "Engine",
        warn: Callable[[str], None],
        *,
        waits_for_circuit: bool = False,
        leaves_reserve: bool = False,
    ) -> "Iterator[api_client.Inn8Client]":
        """Open a client of the tenant.

        Args:
            tenant_id: The tenant whose credentials are used.
            engine: The database that keeps the circuit breaker's state and the request budget.
            warn: Called with a line for each retry, for unexpected content of INN8's responses, and if credentials are
                sent in clear text.
            waits_for_circuit: Whether to wait for an open circuit instead of failing at once.
            leaves_reserve: Whether the last requests of the budget are left to other syncs.

        Raises:
            ApiError: A request inside the block failed. The error names the variables of this tenant.

        """
        environment = Environment()
        tenant, endpoint = read_tenant(environment, tenant_id), read_endpoint(environment, tenant_id)
        if endpoint.is_clear_text:
            warn(
                "INN8_ALLOW_HTTP is on: credentials and records are sent in clear text. Use it in a test network only."
            )
        retry = api_endpoint.RetryPolicy(open_circuit_wait_seconds=CIRCUIT_WAIT_SECONDS if waits_for_circuit else 0.0)
        with (
            circuit_store.PostgresCircuits(engine, tenant_id) as states,
            request_budget.PostgresBudget(engine, tenant_id, _limit(tenant)) as budget,
            api_client.Inn8Client(
                endpoint,
                states,
                retry=retry,
                on_notice=lambda notice: warn(str(notice)),
                budget=budget,
                leaves_reserve=leaves_reserve,
            ) as client,
        ):
            try:
                yield client
            except ApiError as error:
                error.prefix = tenant_variable(environment, tenant_id, "")
                raise


def _limit(tenant: TenantSettings) -> "request_budget.RequestLimit | None":
    limit = tenant.max_requests_per_minute
    return request_budget.RequestLimit(limit) if limit else None
