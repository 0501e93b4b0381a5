"""Fixtures: a small world, a server for it, and an HTTP client with a token."""

from collections.abc import Iterator
from datetime import date

import httpx
import pytest

from inn8_pipeline.sandbox.api.server import SandboxServer
from inn8_pipeline.sandbox.world.world import World

LAST_DATE = date(2026, 10, 30)


@pytest.fixture
def world() -> Iterator[World]:
    with World(clients=25, portfolios=40, transactions=300, days=10, last_date=LAST_DATE) as made:
        yield made


@pytest.fixture
def server(world: World) -> Iterator[SandboxServer]:
    with SandboxServer(world) as running:
        yield running


@pytest.fixture
def api(server: SandboxServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.base_url) as client:
        client.headers["Authorization"] = f"Bearer {token(client, server).json()['access_token']}"
        yield client


def token(client: httpx.Client, server: SandboxServer, **changed: str) -> httpx.Response:
    form = {"grant_type": "client_credentials", "client_id": server.client_id, "scope": "api.read api.write"}
    return client.post("/oauth/token", data=form | {"client_secret": server.client_secret} | changed)


def page_sizes(client: httpx.Client, path: str) -> list[int]:
    sizes, url = [], path
    while url:
        response = client.get(url).raise_for_status()
        sizes.append(len(response.json()))
        url = response.links.get("next", {}).get("url", "")
    return sizes
