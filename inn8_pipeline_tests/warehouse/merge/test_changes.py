"""A sync that would change or empty a column of too many rows writes nothing, and says which column."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from inn8_pipeline.entities import CLIENTS, PORTFOLIOS, TRANSACTIONS, Entity
from inn8_pipeline.errors import MassChangeError
from inn8_pipeline.transform import TRANSFORM_VERSION
from inn8_pipeline.warehouse.merge.changes.change_limit import ChangeLimit
from inn8_pipeline_tests.transform.builders import client, portfolio, security, transaction, without
from inn8_pipeline_tests.warehouse.syncs import Syncs, october

Record = dict[str, Any]
ROWS = 1000
FIRST_DAY = frozenset({date(2026, 10, 1)})


def clients(count: int = ROWS, **changes: object) -> list[Record]:
    return [client(id=f"C-{number}", fullName=f"Client {number}", **changes) for number in range(count)]


def portfolios(count: int = ROWS) -> list[Record]:
    return [portfolio(id=f"P-{number}", clientId=f"C-{number}") for number in range(count)]


def transactions(count: int = ROWS) -> list[Record]:
    return [
        transaction(
            id=f"T-{number}",
            tradeDate=f"2026-10-{number % 8 + 1:02}",
            amount=f"{number + 1}.25",
            security=security(id=f"S-{number % 50}", symbol=f"SYM{number % 50}"),
        )
        for number in range(count)
    ]


def loaded(syncs: Syncs, entity: Entity) -> list[Record]:
    """Sync 1,000 records of the entity, and return them."""
    if entity is CLIENTS:
        sent = clients()
    else:
        syncs.clients(clients())
        sent = portfolios()
        if entity is TRANSACTIONS:
            syncs.with_parents()
            sent = transactions()
    sync(syncs, entity, sent)
    return sent


def sync(syncs: Syncs, entity: Entity, records: list[Record], **rules: Any) -> Any:  # noqa: ANN401
    window = october(1, 10) if entity.has_days else None
    return syncs.merge(syncs.land(entity, records, window), **rules)


def refused(syncs: Syncs, entity: Entity, records: list[Record]) -> MassChangeError:
    """Assert that the sync fails with a MassChangeError and writes no row, and return the error."""
    before = syncs.versions()
    with pytest.raises(MassChangeError) as caught:
        sync(syncs, entity, records)
    assert syncs.versions() == before
    return caught.value


def moved_by_a_day(record: Record) -> Record:
    day = int(record["tradeDate"][-2:])
    return record | {"tradeDate": f"2026-10-{day + 1:02}"}


Change = Callable[[Record], Record]
EMPTIED: dict[str, tuple[Entity, str, str, Change]] = {
    "phone absent": (CLIENTS, "phone", "empty", lambda each: without(each, "phoneNumber")),
    "phone null": (CLIENTS, "phone", "empty", lambda each: each | {"phoneNumber": None}),
    "phone empty": (CLIENTS, "phone", "empty", lambda each: each | {"phoneNumber": " "}),
    "phone respelled": (
        CLIENTS,
        "phone",
        "empty",
        lambda each: without(each, "phoneNumber") | {"phone_number": each["phoneNumber"]},
    ),
    "e-mail absent": (CLIENTS, "email", "empty", lambda each: without(each, "emailAddress")),
    "address absent": (CLIENTS, "address", "empty", lambda each: without(each, "address")),
    "address with other names": (CLIENTS, "address", "empty", lambda each: each | {"address": {"line1": "1 Long St"}}),
    "status absent": (CLIENTS, "status", "unknown", lambda each: without(each, "status")),
    "status respelled": (CLIENTS, "status", "unknown", lambda each: each | {"status": "A"}),
    "account type absent": (PORTFOLIOS, "account_type", "unknown", lambda each: without(each, "type")),
    "account number null": (PORTFOLIOS, "account_number", "empty", lambda each: each | {"accountNumber": None}),
    "price absent": (TRANSACTIONS, "price", "empty", lambda each: without(each, "price")),
    "amount null": (TRANSACTIONS, "amount", "empty", lambda each: each | {"amount": None}),
    "security absent": (TRANSACTIONS, "security_id", "empty", lambda each: without(each, "security")),
    "type respelled": (TRANSACTIONS, "transaction_type", "unknown", lambda each: each | {"type": "PURCHASE"}),
    "settlement date absent": (TRANSACTIONS, "settlement_date", "empty", lambda each: without(each, "settlementDate")),
}
CHANGED: dict[str, tuple[Entity, str, Change]] = {
    "street absent": (
        CLIENTS,
        "address",
        lambda each: each | {"address": without(each["address"], "street")},
    ),
    "all names alike": (CLIENTS, "name", lambda each: each | {"fullName": "Client"}),
    "all portfolios with one client": (PORTFOLIOS, "client_id", lambda each: each | {"clientId": "C-1"}),
    "all amounts zero": (TRANSACTIONS, "amount", lambda each: each | {"amount": 0}),
    "all signs flipped": (TRANSACTIONS, "amount", lambda each: each | {"amount": f"-{each['amount']}"}),
    "amounts in cents": (TRANSACTIONS, "amount", lambda each: each | {"amount": each["amount"].replace(".", "")}),
    "dates a day later": (TRANSACTIONS, "trade_date", moved_by_a_day),
    "other securities": (
        TRANSACTIONS,
        "security_id",
        lambda each: each | {"security": security(id="S-new", symbol="SYM0")},
    ),
}


@pytest.mark.parametrize("name", EMPTIED)
def test_a_column_that_would_become_empty_everywhere_fails_the_sync(syncs: Syncs, name: str) -> None:
    entity, column, empty, change = EMPTIED[name]
    error = refused(syncs, entity, [change(each) for each in loaded(syncs, entity)])
    assert set(error.findings) == {column}
    assert error.findings[column].startswith(f"would become {empty} in 1,000 of 1,000 rows")


@pytest.mark.parametrize("name", CHANGED)
def test_a_column_that_would_change_everywhere_fails_the_sync(syncs: Syncs, name: str) -> None:
    entity, column, change = CHANGED[name]
    error = refused(syncs, entity, [change(each) for each in loaded(syncs, entity)])
    assert set(error.findings) == {column}
    share = {"all portfolios with one client": 999, "all names alike": 1000}.get(name, 1000)
    assert error.findings[column].startswith(f"would change in {share:,} of 1,000 rows")


ABSENT: dict[str, tuple[str | None, Change]] = {
    "absent": ("phoneNumber", lambda each: without(each, "phoneNumber")),
    "respelled": ("phoneNumber", lambda each: without(each, "phoneNumber") | {"PHONE": "1"}),
    "an object": ("address", lambda each: without(each, "address")),
    "parts of an object": (
        "address.street, address.city, address.state, address.zipCode",
        lambda each: each | {"address": {"line1": "x"}},
    ),
    "null": (None, lambda each: each | {"phoneNumber": None}),
    "null in another case": (None, lambda each: without(each, "phoneNumber") | {"PHONENUMBER": None}),
}


@pytest.mark.parametrize("name", ABSENT)
def test_a_property_that_no_record_has_any_more_is_named(syncs: Syncs, name: str) -> None:
    absent, change = ABSENT[name]
    (finding,) = refused(syncs, CLIENTS, [change(each) for each in loaded(syncs, CLIENTS)]).findings.values()
    why = f" ({absent} is in none of the records)" if absent else ""
    assert finding.endswith(f" in 1,000 of 1,000 rows{why}")


def test_an_attribute_of_all_securities_that_is_no_longer_sent_fails_the_sync(syncs: Syncs) -> None:
    sent = [each | {"security": without(each["security"], "isin")} for each in loaded(syncs, TRANSACTIONS)]
    error = refused(syncs, TRANSACTIONS, sent)
    finding = "would become empty in 50 of 50 rows (security.isin is in none of the records)"
    assert error.findings == {"securities.isin": finding}


def test_several_columns_are_all_named(syncs: Syncs) -> None:
    sent = [without(each, "phoneNumber") | {"status": "A"} for each in loaded(syncs, CLIENTS)]
    assert set(refused(syncs, CLIENTS, sent).findings) == {"phone", "status"}


def test_a_column_with_few_values_that_would_lose_all_of_them_fails_the_sync(syncs: Syncs) -> None:
    sent = clients(100, phoneNumber=None) + [client(id=f"X-{number}") for number in range(20)]
    syncs.clients(sent)
    error = refused(syncs, CLIENTS, [each | {"phoneNumber": None} for each in sent])
    assert error.findings == {"phone": "would become empty in 20 of 120 rows"}


def test_fewer_values_than_twenty_may_all_go(syncs: Syncs) -> None:
    sent = clients(100, phoneNumber=None) + [client(id=f"X-{number}") for number in range(19)]
    syncs.clients(sent)
    assert syncs.clients([each | {"phoneNumber": None} for each in sent]).counts.updated == 19


def test_the_bound_is_exact(syncs: Syncs) -> None:
    sent = loaded(syncs, CLIENTS)
    over = [without(each, "phoneNumber") for each in sent[:301]] + sent[301:]
    assert refused(syncs, CLIENTS, over).findings["phone"] == "would become empty in 301 of 1,000 rows"
    at_the_bound = [without(each, "phoneNumber") for each in sent[:300]] + sent[300:]
    assert syncs.clients(at_the_bound).counts.updated == 300


def test_the_bound_is_exact_where_a_sample_is_compared_first(syncs: Syncs) -> None:
    sent = clients(10_000)
    syncs.clients(sent)
    over = [without(each, "phoneNumber") for each in sent[:3001]] + sent[3001:]
    assert refused(syncs, CLIENTS, over).findings["phone"] == "would become empty in 3,001 of 10,000 rows"
    at_the_bound = [without(each, "phoneNumber") for each in sent[:3000]] + sent[3000:]
    assert syncs.clients(at_the_bound).counts.updated == 3000


def test_columns_that_change_in_different_rows_are_not_added_up(syncs: Syncs) -> None:
    sent = loaded(syncs, CLIENTS)
    changed = [
        each | ({"phoneNumber": "1"} if number % 4 == 0 else {"fullName": "x"} if number % 4 == 1 else {})
        for number, each in enumerate(sent)
    ]
    assert syncs.clients(changed).counts.updated == 500


def test_few_rows_that_are_covered_among_many_new_ones_are_compared_too(syncs: Syncs) -> None:
    sent = clients(100)
    syncs.clients(sent)
    new = [client(id=f"X-{number}") for number in range(6000)]
    refused(syncs, CLIENTS, [*new, *(each | {"fullName": "x"} for each in sent)])


def test_a_landing_that_was_refused_is_refused_again_and_the_old_one_stays_good(syncs: Syncs) -> None:
    sent = loaded(syncs, CLIENTS)
    emptied = [without(each, "phoneNumber") for each in sent]
    first = str(refused(syncs, CLIENTS, emptied))
    assert str(refused(syncs, CLIENTS, emptied)) == first
    assert syncs.clients(sent).is_repeat


def test_one_sync_may_be_allowed_and_the_next_is_bound_again(syncs: Syncs) -> None:
    sent = loaded(syncs, CLIENTS)
    emptied = [without(each, "phoneNumber") for each in sent]
    allowed = sync(syncs, CLIENTS, emptied, change_limit=ChangeLimit(is_overridden=True))
    assert allowed.counts.updated == 1000
    assert syncs.clients(emptied).is_repeat
    assert syncs.clients(sent).counts.updated == 1000
    refused(syncs, CLIENTS, emptied)


def test_the_message_has_the_counts_and_a_command_that_names_tenant_and_days(syncs: Syncs) -> None:
    sent = [without(each, "price") for each in loaded(syncs, TRANSACTIONS)]
    assert str(refused(syncs, TRANSACTIONS, sent)) == (
        "The sync of transactions would have changed too many rows at once: price would become empty in 1,000 of 1,000 "
        "rows (price is in none of the records). INN8 has probably changed what it sends. Nothing was written; the "
        "rows are as they were. If the change is right, allow it once with `inn8 sync transactions --from 2026-10-01 "
        "--to 2026-10-10 --tenant t1 --allow-changes` (in the launchpad: allow_changes: true); if not, report it to "
        "INN8. The bound is INN8_MAX_CHANGED_PERCENT."
    )
    assert "sync clients --tenant t1 --allow-changes`" in str(
        refused(syncs, CLIENTS, [without(each, "phoneNumber") for each in clients()])
    )


class TestWhatDoesNotFail:
    def test_a_first_load(self, syncs: Syncs) -> None:
        assert syncs.clients(clients()).counts.inserted == 1000

    def test_a_backfill_of_new_days(self, owned: Syncs) -> None:
        owned.transactions([transaction(id=f"T-{n}", tradeDate="2026-10-01") for n in range(100)])
        new = [transaction(id=f"N-{n}", tradeDate="2026-10-02", price=None) for n in range(100)]
        assert owned.transactions(new, october(2)).counts.inserted == 100

    def test_values_where_there_were_none(self, syncs: Syncs) -> None:
        syncs.clients(clients(emailAddress=None, phoneNumber=None, address=None, status="new"))
        assert syncs.clients(clients()).counts.updated == 1000

    @pytest.mark.parametrize("count", [1, 19])
    def test_a_table_of_fewer_than_twenty_rows(self, syncs: Syncs, count: int) -> None:
        syncs.clients(clients(count))
        assert syncs.clients(clients(count, phoneNumber=None)).counts.updated == count

    def test_a_new_version_of_the_transform(self, syncs: Syncs) -> None:
        syncs.clients(clients())
        landing = syncs.land(CLIENTS, clients(phoneNumber=None))
        assert syncs.merge(landing, version=TRANSFORM_VERSION + 1).counts.updated == 1000

    def test_days_that_an_older_version_of_the_transform_has_made_beside_days_of_the_present_one(
        self, syncs: Syncs
    ) -> None:
        sent = loaded(syncs, TRANSACTIONS)
        newest = syncs.land(TRANSACTIONS, sent, october(8, 10))
        syncs.merge(newest, version=TRANSFORM_VERSION + 1)
        changed = syncs.land(TRANSACTIONS, [without(each, "price") for each in sent], october(1, 10))
        with pytest.raises(MassChangeError, match="empty in 125 of 125 rows"):
            syncs.merge(changed, version=TRANSFORM_VERSION + 1)
        changed = syncs.land(TRANSACTIONS, [without(each, "price") for each in sent], october(1, 7))
        assert syncs.merge(changed, version=TRANSFORM_VERSION + 1).counts.updated == 875

    def test_a_column_that_inn8_never_sends(self, syncs: Syncs) -> None:
        syncs.clients(clients(emailAddress=None))
        assert syncs.clients(clients(emailAddress=None)[:-1] + clients(1, emailAddress=None)).is_repeat is False

    def test_securities_that_are_traded_on_a_new_day(self, syncs: Syncs) -> None:
        loaded(syncs, TRANSACTIONS)
        later = [each | {"id": f"N-{each['id']}", "tradeDate": "2026-10-10"} for each in transactions()]
        assert syncs.transactions(later, october(10)).dimensions == {"securities": {"updated": 50}}


def test_the_bound_can_be_changed_and_turned_off(syncs: Syncs) -> None:
    sent = loaded(syncs, CLIENTS)
    emptied = [without(each, "phoneNumber") for each in sent]
    with pytest.raises(MassChangeError):
        sync(syncs, CLIENTS, emptied[:100] + sent[100:], change_limit=ChangeLimit(percent=9))
    assert sync(syncs, CLIENTS, emptied, change_limit=ChangeLimit(percent=100)).counts.updated == 1000


def test_a_sync_that_changes_nothing_writes_no_row(syncs: Syncs) -> None:
    sent = loaded(syncs, CLIENTS)
    before = syncs.versions()["clients"]
    assert syncs.clients([*sent[1:], sent[0]]).counts.unchanged == 1000
    assert syncs.versions()["clients"] == before


def test_a_rebuild_from_a_landing_that_was_merged_before_restores_a_damaged_table(syncs: Syncs) -> None:
    landing = syncs.land(CLIENTS, clients(100))
    syncs.merge(landing)
    syncs.execute("update inn8.clients set phone = 'damaged'")
    assert syncs.merge(landing, may_repeat=False).counts.updated == 100
    assert {row["phone"] for row in syncs.rows("clients")} == {"(082) 555-0134"}


def test_a_rebuild_from_a_landing_that_repeats_a_merged_one_restores_a_damaged_table(syncs: Syncs) -> None:
    syncs.clients(clients(100))
    again = syncs.land(CLIENTS, clients(100))
    assert syncs.merge(again).is_repeat
    syncs.execute("update inn8.clients set phone = 'damaged'")
    assert syncs.merge(again, may_repeat=False).counts.updated == 100


def test_a_refused_landing_that_was_merged_for_one_day_is_refused_for_all_others(syncs: Syncs) -> None:
    sent = loaded(syncs, TRANSACTIONS)
    emptied = syncs.land(TRANSACTIONS, [each | {"description": None} for each in sent], october(1, 10))
    with pytest.raises(MassChangeError):
        syncs.merge(emptied)
    assert syncs.merge(emptied, FIRST_DAY, change_limit=ChangeLimit(is_overridden=True)).counts.updated == 125
    for _ in range(2):
        with pytest.raises(MassChangeError, match="description would become empty in 875 of 875 rows"):
            syncs.merge(emptied)
    assert syncs.query("select count(*) from inn8.transactions where description is null") == [{"count": 125}]


def test_days_that_the_landing_was_merged_for_do_not_dilute_the_share_of_its_other_days(syncs: Syncs) -> None:
    sent = loaded(syncs, TRANSACTIONS)
    changed = syncs.land(TRANSACTIONS, [each | {"description": "x"} for each in sent], october(1, 10))
    most = frozenset(date(2026, 10, day) for day in range(1, 8))
    syncs.merge(changed, most, change_limit=ChangeLimit(is_overridden=True))
    with pytest.raises(MassChangeError, match="description would change in 125 of 125 rows"):
        syncs.merge(changed)


def test_a_rebuild_of_the_days_that_a_landing_was_merged_for_restores_them_beside_its_other_days(
    syncs: Syncs,
) -> None:
    sent = loaded(syncs, TRANSACTIONS)
    landing = syncs.land(TRANSACTIONS, sent, october(1, 10))
    syncs.merge(landing, frozenset(date(2026, 10, day) for day in range(1, 8)), may_repeat=False)
    syncs.execute("update inn8.transactions set trade_date = '2026-10-09' where trade_date < '2026-10-08'")
    assert syncs.merge(landing, may_repeat=False).counts.updated == 875


def test_after_a_rebuild_of_one_day_the_next_sync_of_all_days_is_no_repeat_and_counts_them_all(syncs: Syncs) -> None:
    sent = loaded(syncs, TRANSACTIONS)
    landing = syncs.land(TRANSACTIONS, sent, october(1, 10))
    syncs.merge(landing, may_repeat=False)
    assert syncs.merge(landing, FIRST_DAY, may_repeat=False).counts.skipped == 875
    again = sync(syncs, TRANSACTIONS, sent)
    assert (again.is_repeat, again.counts.unchanged, again.counts.skipped) == (False, 1000, 0)
    assert sync(syncs, TRANSACTIONS, sent).is_repeat


def test_after_a_rebuild_of_one_day_by_a_new_version_of_the_transform_it_may_change_the_others_too(
    syncs: Syncs,
) -> None:
    sent = loaded(syncs, TRANSACTIONS)
    landing = syncs.land(TRANSACTIONS, sent, october(1, 10))
    syncs.merge(landing, may_repeat=False)
    syncs.execute("update inn8.transactions set description = 'made by the old rules'")
    newer = TRANSFORM_VERSION + 1
    assert syncs.merge(landing, FIRST_DAY, may_repeat=False, version=newer).counts.updated == 125
    again = syncs.land(TRANSACTIONS, sent, october(1, 10))
    assert syncs.merge(again, version=newer).counts.updated == 875


def test_a_rebuild_of_one_day_does_not_prove_the_absence_of_rows_of_the_days_that_were_held_back(
    syncs: Syncs,
) -> None:
    sent = loaded(syncs, TRANSACTIONS)
    half = syncs.land(TRANSACTIONS, [each for each in sent if each["tradeDate"] != "2026-10-02"][:500], october(1, 10))
    assert syncs.merge(half).held_back
    assert not syncs.merge(half, frozenset({date(2026, 10, 10)}), may_repeat=False).held_back
    found = syncs.query("select absence_counts, is_held_back from inn8_raw.landings where id = :id", id=half.id)
    assert found == [{"absence_counts": False, "is_held_back": True}]


def test_a_rebuild_from_a_landing_that_was_refused_is_refused_again(syncs: Syncs) -> None:
    syncs.clients(clients(100))
    landing = syncs.land(CLIENTS, clients(100, phoneNumber=None))
    for _ in range(2):
        with pytest.raises(MassChangeError):
            syncs.merge(landing, may_repeat=False)
