"""Rejects are listed, shown and accepted."""

from collections.abc import Sequence

from inn8_pipeline.entities import CLIENTS, PORTFOLIOS, Entity
from inn8_pipeline.warehouse.queries import rejects, tables
from inn8_pipeline.warehouse.queries.tables import Row
from inn8_pipeline_tests.transform.builders import client, portfolio
from inn8_pipeline_tests.warehouse.syncs import TENANT, Syncs


def listed_rejects(
    syncs: Syncs,
    entity: Entity | None = None,
    *,
    tenant_id: str = TENANT,
    with_accepted: bool = False,
    with_resolved: bool = False,
) -> Sequence[Row]:
    flags = {"with_accepted": with_accepted, "with_resolved": with_resolved}
    with tables.reading(syncs.engine, "testing") as connection:
        return rejects.list_rejects(connection, tenant_id, entity, **flags)


def counted(syncs: Syncs, entity: Entity | None = None) -> tuple[int, int]:
    with tables.reading(syncs.engine, "testing") as connection:
        return rejects.count_open(connection, TENANT, entity)


def test_open_rejects_are_listed_by_entity_without_their_payloads(syncs: Syncs) -> None:
    syncs.clients([client(), client(id="C-2", fullName=1)])
    syncs.portfolios([portfolio(clientId="C-9")])
    listed = listed_rejects(syncs)
    assert [(each["entity"], each["external_id"]) for each in listed] == [("clients", "C-2"), ("portfolios", "P-1")]
    assert not any("payload" in each for each in listed)
    assert listed_rejects(syncs, CLIENTS) == listed[:1]
    assert listed_rejects(syncs, tenant_id="t2") == []


def test_resolved_rejects_are_listed_only_on_request(syncs: Syncs) -> None:
    syncs.clients([client(fullName=1)])
    syncs.clients([client()])
    assert listed_rejects(syncs) == []
    assert [each["resolution"] for each in listed_rejects(syncs, with_resolved=True)] == ["healed"]


def test_accepted_rejects_are_listed_only_on_request_and_counted_apart(syncs: Syncs) -> None:
    syncs.clients([client(), client(id="C-2", fullName=1), client(id="C-3", fullName=1), client(id="C-4", fullName=1)])
    two, three, four = listed_rejects(syncs)
    rejects.accept(syncs.engine, TENANT, [two["id"], four["id"]], "known")
    assert listed_rejects(syncs) == [three]
    assert [each["id"] for each in listed_rejects(syncs, with_accepted=True)] == [two["id"], three["id"], four["id"]]
    assert (counted(syncs), counted(syncs, CLIENTS), counted(syncs, PORTFOLIOS)) == ((1, 2), (1, 2), (0, 0))
    syncs.clients([client(), client(id="C-2"), client(id="C-3"), client(id="C-4", fullName=1)])
    assert counted(syncs) == (0, 1)
    # A resolved reject is listed whether somebody had accepted it or not.
    resolved = listed_rejects(syncs, with_resolved=True)
    assert [each["external_id"] for each in resolved] == ["C-2", "C-3"]


def test_one_reject_is_shown_with_its_payload(syncs: Syncs) -> None:
    syncs.clients([client(fullName=1, emailAddress="thandi@example.com")])
    with tables.reading(syncs.engine, "testing") as connection:
        found = rejects.show(connection, TENANT, syncs.reject()["id"])
        assert rejects.show(connection, TENANT, 0) is None
    assert found is not None
    assert '"thandi@example.com"' in found["payload"]


def test_only_an_open_reject_can_be_accepted(syncs: Syncs) -> None:
    syncs.clients([client(), client(id="C-2", fullName=1)])
    reject_id = syncs.reject()["id"]
    assert rejects.accept(syncs.engine, TENANT, [reject_id], "known")
    assert listed_rejects(syncs, with_accepted=True)[0]["accepted_note"] == "known"
    syncs.clients([client()])
    assert not rejects.accept(syncs.engine, TENANT, [reject_id], "too late")
    assert not rejects.accept(syncs.engine, "t2", [reject_id], "not ours")
