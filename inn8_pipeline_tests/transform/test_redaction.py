"""Records cut out of a page: found however they are spelt, the others left to the letter."""

import pytest

from inn8_pipeline.transform.redaction import cut

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
def test_a_marked_record_is_found_however_it_is_spelt(record: bytes) -> None:
    rest, gone = cut(b"[ " + OTHER + b" ,\n" + record + b"," + OTHER + b"]", {"id": {"C-1"}})
    assert rest == b"[" + OTHER + b"," + OTHER + b"]"
    assert len(gone) == 1


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
def test_a_record_that_only_resembles_one_stays_and_so_does_the_page(record: bytes) -> None:
    page = b" [" + record + b" ]\n"
    assert cut(page, {"id": {"C-1"}}) == (page, [])


def test_an_id_that_came_as_a_number_is_the_same_id() -> None:
    assert cut(b'[{"id":1001},{"id":1002}]', {"id": {"1001"}}) == (b'[{"id":1002}]', ["1001"])


def test_any_mark_will_do_and_the_ids_of_what_goes_are_told() -> None:
    page = b'[{"id":"P-1","clientId":"C-1"},{"id":"P-2","CLIENTID":"C-9"},{"clientId":"C-1"},{"id":"P-3"}]'
    rest, gone = cut(page, {"clientid": {"C-1"}, "id": {"P-3"}})
    assert rest == b'[{"id":"P-2","CLIENTID":"C-9"}]'
    assert gone == ["P-1", None, "P-3"]


def test_of_a_page_of_one_person_alone_an_empty_one_is_left() -> None:
    assert cut(b'[{"id":"C-1"}]', {"id": {"C-1"}}) == (b"[]", ["C-1"])
