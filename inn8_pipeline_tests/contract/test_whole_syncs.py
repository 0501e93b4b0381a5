"""Whole syncs from the sandbox in other dialects: the tables are the same as with the built-in contract."""

from collections.abc import Iterator
from datetime import date
from functools import partial

import pytest
from sqlalchemy import text

from inn8_pipeline.cli.support.sandbox_dialects import dialects_of
from inn8_pipeline.contract import Contract
from inn8_pipeline.contract.reading import parse
from inn8_pipeline.entities import ENTITIES, Window
from inn8_pipeline.extract.breaker import UncountedCircuits
from inn8_pipeline.extract.client import Inn8Client
from inn8_pipeline.extract.endpoint import Endpoint
from inn8_pipeline.sandbox.api.server import SandboxServer
from inn8_pipeline.sandbox.world.world import World
from inn8_pipeline.sync import Destination, land, merge
from inn8_pipeline.transform import TRANSFORM_VERSION
from inn8_pipeline.warehouse import database
from inn8_pipeline.warehouse.landing.store import Landing
from inn8_pipeline.warehouse.merge.options import MergeOptions

LAST = date(2026, 10, 30)
HISTORY = Window(date(2026, 10, 26), LAST)
NAMES = """
[collections.clients.properties]
phoneNumber = "mobile"
"address.zipCode" = "postCode"
status = { values = { A = "active", S = "suspended" } }

[collections.portfolios.properties]
clientId = "owner"

[collections.transactions.properties]
portfolioId = "account"
security = "instrument"
tradeDate = { names = ["date"], notation = "instant", time_zone = "Africa/Johannesburg" }
settlementDate = { notation = "dd/MM/yyyy" }
amount = { notation = "1.234,56" }
price = { notation = "1,234.56" }
"""
STYLES = {
    "link": "",
    "page": "total = { unit = 'pages' }\n[paging]\nstyle = 'page'\nfirst_page = 0",
    "offset": "records = '/data'\ntotal = { pointer = '/meta/total' }\n[paging]\nstyle = 'offset'",
    "cursor": "records = '/data'\n[paging]\nstyle = 'cursor'\nnext = '/meta/next'",
    "next_url": "records = '/data'\ntotal = { unit = 'none' }\n[paging]\nstyle = 'next_url'\nparameter = 'at'",
    "single": "records = '/result/items'\n[paging]\nstyle = 'single'",
}
WINDOW = "\n[collections.transactions.window]\nfrom_parameter = 'since'\nto_parameter = 'until'\nto_inclusive = false\n"


def use(options: MergeOptions, _landing: Landing) -> MergeOptions:
    return options


def tables(
    url: str, server: SandboxServer, served: Contract | None, tenant_id: str, *, reading: Contract | None = None
) -> dict[str, list[str]]:
    """Sync everything, served as one contract says and read as another one does; return the values of all rows.

    With None, it is served as the options of the sandbox say, and pages may be asked for conditionally.
    """
    contract = reading or served or Contract()
    server.app.dialects.clear()
    if served is not None:
        server.app.dialects.update(dialects_of(served))
    engine = database.connect(url)
    endpoint = Endpoint(
        tenant_id, server.base_url, server.client_id, server.client_secret, page_size=7, contract=contract
    )
    to = Destination(engine, tenant_id, "run")
    with Inn8Client(endpoint, UncountedCircuits()) as client:
        for entity in ENTITIES:
            days_of_all = HISTORY if entity.has_days else None
            landing = land(client, to, entity, days_of_all, may_ask_conditionally=served is None)
            options = MergeOptions(
                contract.of(entity).transform_version(TRANSFORM_VERSION), HISTORY if entity.has_days else None
            )
            days = frozenset(HISTORY.days()) if entity.has_days else None
            outcome = merge(to, [(landing, days)], partial(use, options), lambda: None, contract=contract)
            assert not outcome.counts.rejected
            assert not outcome.drift_found.properties
    with engine.connect() as connection:
        found = {
            name: [
                str(row)
                for row in connection.execute(
                    text(
                        "select to_jsonb(t) - '{id,tenant_id,created_at,updated_at,as_of_at,valid_from,landing_id,"
                        "client_id,portfolio_id,security_id,record_digest}'::text[] from inn8." + name + " t"
                        " where tenant_id = :tenant order by external_id"
                    ),
                    {"tenant": tenant_id},
                )
            ]
            for entity in ENTITIES
            for name in entity.tables
        }
    engine.dispose()
    return found


@pytest.fixture
def server() -> Iterator[SandboxServer]:
    world = World(clients=25, portfolios=40, transactions=100, days=5, last_date=LAST)
    with world, SandboxServer(world) as running:
        yield running


def test_each_dialect_of_the_sandbox_gives_the_same_tables(warehouse_url: str, server: SandboxServer) -> None:
    truth = tables(warehouse_url, server, Contract(), "truth")
    assert all(truth.values())
    for style, lines in STYLES.items():
        assert tables(warehouse_url, server, parse(lines + NAMES + WINDOW, ENTITIES), style) == truth, style
    # A reader of `inn8_raw` sees what INN8 sent, by its own names; where it names the day otherwise, no day is known.
    engine = database.connect(warehouse_url)
    with engine.connect() as connection:
        for tenant_id in STYLES:
            records = connection.scalars(
                text("select record from inn8_raw.clients where tenant_id = :tenant"), {"tenant": tenant_id}
            ).all()
            assert len(records) == 25
            assert {"mobile", "phoneNumber"} & {name for each in records for name in each} == {"mobile"}
        of_days = connection.scalars(text("select tenant_id from inn8_raw.transactions")).all()
    engine.dispose()
    assert of_days == ["truth"] * server.world.count("transactions")
