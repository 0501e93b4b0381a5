"""What an operator asks and tells."""

from collections.abc import Sequence

from inn8_pipeline.entities import CLIENTS, PORTFOLIOS, TRANSACTIONS, Entity
from inn8_pipeline.warehouse.queries import operator
from inn8_pipeline.warehouse.queries.operator import Row
from inn8_pipeline_tests.transform.builders import client, portfolio, transaction
from inn8_pipeline_tests.warehouse.syncs import TENANT, Syncs


def rejects(
    syncs: Syncs, entity: Entity | None = None, *, tenant_id: str = TENANT, resolved: bool = False
) -> Sequence[Row]:
    with operator.reading(syncs.engine, "testing") as connection:
        return operator.rejects(connection, tenant_id, entity, resolved=resolved)


def test_open_rejects_are_listed_without_their_payload_by_entity(syncs: Syncs) -> None:
    syncs.clients([client(), client(id="C-2", fullName=1)])
    syncs.portfolios([portfolio(clientId="C-9")])
    listed = rejects(syncs)
    assert [(each["entity"], each["external_id"]) for each in listed] == [("clients", "C-2"), ("portfolios", "P-1")]
    assert not any("payload" in each for each in listed)
    assert rejects(syncs, CLIENTS) == listed[:1]
    assert rejects(syncs, tenant_id="t2") == []


def test_settled_rejects_are_listed_where_they_are_asked_for(syncs: Syncs) -> None:
    syncs.clients([client(fullName=1)])
    syncs.clients([client()])
    assert rejects(syncs) == []
    assert [each["resolution"] for each in rejects(syncs, resolved=True)] == ["healed"]


def test_one_reject_is_shown_with_its_payload(syncs: Syncs) -> None:
    syncs.clients([client(fullName=1, emailAddress="thandi@example.com")])
    with operator.reading(syncs.engine, "testing") as connection:
        found = operator.reject(connection, TENANT, syncs.reject()["id"])
        assert operator.reject(connection, TENANT, 0) is None
    assert found is not None
    assert '"thandi@example.com"' in found["payload"]


def test_only_an_open_reject_can_be_accepted(syncs: Syncs) -> None:
    syncs.clients([client(), client(id="C-2", fullName=1)])
    reject_id = syncs.reject()["id"]
    assert operator.accept(syncs.engine, TENANT, reject_id, "known")
    assert rejects(syncs)[0]["accepted_note"] == "known"
    syncs.clients([client()])
    assert not operator.accept(syncs.engine, TENANT, reject_id, "too late")
    assert not operator.accept(syncs.engine, "t2", reject_id, "not ours")


def test_rows_are_counted_and_the_newest_are_shown(owned: Syncs) -> None:
    owned.clients([client(), client(id="C-2")])
    with operator.reading(owned.engine, "testing") as connection:
        counts = operator.row_counts(connection, TENANT)
        assert (counts["inn8.clients"], counts["inn8.portfolios"], counts["inn8_raw.landings"]) == (2, 1, 3)
        assert [row["external_id"] for row in operator.sample(connection, TENANT, "clients", 1)] == ["C-2"]


def test_whether_an_entity_was_ever_merged_is_known(owned: Syncs) -> None:
    owned.land(TRANSACTIONS, [transaction()])
    with operator.reading(owned.engine, "testing") as connection:
        assert operator.has_merged(connection, TENANT, PORTFOLIOS)
        assert not operator.has_merged(connection, TENANT, TRANSACTIONS)
