"""Syncs that ask for pages conditionally, with real landings: what is sent, what is kept, and for how long."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy import Engine, text

from inn8_pipeline.contract.reading import parse
from inn8_pipeline.entities import CLIENTS, ENTITIES
from inn8_pipeline.extract.breaker import UncountedCircuits
from inn8_pipeline.extract.client import Inn8Client
from inn8_pipeline.extract.endpoint import Endpoint
from inn8_pipeline.sandbox.api.server import SandboxServer
from inn8_pipeline.sync import Destination, land
from inn8_pipeline.transform.redaction import redact
from inn8_pipeline.warehouse import database
from inn8_pipeline.warehouse.erasure.data_subject import DataSubject
from inn8_pipeline.warehouse.erasure.erase import erase
from inn8_pipeline.warehouse.landing import retention
from inn8_pipeline.warehouse.landing.store import Landing
from inn8_pipeline_tests.contract.test_whole_syncs import server

__all__ = ["server"]
CONTRACT = parse("paging = { conditional = 'etag', page_size = 4 }", ENTITIES)
PAGES = 7
"""The pages of 25 clients."""


@dataclass(frozen=True)
class Conditional:
    """A served collection and a warehouse with its landings."""

    server: SandboxServer
    engine: Engine

    def land(self, *, is_tick: bool = True) -> Landing:
        """Land the clients as a tick does, or as another sync."""
        server = self.server
        endpoint = Endpoint("t1", server.base_url, server.client_id, server.client_secret, contract=CONTRACT)
        self.server.app.stats.reset()
        with Inn8Client(endpoint, UncountedCircuits()) as client:
            return land(client, Destination(self.engine, "t1", "run"), CLIENTS, None, may_ask_conditionally=is_tick)

    @property
    def not_sent(self) -> int:
        """How many pages of the last fetch were answered by 304."""
        return self.server.app.stats.statuses[304]

    def change(self, statement: str) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(statement))

    def count(self, query: str) -> int:
        with self.engine.connect() as connection:
            return int(connection.execute(text(query)).scalar_one())


@pytest.fixture
def syncs(server: SandboxServer, warehouse_url: str) -> Iterator[Conditional]:
    server.options.etags = True
    engine = database.connect(warehouse_url)
    yield Conditional(server, engine)
    engine.dispose()


def test_an_unchanged_collection_is_landed_again_from_the_pages_that_are_stored(syncs: Conditional) -> None:
    first, second, third = syncs.land(), syncs.land(), syncs.land()
    assert (first.unchanged_pages, second.unchanged_pages, third.unchanged_pages) == (0, PAGES - 2, PAGES - 2)
    assert syncs.not_sent == PAGES - 2
    assert first.digests == second.digests == third.digests
    assert (third.records, third.bytes) == (first.records, first.bytes)

    syncs.server.world.change_fraction("clients", 0.2)
    changed = syncs.land()
    assert 0 < syncs.not_sent < PAGES - 2
    assert changed.digests == syncs.land(is_tick=False).digests
    assert (syncs.not_sent, syncs.land().digests) == (0, changed.digests)  # any other sync asks for each page in full
    assert syncs.not_sent == PAGES - 2


def test_a_page_is_asked_for_in_full_once_a_day_and_for_a_day_after_a_wrong_validator(
    syncs: Conditional,
) -> None:
    syncs.land()
    for hours, expected in ((23, PAGES - 2), (2, 0), (-48, 0)):
        syncs.change(f"update inn8_raw.page_validators set fetched_at = fetched_at - interval '{hours} hours'")
        syncs.land()
        assert syncs.not_sent == expected, hours
    syncs.change(
        "update inn8_raw.page_validators set validator = validator || 'x', sha256 = sha256 || 'x' where is_end"
    )
    assert syncs.land().unchanged_pages == PAGES - 2
    syncs.change("update inn8_raw.page_validators set sha256 = sha256 || 'x' where is_end")
    found = syncs.land()
    assert (found.unchanged_pages, found.records) == (0, 25)
    assert syncs.count("select count(*) from inn8_raw.page_validators where request_key = '' and facts is null") == 1
    for expected in (0, 0):
        assert syncs.land().unchanged_pages == expected
    assert syncs.count("select count(*) from inn8_raw.page_validators") == 1
    syncs.change("update inn8_raw.page_validators set fetched_at = fetched_at - interval '25 hours'")
    assert [syncs.land().unchanged_pages for _ in range(2)] == [0, PAGES - 2]


def test_retention_keeps_no_page_for_its_validator_and_an_erasure_deletes_all(syncs: Conditional) -> None:
    syncs.land()
    syncs.change("update inn8_raw.landings set started_at = started_at - interval '2 days'")
    syncs.server.world.change_fraction("clients", 1.0)
    newest = syncs.land(is_tick=False)
    assert retention.prune(syncs.engine, "t1", 1, 1).pages == PAGES
    assert syncs.count("select count(*) from inn8_raw.page_validators") == 0
    syncs.land()
    syncs.change("delete from inn8_raw.landings where completed_at is not null")
    syncs.change("delete from inn8_raw.pages")
    assert syncs.land().digests == newest.digests  # a 304 about a page that is gone: it is asked for again
    assert syncs.server.app.stats.statuses[200] - 1 == PAGES  # one is the token

    erase(syncs.engine, DataSubject("t1", "C-000003"), redact, may_be_sent=True)
    assert syncs.count("select count(*) from inn8_raw.page_validators") == 0
