"""What an operator asks and tells."""

from inn8_pipeline.entities import Entity, ReasonCode
from inn8_pipeline.warehouse import operator
from inn8_pipeline_tests.transform.builders import body, client, portfolio, transaction
from inn8_pipeline_tests.warehouse.syncs import TENANT, Syncs, Verbatim


def test_open_rejects_are_listed_by_entity_and_by_reason(syncs: Syncs) -> None:
    syncs.clients([client(), client(id="C-2", fullName=1)])
    syncs.portfolios([portfolio(clientId="C-9")])
    listed = operator.open_rejects(syncs.engine, TENANT)
    assert [(each.entity, each.external_id) for each in listed] == [("portfolios", "P-1"), ("clients", "C-2")]
    assert operator.open_rejects(syncs.engine, TENANT, Entity.CLIENTS) == listed[1:]
    assert operator.open_rejects(syncs.engine, TENANT, code=ReasonCode.UNKNOWN_PARENT) == listed[:1]
    assert operator.open_rejects(syncs.engine, "t2") == []


def test_one_reject_is_shown_with_its_payload_and_its_repr_tells_nothing_of_a_person(syncs: Syncs) -> None:
    syncs.clients([client(fullName=1, emailAddress="thandi@example.com")])
    found = operator.find_reject(syncs.engine, TENANT, syncs.reject()["id"])
    assert found is not None
    assert '"thandi@example.com"' in found.payload
    assert "thandi" not in repr(found)
    assert "C-1" not in repr(found)
    assert operator.find_reject(syncs.engine, TENANT, 0) is None


def test_only_an_open_reject_can_be_accepted(syncs: Syncs) -> None:
    syncs.clients([client(), client(id="C-2", fullName=1)])
    reject_id = syncs.reject()["id"]
    assert operator.accept(syncs.engine, TENANT, reject_id, "known")
    assert operator.open_rejects(syncs.engine, TENANT)[0].accepted_note == "known"
    syncs.clients([client()])
    assert not operator.accept(syncs.engine, TENANT, reject_id, "too late")
    assert not operator.accept(syncs.engine, "t2", reject_id, "not ours")


def test_a_client_is_shown_with_its_portfolios_and_what_inn8_sent(owned: Syncs) -> None:
    found = operator.find(owned.engine, TENANT, Entity.CLIENTS, "C-1")
    assert found is not None
    assert found.row is not None
    assert found.row["name"] == "Thandi Nkosi"
    assert [each["external_id"] for each in found.relations["portfolios"]] == ["P-1"]
    assert found.sent is not None
    assert '"082 555 0134"' in found.sent
    assert "Thandi" not in repr(found)


def test_a_transaction_is_shown_with_its_portfolio_and_security(owned: Syncs) -> None:
    owned.transactions([transaction(), transaction(id="T-2", security=None)])
    with_security = operator.find(owned.engine, TENANT, Entity.TRANSACTIONS, "T-1")
    assert with_security is not None
    assert {name: len(rows) for name, rows in with_security.relations.items()} == {"portfolios": 1, "securities": 1}
    without_security = operator.find(owned.engine, TENANT, Entity.TRANSACTIONS, "T-2")
    assert without_security is not None
    assert without_security.relations["securities"] == []


def test_an_id_that_the_page_spells_in_escapes_is_found_all_the_same(syncs: Syncs) -> None:
    page = body(client(id="Cé-1"), client(id="ASCII")).replace("é".encode(), rb"\u00e9").replace(b"ASCII", rb"\u0041")
    syncs.clients([Verbatim(page, 2)])
    for external_id in ("Cé-1", "A"):
        found = operator.find(syncs.engine, TENANT, Entity.CLIENTS, external_id)
        assert found is not None
        assert found.sent is not None


def test_what_is_only_a_reject_is_found_by_its_id(syncs: Syncs) -> None:
    syncs.clients([client(fullName=1)])
    found = operator.find(syncs.engine, TENANT, Entity.CLIENTS, "C-1")
    assert found is not None
    assert found.row is None
    assert found.reject is not None
    assert found.sent is not None
    assert operator.find(syncs.engine, TENANT, Entity.CLIENTS, "C-9") is None


def test_rows_are_counted_without_the_removed(owned: Syncs) -> None:
    owned.clients([client(), client(id="C-2")])
    for _ in range(2):
        owned.clients([client()])
    assert operator.row_counts(owned.engine, TENANT) == {
        "clients": 1,
        "portfolios": 1,
        "securities": 0,
        "transactions": 0,
    }


def test_the_last_sync_of_each_entity_is_told(owned: Syncs) -> None:
    owned.transactions([transaction(), transaction(id="T-2", fees="x")])
    last = operator.last_syncs(owned.engine, TENANT)
    assert [(each.entity, each.status, each.open_rejects) for each in last] == [
        (Entity.CLIENTS, "Success", 0),
        (Entity.PORTFOLIOS, "Success", 0),
        (Entity.TRANSACTIONS, "PartialSuccess", 1),
    ]
