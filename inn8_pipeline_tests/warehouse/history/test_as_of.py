"""The tables as they were at an instant: joined like the details views, for the tenant's readers, by index."""

from datetime import datetime, timedelta

import pytest

from inn8_pipeline.entities import PORTFOLIOS, TRANSACTIONS
from inn8_pipeline.warehouse.schema import access
from inn8_pipeline_tests.transform.builders import client, portfolio, security, transaction
from inn8_pipeline_tests.warehouse.logins import new_login, session
from inn8_pipeline_tests.warehouse.syncs import HISTORY, TENANT, Row, Syncs, many


def as_of(syncs: Syncs, name: str, instant: datetime) -> list[Row]:
    return syncs.query(f"select * from inn8.{name}_as_of(:instant) order by external_id", instant=instant)


@pytest.mark.parametrize("name", ["client", "portfolio", "transaction"])
def test_of_now_they_are_the_details(owned: Syncs, name: str) -> None:
    owned.portfolios([portfolio(), portfolio(id="P-2")])
    owned.transactions([transaction(), transaction(id="T-2", security=None), transaction(id="T-3", portfolioId="P-2")])
    owned.transactions([transaction(amount=9, security=security(name="x")), transaction(id="T-2", security=None)])
    owned.portfolios([portfolio(name="renamed"), portfolio(id="P-2", clientId="C-9")])
    now = owned.query("select now() as at")[0]["at"]
    details = owned.query(f"select * from inn8.{name}_details order by external_id")
    found = as_of(owned, f"{name}s", now)
    assert found
    assert [row.keys() - {"valid_to"} for row in found] == [row.keys() - {"last_synced_at"} for row in details]
    assert [{key: row[key] for key in row if key != "valid_to"} for row in found] == [
        {key: row[key] for key in row if key != "last_synced_at"} for row in details
    ]


def test_a_transaction_is_joined_with_its_portfolio_and_security_of_the_instant(owned: Syncs) -> None:
    owned.clients([client(), client(id="C-2")])
    first = owned.land(TRANSACTIONS, [transaction()], HISTORY)
    owned.merge(first)
    moved = owned.land(PORTFOLIOS, [portfolio(clientId="C-2")])
    owned.merge(moved)
    renamed = owned.land(TRANSACTIONS, [transaction(security=security(name="renamed"))], HISTORY)
    owned.merge(renamed)
    clients = {row["id"]: row["external_id"] for row in owned.rows("clients")}
    found = [as_of(owned, "transactions", each.started_at)[0] for each in (first, moved, renamed)]
    assert [clients[row["client_id"]] for row in found] == ["C-1", "C-2", "C-2"]
    assert [row["security_name"] for row in found] == [security()["name"]] * 2 + ["renamed"]
    assert as_of(owned, "transactions", first.started_at - timedelta(microseconds=1)) == []


def test_what_was_hidden_is_hidden_as_of_then_and_in_the_history(owned: Syncs) -> None:
    owned.transactions([transaction()])
    hidden = owned.land(PORTFOLIOS, [portfolio(clientId="C-9")])
    before = hidden.started_at - timedelta(microseconds=1)
    owned.merge(hidden)
    for instant, shown in ((before, 1), (hidden.started_at, 0)):
        assert len(as_of(owned, "portfolios", instant)) == shown
        assert len(as_of(owned, "transactions", instant)) == shown
    owned.portfolios([portfolio()])
    assert as_of(owned, "portfolios", hidden.started_at) == []
    assert as_of(owned, "transactions", hidden.started_at) == []
    (first, now) = owned.query("select * from inn8.portfolio_history order by valid_from")
    assert first["valid_to"] == hidden.started_at < now["valid_from"]


def test_a_reader_of_another_tenant_sees_no_version(syncs: Syncs) -> None:
    syncs.clients([client()])
    syncs.clients([client(fullName="changed")])
    counts: list[int] = []
    with new_login(syncs.url) as login:
        for tenant in ("other", TENANT):
            access.grant_reader(syncs.engine, login, tenant)
            with session(syncs.url, login) as reader:
                sources = ("client_history", "clients_as_of(now())", "clients_as_of('2100-01-01')")
                counts += [len(reader.rows(f"select * from inn8.{source}")) for source in sources]
                assert reader.refuses("select * from inn8_history.clients")
    assert counts == [0, 0, 0, 2, 1, 1]


def test_a_reader_finds_a_record_and_the_children_of_a_record_as_of_an_instant_by_index(syncs: Syncs) -> None:
    syncs.clients(many(client, 2000))
    syncs.portfolios([portfolio(id=f"P-{n}", clientId=f"X-{n:03}", name="before") for n in range(2000)])
    for table in ("clients", "portfolios"):
        syncs.execute(f"update inn8.{table} set name = 'after'")
    syncs.execute("analyze")
    instant = syncs.query("select min(valid_to) - interval '1 microsecond' as at from inn8_history.portfolios")[0]["at"]
    with new_login(syncs.url) as login:
        access.grant_reader(syncs.engine, login, TENANT)
        with session(syncs.url, login) as reader:
            for condition in ("external_id = 'P-7'", "client_external_id = 'X-007'"):
                query = f"select name from inn8.portfolios_as_of('{instant}') where tenant_id = 't1' and {condition}"
                assert [row["name"] for row in reader.rows(query)] == ["before"]
                plan = "\n".join(row["QUERY PLAN"] for row in reader.rows(f"explain {query}"))
                assert "Seq Scan on portfolios" not in plan, plan
                assert "Seq Scan on clients" not in plan, plan
