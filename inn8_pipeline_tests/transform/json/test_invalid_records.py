"""Invalid records: only they are rejected, byte for byte, with a reason that names the property and never a value."""

import json
from datetime import date
from typing import Any

import pytest

from inn8_pipeline.entities import CLIENTS, ENTITIES, MAX_ID_LENGTH, PORTFOLIOS, TRANSACTIONS, Entity, ReasonCode
from inn8_pipeline.errors import ContractError
from inn8_pipeline.transform.transformer import Transformer
from inn8_pipeline_tests.transform.builders import (
    VALID,
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
    with_raw,
    without,
)

C, P, T = CLIENTS, PORTFOLIOS, TRANSACTIONS
HALF_A_PAIR = '"a\\ud83d b"'


@pytest.mark.parametrize(
    ("entity", "name"),
    [(C, "id"), (C, "fullName"), (P, "id"), (P, "clientId"), (P, "name"), (T, "id"), (T, "portfolioId"),
     (T, "tradeDate")],
)  # fmt: skip
@pytest.mark.parametrize("is_null", [True, False])
def test_a_required_property_that_is_null_or_absent_is_missing(entity: Entity, name: str, is_null: bool) -> None:  # noqa: FBT001
    record = VALID[entity]()
    found = reject(read(entity, record | {name: None} if is_null else without(record, name)))
    assert (found.reason_code, found.reason) == (ReasonCode.MISSING_FIELD, f"{name} is missing")
    assert found.external_id == (None if name == "id" else record["id"])


@pytest.mark.parametrize(("entity", "name"), [(C, "id"), (P, "id"), (P, "clientId"), (T, "id"), (T, "portfolioId")])
def test_an_id_that_is_empty_is_missing_and_one_that_is_too_long_is_out_of_range(entity: Entity, name: str) -> None:
    found = reject(read(entity, VALID[entity](**{name: ""})))
    assert (found.reason_code, found.reason) == (ReasonCode.MISSING_FIELD, f"{name} is empty")
    found = reject(read(entity, VALID[entity](**{name: "x" * (MAX_ID_LENGTH + 1)})))
    assert (found.reason_code, found.reason) == (ReasonCode.OUT_OF_RANGE, f"{name} is longer than 255 characters")


@pytest.mark.parametrize(
    ("entity", "name"),
    [(C, "id"), (C, "fullName"), (C, "emailAddress"), (C, "phoneNumber"), (C, "status"), (P, "accountNumber"),
     (P, "type"), (P, "status"), (T, "type"), (T, "currency"), (T, "description")],
)  # fmt: skip
@pytest.mark.parametrize("value", [5, 5.5, True, [], {}], ids=str)
def test_anything_but_a_string_in_place_of_a_text_is_of_the_wrong_type(entity: Entity, name: str, value: Any) -> None:  # noqa: ANN401
    found = reject(read(entity, VALID[entity](**{name: value})))
    assert (found.reason_code, found.reason) == (ReasonCode.WRONG_TYPE, f"{name} is not a string")


@pytest.mark.parametrize(("entity", "name"), [(C, "address"), (T, "security")])
@pytest.mark.parametrize("value", ["1 Long Street", 5, False, [{}]], ids=str)
def test_anything_but_an_object_in_place_of_one_is_of_the_wrong_type(entity: Entity, name: str, value: Any) -> None:  # noqa: ANN401
    found = reject(read(entity, VALID[entity](**{name: value})))
    assert (found.reason_code, found.reason) == (ReasonCode.WRONG_TYPE, f"{name} is not an object")


@pytest.mark.parametrize(
    ("changed", "code", "reason"),
    [
        (security(id=None), ReasonCode.MISSING_FIELD, "security.id is missing"),
        ({}, ReasonCode.MISSING_FIELD, "security.id is missing"),
        (security(id=""), ReasonCode.MISSING_FIELD, "security.id is empty"),
        (security(id=7), ReasonCode.WRONG_TYPE, "security.id is not a string"),
        (security(isin=7), ReasonCode.WRONG_TYPE, "security.isin is not a string"),
        (security(type="\0"), ReasonCode.INVALID_TEXT, "security.type holds a NUL character"),
    ],
    ids=str,
)
def test_an_invalid_security_makes_its_transaction_a_reject(
    changed: dict[str, Any], code: ReasonCode, reason: str
) -> None:
    found = reject(read(T, transaction(security=changed)))
    assert (found.reason_code, found.reason, found.trade_date) == (code, reason, date(2026, 10, 5))


@pytest.mark.parametrize("sent", [None, 5, "text", True, [], [{"id": "x"}]], ids=str)
@pytest.mark.parametrize("entity", ENTITIES, ids=str)
def test_a_record_that_is_not_an_object_is_rejected(entity: Entity, sent: Any) -> None:  # noqa: ANN401
    batch = read(entity, VALID[entity](), sent)
    (found,) = batch.rejects
    assert (found.ordinal, found.reason_code) == (1, ReasonCode.NOT_AN_OBJECT)
    assert (found.reason, found.external_id, found.trade_date) == ("the record is not a JSON object", None, None)
    assert len(batch.rows) == 1


@pytest.mark.parametrize(
    ("entity", "name"),
    [(C, "id"), (C, "fullName"), (C, "emailAddress"), (C, "phoneNumber"), (P, "clientId"), (P, "accountNumber"),
     (T, "description"), (T, "currency")],
)  # fmt: skip
@pytest.mark.parametrize(
    ("raw", "finding"),
    [('"a\\u0000b"', "holds a NUL character"), (HALF_A_PAIR, "holds half of a surrogate pair"),
     ('"\\uDE00"', "holds half of a surrogate pair"), ('"\\ude00\\ud83d"', "holds half of a surrogate pair")],
)  # fmt: skip
def test_text_that_postgres_cannot_store_is_invalid(entity: Entity, name: str, raw: str, finding: str) -> None:
    text = with_raw(VALID[entity](), name, raw)
    batch = read_text(entity, body(VALID[entity](id="other"))[:-1] + b"," + text[1:], 2)
    (found,) = batch.rejects
    assert (found.reason_code, found.reason) == (ReasonCode.INVALID_TEXT, f"{name} {finding}")
    assert found.payload == text[1:-1]
    assert rows(batch)[0]["external_id"] == "other"


def test_the_parts_of_an_address_are_checked_like_any_text() -> None:
    found = reject(read(C, client(address={"city": "\0"})))
    assert (found.reason_code, found.reason) == (ReasonCode.INVALID_TEXT, "address.city holds a NUL character")


@pytest.mark.parametrize("raw", ['"\\u0000"', HALF_A_PAIR, '{"\\udc00":["\\u0000"]}'])
def test_invalid_text_in_an_unknown_property_is_ignored(raw: str) -> None:
    assert row(read_text(C, with_raw(client(), "nickName", raw), 1))["name"] == "Thandi Nkosi"


@pytest.mark.parametrize("raw", ['"\\u0000"', HALF_A_PAIR])
def test_invalid_text_in_a_choice_becomes_unknown(raw: str) -> None:
    batch = read_text(C, with_raw(client(), "status", raw), 1)
    assert row(batch)["status"] == "unknown"
    assert batch.unknown_values["status"].records == 1


def test_an_escaped_backslash_before_u0000_is_not_a_nul() -> None:
    assert row(read(C, client(fullName="\\u0000")))["name"] == "\\u0000"


@pytest.mark.parametrize("escape", ['"\\ud83d\\ude00"', '"\\uD83D\\uDE00"', '"😀"'])
def test_a_character_beyond_the_basic_plane_may_be_escaped(escape: str) -> None:
    assert row(read_text(C, with_raw(client(), "fullName", escape), 1))["name"] == "😀"


INVALID: list[tuple[Entity, dict[str, Any]]] = [
    (C, {"id": 5}),
    (C, {"address": {"city": 5}}),
    (C, {"fullName": "\0"}),
    (P, {"clientId": None}),
    (T, {"amount": "12,50"}),
    (T, {"tradeDate": "yesterday"}),
    (T, {"security": {}}),
    (T, {"fees": 1e300}),
]


@pytest.mark.parametrize(("entity", "fault"), INVALID, ids=str)
def test_one_invalid_record_of_a_thousand_does_not_affect_the_others(entity: Entity, fault: dict[str, Any]) -> None:
    sent = [VALID[entity](id=f"R-{number}") for number in range(1000)]
    sent[700] |= fault
    batch = read(entity, *sent)
    (found,) = batch.rejects
    assert found.ordinal == 700
    assert [each["ordinal"] for each in rows(batch)] == [*range(700), *range(701, 1000)]
    others = read(entity, *sent[:700], *sent[701:])
    assert [each | {"ordinal": 0} for each in rows(batch)] == [each | {"ordinal": 0} for each in rows(others)]


def test_the_payload_of_a_reject_is_the_record_byte_for_byte() -> None:
    odd = b'{ "id":5 ,\n\t"fullName" : "\\u0054h\xc3\xa9o \\/ \xf0\x9f\xa6\x81","x":[1.0,1e5,{ }], "id" : 5.00 }'
    page = b" [\n" + odd + b" ,  null\t,\r\n" + body(client())[1:]
    batch = read_text(C, page, 3)
    assert [each.payload for each in batch.rejects] == [odd, b"null"]
    cut = page.replace(b'"x"', b'"\\ud800"')
    assert [each.payload for each in read_text(C, cut, 3).rejects] == [odd.replace(b'"x"', b'"\\ud800"'), b"null"]


def test_of_several_invalid_properties_the_first_declared_is_the_reason() -> None:
    sent = dict(reversed(transaction(id="T-9", portfolioId=4, amount="x", tradeDate=None).items()))
    found = reject(read(T, sent))
    assert found.reason == "portfolioId is not a string"
    assert (found.external_id, found.trade_date) == ("T-9", None)


def test_neither_a_reject_nor_a_batch_shows_a_value() -> None:
    batch = read(T, transaction(id="SECRET-1", amount="SECRET-2", description="SECRET-3"), transaction(type="SECRET-4"))
    assert "SECRET" not in repr(batch) + str(batch) + repr(batch.rejects)


@pytest.mark.parametrize(
    "text",
    [b"", b"{}", b"null", b'"x"', b"[", b"[1", b"[1,]", b"[1 2]", b"[,1]", b"[]]", b"[] x", b"[NaN]", b"<html>",
     b'["\xff"]', b'["\\ud800"', b'["\\ud800",]', b'["\\ud800" 1]', b'["\\ud800"]]', b'["\\ud800",NaN]',
     b'{"a":"\\ud800"}', b'[{"id":"\xff"}]', b'["\x01\\ud800"]'],
)  # fmt: skip
def test_a_page_that_is_not_a_json_array_is_an_error_that_does_not_show_its_text(text: bytes) -> None:
    with pytest.raises(ContractError, match="The page of clients from record 2000 on is not a JSON array") as caught:
        Transformer(C).page(text, 2000)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("text", [b"[" * 100_000, b'[{"a":' * 100_000, b'["\\ud800",' + b"[" * 100_000])
def test_a_deeply_nested_page_that_ends_too_early_is_an_error(text: bytes) -> None:
    with pytest.raises(ContractError, match="The page of transactions from record 0 on is not a JSON array"):
        Transformer(T).page(text, 0)


@pytest.mark.parametrize("name", ["unknown", "amount"])
@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_a_record_that_is_nested_too_deeply_is_rejected_and_the_others_are_not(opening: str, name: str) -> None:
    text = r"a \" ]}\\"
    deep = with_raw(transaction(description=text), name, nested(opening, 100_000))[1:-1]
    batch = read_text(T, b"[%b , %b]" % (deep, json.dumps(transaction(id="T-2")).encode()), 2)
    (found,) = batch.rejects
    assert (found.reason_code, found.reason) == (ReasonCode.OUT_OF_RANGE, "the record is nested too deeply to be read")
    assert (found.ordinal, found.payload, found.external_id, found.trade_date) == (0, deep, None, None)
    assert [each["external_id"] for each in rows(batch)] == ["T-2"]
    (again,) = Transformer(T).records([deep], [-1]).rejects
    assert (again.reason, again.payload) == (found.reason, deep)


@pytest.mark.parametrize("depth", [300, 500, 800])
@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_an_unknown_property_that_is_nested_deeply_is_ignored(opening: str, depth: int) -> None:
    assert row(read_text(T, with_raw(transaction(), "x", nested(opening, depth)), 1))["external_id"] == "T-1"


def nested(opening: str, depth: int) -> str:
    closing = "]" if opening == "[" else "}"
    return opening * depth + "1" + closing * depth


def test_retried_rejects_keep_their_ordinals_and_ignore_the_window() -> None:
    payloads = [json.dumps(each).encode() for each in (transaction(id="T-7"), 5, transaction(id=None), transaction())]
    batch = Transformer(T, is_inside=lambda _: False).records(payloads, [-9, -4, -2, -30])
    assert [(each["ordinal"], each["external_id"]) for each in rows(batch)] == [(-9, "T-7"), (-30, "T-1")]
    assert [(each.ordinal, each.payload) for each in batch.rejects] == [(-4, b"5"), (-2, payloads[2])]
    assert (batch.skipped, batch.records) == (0, 4)


@pytest.mark.parametrize("entity", ENTITIES, ids=str)
def test_no_retried_rejects_make_an_empty_batch(entity: Entity) -> None:
    assert Transformer(entity).records([], []).records == 0


def test_a_retried_payload_that_is_still_invalid_becomes_the_same_reject() -> None:
    (first,) = read_text(P, with_raw(portfolio(), "name", HALF_A_PAIR), 1).rejects
    (again,) = Transformer(P).records([first.payload], [-1]).rejects
    assert (again.reason, again.payload, again.external_id) == (first.reason, first.payload, first.external_id)


def test_a_stored_payload_that_is_not_json_is_an_error() -> None:
    with pytest.raises(ContractError, match="can no longer be read as JSON"):
        Transformer(P).records([b"{}", b"{"], [-2, -1])


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        (client(), b'"fullName":"Thandi \\udcff"'),
        (client(), b'"fullName":"Thandi","nickName":["\\uDC80"]'),
        (client(), b'"fullName":"Thandi","\\udcff":1'),
        (client(), b'"fullName":"Thandi","address":{"cit\\udcff":"Cape Town"}'),
        (client(), b'"fullName":"Thandi","status":"\\udcff"'),
        (client(), b'"fullName":"\\ud83d\\udc9f\\udc9f"'),
    ],
)
def test_a_record_with_bytes_that_were_not_utf8_is_rejected_wherever_they_are(
    sent: dict[str, Any], stored: bytes
) -> None:
    text = body(without(sent, "fullName"), client(id="other")).replace(
        b'"emailAddress"', stored + b',"emailAddress"', 1
    )
    batch = read_text(C, text, 2)
    (found,) = batch.rejects
    reason = r"the record has bytes that are not UTF-8, shown in its payload as \udc80 to \udcff"
    assert (found.reason_code, found.reason, found.external_id) == (ReasonCode.INVALID_TEXT, reason, "C-1")
    assert [each["external_id"] for each in rows(batch)] == ["other"]
    (again,) = Transformer(C).records([found.payload], [-1]).rejects
    assert again.reason == reason


def test_an_escaped_pair_with_a_low_half_of_that_range_is_valid_text() -> None:
    assert row(read_text(C, with_raw(client(), "fullName", '"\\ud83d\\udc9f \\\\udcff"'), 1))["name"] == "💟 \\udcff"
    page = with_raw(client(), "fullName", '"\\ud83d\\udc9f \\\\udcff"')[:-1] + b',{"id":"x","fullName":"\\ud83d"}]'
    assert [each["name"] for each in rows(read_text(C, page, 2))] == ["💟 \\udcff"]
