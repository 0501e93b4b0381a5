"""A writer can do a whole sync and nothing else."""

from collections.abc import Iterator

import pytest

from inn8_pipeline.warehouse.circuit_store import PostgresCircuits
from inn8_pipeline.warehouse.landing.retention import prune
from inn8_pipeline.warehouse.schema import access
from inn8_pipeline_tests.transform.builders import client, portfolio, transaction
from inn8_pipeline_tests.warehouse.logins import new_login, session, url_of
from inn8_pipeline_tests.warehouse.syncs import TENANT, Syncs, many

TABLES = ("clients", "portfolios", "securities", "transactions")


@pytest.fixture
def login(syncs: Syncs) -> Iterator[str]:
    with new_login(syncs.url) as name:
        access.grant_writer(syncs.engine, name)
        yield name


@pytest.fixture
def writing(syncs: Syncs, login: str) -> Iterator[Syncs]:
    """Yield `Syncs` of a login that has only the rights of a writer."""
    with Syncs(url_of(syncs.url, login)) as opened:
        yield opened


def test_a_writer_does_a_whole_sync(syncs: Syncs, writing: Syncs) -> None:
    writing.clients([*many(client, 100), client()])
    writing.portfolios([portfolio(), portfolio(id="P-2", clientId="C-9")])
    first = writing.transactions([transaction(), transaction(id="T-2", fees="x"), transaction(id="T-3")])
    assert (first.counts.inserted, first.counts.rejected) == (2, 1)
    assert syncs.query("select reltuples::int as known from pg_class where oid = 'inn8.clients'::regclass") == [
        {"known": 101}
    ]
    second = writing.transactions([transaction(amount=1), transaction(id="T-2")])
    assert (second.counts.inserted, second.counts.updated, second.missing, second.open_rejects) == (1, 1, 1, 0)
    assert writing.transactions([transaction(amount=1), transaction(id="T-2")]).removed == 1
    assert writing.transactions([transaction(amount=1), transaction(id="T-2")]).is_repeat
    assert writing.ids("clients") == syncs.ids("clients")


def test_a_writer_computes_the_digests_of_pages_that_an_older_version_stored(syncs: Syncs, writing: Syncs) -> None:
    sent = many(client, 400)
    writing.clients(sent)
    pages = syncs.execute("update inn8_raw.pages set record_digests = null")
    assert writing.clients([*sent, client(id="new")]).counts.unchanged == 400
    (left,) = syncs.query("select count(*) as pages from inn8_raw.pages where record_digests is null")
    assert left["pages"] <= 1 < pages, "only the last page differs"


def test_a_writer_drops_what_is_past_its_retention(syncs: Syncs, writing: Syncs) -> None:
    for name in ("a", "b"):
        writing.clients([client(fullName=name), client(id="C-2", fullName=1)])
    writing.clients([client(fullName="c")])
    syncs.execute("update inn8_raw.landings set started_at = started_at - interval '9 days'")
    syncs.execute("update inn8.rejected_records set resolved_at = now() - interval '9 days'")
    pruned = prune(writing.engine, TENANT, landing_days=1, reject_days=1)
    assert (pruned.landings, pruned.pages, pruned.rejects) == (2, 2, 1)


def test_a_writer_keeps_the_circuit_breaker(writing: Syncs) -> None:
    with PostgresCircuits(writing.engine, TENANT) as circuits:
        assert [circuits.failed("/clients", "GET /clients: INN8 answered 503", is_trial=False) for _ in range(5)] == [
            False
        ] * 4 + [True]


@pytest.mark.parametrize("table", TABLES)
def test_a_writer_can_neither_delete_rows_nor_change_their_table(syncs: Syncs, login: str, table: str) -> None:
    with session(syncs.url, login) as writer:
        for statement in ("delete from {}", "truncate {} cascade", "drop table {} cascade", "alter table {} add x int"):
            assert writer.refuses(statement.format(f"inn8.{table}")), statement


@pytest.mark.parametrize(
    "statement",
    [
        "insert into inn8.tenant_readers (tenant_id, role_name) values ('t1', current_user)",
        "select * from inn8.tenant_readers",
        "update inn8.schema_version set version_num = '1'",
        "create table inn8.mine (x int)",
        "drop view inn8.client_details",
        "update inn8_raw.pages set body = '[]'",
        "alter table inn8.clients disable row level security",
        "set role inn8_owner",
        "grant inn8_reader to current_user",
    ],
)
def test_a_writer_cannot_change_who_sees_what(syncs: Syncs, login: str, statement: str) -> None:
    with session(syncs.url, login) as writer:
        assert writer.refuses(statement)
