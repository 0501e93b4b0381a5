"""Names of properties: matched in any case, learnt from page to page; unknown ones are reported and ignored."""

import json
from typing import Any

import pytest

from inn8_pipeline.entities import CLIENTS, ENTITIES, PORTFOLIOS, TRANSACTIONS, Entity, Kind, Property
from inn8_pipeline.transform.json.field_names import MAX_IGNORED, MAX_REPORTED, FieldNames
from inn8_pipeline.transform.json.reading import DateCache, RecordReader
from inn8_pipeline.transform.transformer import Transformer
from inn8_pipeline_tests.transform.builders import (
    VALID,
    Record,
    body,
    client,
    portfolio,
    read,
    read_text,
    reject,
    row,
    rows,
    security,
    transaction,
    without,
)


def respell(value: Any, how: Any) -> Any:  # noqa: ANN401
    if isinstance(value, dict):
        return {how(name): respell(inner, how) for name, inner in value.items()}
    return value


def pascal(name: str) -> str:
    return name[0].upper() + name[1:]


@pytest.mark.parametrize("how", [pascal, str.lower, str.upper, str.swapcase])
@pytest.mark.parametrize("entity", ENTITIES, ids=str)
def test_names_in_any_case_make_the_same_rows(entity: Entity, how: Any) -> None:  # noqa: ANN401
    sent = [VALID[entity](id=f"R-{number}") for number in range(20)]
    assert rows(read(entity, *(respell(each, how) for each in sent))) == rows(read(entity, *sent))


@pytest.mark.parametrize("entity", ENTITIES, ids=str)
def test_spellings_may_change_within_a_record_between_records_and_between_pages(entity: Entity) -> None:
    transformer = Transformer(entity)
    expected = rows(read(entity, VALID[entity]()))[0]
    upper = set(list(VALID[entity]())[::2])
    mixed = respell(VALID[entity](), lambda name: pascal(name) if name in upper else name)
    pages: list[list[Record]] = [
        [VALID[entity](), respell(VALID[entity](), pascal), mixed, VALID[entity]()],
        [respell(VALID[entity](), pascal)] * 3,
        [mixed, VALID[entity](), respell(VALID[entity](), str.upper)],
        [VALID[entity]()],
    ]
    for page in pages:
        batch = transformer.page(body(*page), 0)
        assert batch.rejects == ()
        assert batch.unknown_properties == frozenset()
        assert [each | {"ordinal": 0} for each in rows(batch)] == [expected] * len(page)


def test_an_address_whose_names_have_another_spelling_is_read() -> None:
    sent = client(EmailAddress="new@example.com", Address={"Street": "2 Long Street", "CITY": "Durban"})
    made = row(read(CLIENTS, without(sent, "emailAddress", "address")))
    assert (made["email"], made["address"]) == ("new@example.com", "2 Long Street, Durban")


def test_an_optional_property_that_first_occurs_late_is_read_in_its_spelling() -> None:
    transformer = Transformer(CLIENTS)
    bare = respell({"id": "C-1", "fullName": "A"}, pascal)
    assert rows(transformer.page(body(bare, bare), 0))[0]["email"] is None
    assert rows(transformer.page(body(bare, bare | {"EmailAddress": "a@b.example"}), 0))[1]["email"] == "a@b.example"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('"fullName":"first","fullName":"last"', "last"),
        ('"fullName":"first","FullName":"last"', "last"),
        ('"FullName":"first","fullName":"last"', "last"),
        ('"fullName":"first","FullName":"second","fullName":"last"', "last"),
        ('"fullName":5,"fullName":"last"', "last"),
        ('"fullName":null,"FULLNAME":"last"', "last"),
        ('"full\\u004eame":"last"', "last"),
    ],
)
def test_of_a_property_given_twice_the_last_one_counts(text: str, name: str) -> None:
    assert row(read_text(CLIENTS, f'[{{"id":"C-1",{text}}}]'.encode(), 1))["name"] == name


def test_of_a_property_given_twice_the_last_one_counts_even_if_it_is_null_or_an_object() -> None:
    text = b'[{"id":"C-1","fullName":"A","emailAddress":"a","EmailAddress":null,"Address":{"city":"a"},"address":{}}]'
    made = row(read_text(CLIENTS, text, 1))
    assert (made["email"], made["address"]) == (None, "")
    assert reject(read_text(CLIENTS, b'[{"id":"a","ID":null,"fullName":"A"}]', 1)).reason == "id is missing"


def test_only_ascii_letters_have_two_cases() -> None:
    found = reject(read(PORTFOLIOS, without(portfolio(), "clientId") | {"cl\u0131entId": "x"}))
    assert found.reason == "clientId is missing"
    batch = read(CLIENTS, client() | {"addre\u017f\u017f": 5})
    assert row(batch)["address"] == "1 Long Street, Cape Town, WC 8001"
    spelling = FieldNames((Property("key", Kind.TEXT),))
    assert (spelling.find("\u212aey"), spelling.find("KEY")) == (None, spelling.properties[0])


def test_unknown_properties_are_ignored_and_reported_by_their_path() -> None:
    batch = read(
        TRANSACTIONS,
        transaction(nickName="x", security=security(riskClass={"deep": [1]})),
        transaction(Notes=[{"id": 5}], security=None),
    )
    assert len(rows(batch)) == 2
    assert batch.unknown_properties == {"nickName", "Notes", "security.riskClass"}


def test_unknown_properties_of_an_invalid_record_are_reported_too() -> None:
    batch = read(CLIENTS, client(id=5, address={"country": "ZA"}))
    assert batch.unknown_properties == {"address.country"}


def test_unknown_properties_are_remembered_from_page_to_page() -> None:
    transformer = Transformer(CLIENTS)
    transformer.page(body(client(nickName="x")), 0)
    assert transformer.page(body(client(title="x")), 0).unknown_properties == {"nickName", "title"}


def test_unknown_properties_of_retried_rejects_are_not_reported_for_the_pages() -> None:
    transformer = Transformer(CLIENTS)
    assert transformer.records([body(client(oldName="x"))[1:-1]], [-1]).unknown_properties == {"oldName"}
    assert transformer.page(body(client()), 0).unknown_properties == frozenset()


@pytest.mark.parametrize(
    "name",
    [
        "x" * 65,
        "thandi nkosi",
        "Thandi, 082",
        "thandi@example.com",
        "né",
        "",
        'a"b',
        "a\\b",
        "a\nb",
        "a\0b",
        "😀",
        "1st",
    ],
)
def test_an_unknown_name_that_may_be_personal_data_is_ignored_and_not_reported(name: str) -> None:
    batch = read(CLIENTS, client(**{name: 1}), client(id="C-2"), client(**{name: {"a": 1}}))
    assert [each["external_id"] for each in rows(batch)] == ["C-1", "C-2", "C-1"]
    assert batch.unknown_properties == frozenset()


def test_a_server_that_invents_a_name_for_each_record_is_read_and_the_report_is_bounded() -> None:
    sent = [client(id=f"C-{number}", **{f"x{number}": number}) for number in range(MAX_REPORTED + 50)]
    batch = read(CLIENTS, *sent)
    assert [each["external_id"] for each in rows(batch)] == [each["id"] for each in sent]
    assert len(batch.unknown_properties) == MAX_REPORTED
    assert MAX_IGNORED < MAX_REPORTED


@pytest.mark.parametrize("entity", ENTITIES, ids=str)
def test_a_page_whose_spelling_was_learnt_takes_the_fast_path(entity: Entity) -> None:
    reader = RecordReader(entity.properties, DateCache())
    page = body(*(respell(VALID[entity](), pascal) | {"Extra": [1]} for _ in range(3)))
    assert reader.read_fast(page) is None
    assert len(reader.read_each(page).records) == 3
    assert len(reader.read_fast(page) or []) == 3


def test_the_spelling_of_nested_names_is_learnt_too() -> None:
    reader = RecordReader(CLIENTS.properties, DateCache())
    page = body(client(address={"City": "Durban"}), client(address={"City": "Durban", "Extra": 5}))
    assert len(reader.read_each(page).records) == 2
    assert [each.address.city for each in reader.read_fast(page) or []] == ["Durban", "Durban"]


def test_one_record_with_another_spelling_does_not_replace_the_learnt_one() -> None:
    reader = RecordReader(CLIENTS.properties, DateCache())
    page = body(client(), respell(client(), pascal), client())
    assert len(reader.read_each(page).records) == 3
    assert len(reader.read_fast(body(client(), client())) or []) == 2


def test_decimals_are_exact_on_a_page_of_another_spelling() -> None:
    sent = json.dumps([respell(transaction(amount=0.1, quantity=2), str.upper)]).encode()
    made = row(read_text(TRANSACTIONS, sent, 1))
    assert (str(made["amount"]), str(made["quantity"])) == ("0.1000000000", "2.0000000000")
