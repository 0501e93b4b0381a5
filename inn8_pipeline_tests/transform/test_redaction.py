"""Redaction: the records of a person are found in any spelling, and the others stay byte for byte."""

import pytest

from inn8_pipeline.transform.redaction import redact

OTHER = b'{"ID" : "C-2",\t"n":1.50e+3,"x":"\\ud83d\\ude00 \\ud800"}'


@pytest.mark.parametrize(
    "record",
    [
        rb'{"id":"C-1"}',
        rb'{"ID":"C-1"}',
        rb'{"id":"\u0043-\u0031"}',
        rb'{"\u0069d":"C-1"}',
        rb'{"id":"C-1","id":"C-9"}',
        rb'{"id":"C-9","Id":"C-1"}',
        rb'{"id":"C-1","fullName":"\ud800"}',
        rb'"C-1"',
        rb'["C-1"]',
    ],
)
def test_a_record_of_the_person_is_removed_in_any_spelling(record: bytes) -> None:
    rest, removed = redact(b"[ " + OTHER + b" ,\n" + record + b"," + OTHER + b"]", {"id": {"C-1"}})
    assert rest == b"[" + OTHER + b"," + OTHER + b"]"
    assert len(removed) == 1


@pytest.mark.parametrize(
    "record",
    [
        rb'{"id":"c-1"}',
        rb'{"id":" C-1"}',
        rb'{"name":"C-1"}',
        rb'{"x":{"id":"C-1"}}',
        rb'{"id":["C-1"]}',
        rb"null",
        rb"[]",
    ],
)
def test_a_record_that_only_resembles_one_is_kept_and_the_page_is_unchanged(record: bytes) -> None:
    page = b" [" + record + b" ]\n"
    assert redact(page, {"id": {"C-1"}}) == (page, [])


def test_a_record_that_is_nested_too_deeply_to_be_read_is_removed_if_its_text_has_the_id() -> None:
    first, second = (b'{"id":"%b","x":%b1%b}' % (each, b"[" * 100_000, b"]" * 100_000) for each in (b"C-1", b"C-2"))
    page = b"[" + OTHER + b"," + first + b"," + second + b"]"
    assert redact(page, {"id": {"C-1"}}) == (b"[" + OTHER + b"," + second + b"]", [None])


def test_an_id_that_was_sent_as_a_number_is_the_same_id() -> None:
    assert redact(b'[{"id":1001},{"id":1002}]', {"id": {"1001"}}) == (b'[{"id":1002}]', ["1001"])


def test_any_identifier_suffices_and_the_ids_of_the_removed_records_are_returned() -> None:
    page = b'[{"id":"P-1","clientId":"C-1"},{"id":"P-2","CLIENTID":"C-9"},{"clientId":"C-1"},{"id":"P-3"}]'
    rest, removed = redact(page, {"clientid": {"C-1"}, "id": {"P-3"}})
    assert rest == b'[{"id":"P-2","CLIENTID":"C-9"}]'
    assert removed == ["P-1", None, "P-3"]


def test_a_page_with_records_of_one_person_only_becomes_an_empty_array() -> None:
    assert redact(b'[{"id":"C-1"}]', {"id": {"C-1"}}) == (b"[]", ["C-1"])


def test_a_record_is_found_by_the_name_that_the_contract_has_for_a_reference() -> None:
    body = b'[{"id":"P-1","owner":"C-1"},{"id":"P-2","clientId":"C-1"},{"id":"P-3","owner":"C-2"}]'
    rest, removed = redact(body, {"clientid": {"C-1"}}, {"clientid": {"owner"}})
    assert (rest, removed) == (b'[{"id":"P-3","owner":"C-2"}]', ["P-1", "P-2"])
