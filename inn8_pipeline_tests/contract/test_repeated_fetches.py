"""Fetches whose responses are the same as in the last one: their landing is repeated, and only then."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import httpx
import pytest
from sqlalchemy import Engine, text

from inn8_pipeline.cli.support.sandbox_dialects import dialects_of
from inn8_pipeline.contract import Contract
from inn8_pipeline.contract.reading import parse
from inn8_pipeline.entities import CLIENTS, ENTITIES
from inn8_pipeline.extract.breaker import UncountedCircuits
from inn8_pipeline.extract.client import Inn8Client
from inn8_pipeline.extract.endpoint import Endpoint
from inn8_pipeline.extract.http.bodies import PackedBody
from inn8_pipeline.extract.http.seen_responses import ReadResponse, Recognizer
from inn8_pipeline.extract.paging import fetch as paging
from inn8_pipeline.sandbox.api.server import SandboxServer
from inn8_pipeline.sandbox.world.world import World
from inn8_pipeline.sync import Destination, land
from inn8_pipeline.transform.redaction import redact
from inn8_pipeline.warehouse import database
from inn8_pipeline.warehouse.erasure.data_subject import DataSubject
from inn8_pipeline.warehouse.erasure.erase import erase
from inn8_pipeline.warehouse.landing import retention
from inn8_pipeline.warehouse.landing.store import Landing
from inn8_pipeline_tests.contract.test_whole_syncs import STYLES, server

__all__ = ["server"]
PAGES = 7
"""The pages of 25 clients."""


@dataclass
class Fetches:
    """A served collection and a warehouse with its landings. `unpacked` counts the responses that were read."""

    server: SandboxServer
    engine: Engine
    contract: Contract = field(default_factory=Contract)
    unpacked: int = 0

    def land(self, *, is_kept: bool = True) -> Landing:
        self.unpacked = 0
        endpoint = Endpoint(
            "t1", self.server.base_url, self.server.client_id, self.server.client_secret, page_size=4,
            contract=self.contract,
        )  # fmt: skip
        with Inn8Client(endpoint, UncountedCircuits()) as client:
            return land(client, Destination(self.engine, "t1", "run"), CLIENTS, None, is_kept=is_kept)

    def land_in_full(self) -> Landing:
        """Land without the responses of the last fetch."""
        self.change("delete from inn8_raw.last_fetches")
        return self.land()

    @property
    def pages_read(self) -> int:
        """How many pages of the last fetch were read; the token's response always is."""
        return self.unpacked - 1

    @property
    def world(self) -> World:
        return self.server.world

    def change(self, statement: str) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(statement))

    def serve(self, lines: str) -> None:
        """Serve and read as these lines of a contract file say."""
        self.contract = parse(lines, ENTITIES)
        self.server.app.dialects.clear()
        self.server.app.dialects.update(dialects_of(self.contract))


@pytest.fixture
def fetches(server: SandboxServer, warehouse_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fetches]:
    found = Fetches(server, database.connect(warehouse_url))
    unpack = PackedBody.unpack

    def counted(self: PackedBody, max_bytes: int) -> bytes:
        found.unpacked += 1
        return unpack(self, max_bytes)

    monkeypatch.setattr(PackedBody, "unpack", counted)
    yield found
    found.engine.dispose()


def what(landing: Landing) -> tuple[object, ...]:
    """Return what a landing is, except when it was fetched."""
    return landing.digests, landing.pages, landing.records, landing.bytes, landing.has_duplicates, landing.unproven_end


def test_an_unchanged_collection_is_landed_again_without_reading_it(fetches: Fetches) -> None:
    first = fetches.land()
    assert fetches.pages_read == PAGES
    for _ in range(2):
        assert what(fetches.land()) == what(first)
        assert fetches.pages_read == 0


def remove(world: World, first: int) -> None:
    """Remove the clients from this one on."""
    for each in world.records("clients")[first:]:
        world.remove("clients", each["id"])


CHANGES: dict[str, Callable[[World], object]] = {
    "the first record": lambda world: world.corrupt("clients", world.records("clients")[0]["id"], fullName="New"),
    "one in the middle": lambda world: world.corrupt("clients", world.records("clients")[13]["id"], fullName="New"),
    "the last record": lambda world: world.corrupt("clients", world.records("clients")[-1]["id"], fullName="New"),
    "a new first record": lambda world: world.insert("clients", 1),
    "a new last page": lambda world: world.insert("clients", 4, at_end=True),
    "no last page": lambda world: remove(world, 24),
    "fewer records": lambda world: remove(world, 9),
    "no records": lambda world: remove(world, 0),
    "another order": lambda world: world.reorder("clients"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_after_any_change_the_landing_is_that_of_a_fetch_that_reads_everything(
    fetches: Fetches, change: Callable[[World], object]
) -> None:
    before = fetches.land()
    change(fetches.world)
    changed = fetches.land()
    assert fetches.pages_read > 0
    assert what(changed) == what(fetches.land_in_full()) != what(before)
    assert what(fetches.land()) == what(changed)
    assert fetches.pages_read == 0


@pytest.mark.parametrize("style", STYLES)
def test_each_style_of_paging_lands_the_same(fetches: Fetches, style: str) -> None:
    fetches.serve(STYLES[style])
    first = fetches.land()
    assert what(fetches.land()) == what(first)
    assert fetches.pages_read == 0
    fetches.world.corrupt("clients", fetches.world.records("clients")[20]["id"], fullName="New")
    changed = fetches.land()
    assert what(changed) == what(fetches.land_in_full()) != what(first)


def test_responses_are_read_again_by_another_contract(fetches: Fetches) -> None:
    first = fetches.land()
    fetches.contract = parse("total = { unit = 'none' }", ENTITIES)
    assert what(fetches.land()) == what(first)
    assert fetches.pages_read == PAGES


@pytest.mark.parametrize("name", ["Content-Encoding", "Link", "X-Total-Count"])
def test_a_response_with_another_header_that_is_read_is_not_the_same(name: str) -> None:
    def compared(seen: bytes, value: str, body: bytes = b"[]") -> tuple[bool, bytes]:
        known = ReadResponse(seen, 0, 2, {})
        recognizer = Recognizer(b"key", known, ("Content-Encoding", "Link", "X-Total-Count"))
        response = httpx.Response(200, headers={name: value, "Date": f"{value}, which is not read"})
        return recognizer(response, PackedBody(body, 0)), recognizer.digest

    digest = compared(b"", "a")[1]
    assert compared(digest, "a") == (True, digest)
    assert not compared(digest, "b")[0]
    assert not compared(digest, "a", b"[1]")[0]


def test_a_landing_that_is_not_stored_as_it_was_is_not_repeated(fetches: Fetches) -> None:
    first = fetches.land()
    for damage in (
        "delete from inn8_raw.pages where sha256 = (select min(sha256) from inn8_raw.pages)",
        "delete from inn8_raw.page_groups",
        "update inn8_raw.landings set page_digests = page_digests[2:]",
        "update inn8_raw.landings set completed_at = null",
        "delete from inn8_raw.landings",
    ):
        fetches.change(damage)
        assert what(fetches.land()) == what(first), damage
        assert fetches.pages_read == PAGES, damage
        fetches.land()
        assert fetches.pages_read == 0, damage


def test_an_erasure_makes_the_next_fetch_read_everything(fetches: Fetches) -> None:
    first = fetches.land()
    erase(fetches.engine, DataSubject("t1", fetches.world.records("clients")[5]["id"]), redact, may_be_sent=True)
    with fetches.engine.connect() as connection:
        assert connection.execute(text("select count(*) from inn8_raw.last_fetches")).scalar_one() == 0
    again = fetches.land()
    assert (fetches.pages_read, again.records) == (PAGES, first.records)


def test_a_landing_that_is_discarded_leaves_that_of_the_last_fetch_to_be_repeated(fetches: Fetches) -> None:
    first, client = fetches.land(), fetches.world.records("clients")[0]
    fetches.world.corrupt("clients", client["id"], fullName="New")
    dry = fetches.land(is_kept=False)
    fetches.change(f"delete from inn8_raw.landings where id = {dry.id}")
    assert what(dry) != what(first)
    fetches.world.corrupt("clients", client["id"], fullName=client["fullName"])
    assert what(fetches.land()) == what(first)
    assert fetches.pages_read == 0


def test_retention_prunes_a_landing_that_later_ones_repeat_but_not_its_pages(fetches: Fetches) -> None:
    first = fetches.land()
    fetches.change("update inn8_raw.landings set started_at = started_at - interval '2 days'")
    fetches.land()
    assert retention.prune(fetches.engine, "t1", 1, 1).landings == 1
    assert what(fetches.land()) == what(first)
    assert fetches.pages_read == 0


def test_a_fetch_with_fewer_pages_is_read_though_each_is_the_same(fetches: Fetches) -> None:
    first = fetches.land()
    one_more = """
        update inn8_raw.last_fetches set responses = (
          responses::jsonb || jsonb_build_array(jsonb_set(responses::jsonb -> 0, '{0}', '"00"')))::json
    """
    fetches.change(one_more)
    assert what(fetches.land()) == what(first)
    assert fetches.pages_read == PAGES


def test_only_so_much_of_the_responses_is_kept_in_memory(fetches: Fetches, monkeypatch: pytest.MonkeyPatch) -> None:
    first = fetches.land()
    monkeypatch.setattr(paging, "MAX_KEPT_BYTES", 1000)
    assert what(fetches.land()) == what(first)
    assert fetches.pages_read == PAGES


def test_pages_that_overlap_are_never_repeated_unread(fetches: Fetches) -> None:
    fetches.world.duplicate("clients", fetches.world.records("clients")[0]["id"])
    first = fetches.land()
    assert first.has_duplicates
    assert what(fetches.land()) == what(first)
    assert fetches.pages_read == 2 * (PAGES)


def test_progress_counts_the_pages_that_are_not_read(fetches: Fetches) -> None:
    seen: list[tuple[int, int | None]] = []
    fetches.land()
    endpoint = Endpoint(
        "t1", fetches.server.base_url, fetches.server.client_id, fetches.server.client_secret, page_size=4
    )
    with Inn8Client(endpoint, UncountedCircuits()) as client:
        to = Destination(fetches.engine, "t1", "run")
        land(client, to, CLIENTS, None, on_page=lambda records, total: seen.append((records, total)))
    assert seen == [(min(4 * page, 25), 25) for page in range(1, PAGES + 1)]
