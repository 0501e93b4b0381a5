"""Bytes that are not UTF-8: they cost the record that they are in, not the page."""

import json
import time

import pytest

from inn8_pipeline.entities import CLIENTS
from inn8_pipeline.errors import ContractError
from inn8_pipeline.extract.http.encoding import MAX_INVALID_BYTES
from inn8_pipeline_tests.extract.conftest import NewClient
from inn8_pipeline_tests.extract.servers import Inn8, reply

VALID = '{"id":"b","fullName":"Zoë \\ud83d\\ude00 \\\\"}'.encode()


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (b"Th\xffandi", rb"Th\udcffandi"),
        (b"\xc3(", rb"\udcc3("),
        (b"cut \xf0\x9f\x98", rb"cut \udcf0\udc9f\udc98"),
        (b"surrogate \xed\xa0\x80", rb"surrogate \udced\udca0\udc80"),
        (b"overlong \xc0\x80", rb"overlong \udcc0\udc80"),
        (b"a \\\\\xff", rb"a \\\udcff"),
        (b"an escape \\\xff", rb"an escape \udcff"),
        (b"half \\ud83d\x9f\x98", rb"half \ud83d\udc9f\udc9f\udc98"),
    ],
)
def test_each_invalid_byte_becomes_an_escape_that_no_valid_text_contains(
    server: Inn8, new_client: NewClient, sent: bytes, kept: bytes
) -> None:
    page = b'[{"id":"a","fullName":"%s"},%s]'
    server.on("/clients", reply(page % (sent, VALID)))
    warnings: list[str] = []
    fetch = new_client(server, on_notice=warnings.append).fetch(CLIENTS)
    (found,) = list(fetch)
    assert (found.body, found.records) == (page % (kept, VALID), 2)
    name = json.loads(found.body)[0]["fullName"]
    assert any("\udc80" <= character <= "\udcff" for character in name)
    assert (fetch.is_complete, fetch.bytes) == (True, len(found.body))
    assert warnings == ["Page 1 of clients has bytes that are not UTF-8; the records that have them are rejected."]


def test_a_page_of_valid_utf8_is_not_changed(server: Inn8, new_client: NewClient) -> None:
    body = b'[{"id":"\\udcff"},' + VALID + b"]"
    server.on("/clients", reply(body))
    (found,) = new_client(server).fetch(CLIENTS)
    assert found.body == body


@pytest.mark.parametrize(
    "body",
    [
        "[]".encode("utf-16"),
        "<p>Zoë</p>".encode("latin-1"),
        b'[{"id":"' + b"\xff" * (MAX_INVALID_BYTES + 1) + b'"}]',
    ],
    ids=["utf-16", "latin-1", "too many"],
)
def test_a_page_in_another_encoding_is_an_error(server: Inn8, new_client: NewClient, body: bytes) -> None:
    server.on("/clients", reply(body))
    with pytest.raises(ContractError, match="Page 1 of clients is not JSON: its text is not UTF-8"):
        list(new_client(server).fetch(CLIENTS))


def test_the_cost_of_escaping_depends_on_the_length_of_the_page_only(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", reply(b'[{"id":"a","x":"' + b"\\\\" * 2_000_000 + b'\xff"}]'))
    started = time.process_time()
    (found,) = new_client(server).fetch(CLIENTS)
    assert found.body.endswith(rb'\\\udcff"}]')
    assert time.process_time() - started < 2


def test_an_invalid_byte_between_records_makes_the_page_malformed(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", reply(b'[{"id":"a"}\xff,{"id":"b"}]'))
    with pytest.raises(ContractError, match="it is malformed"):
        list(new_client(server).fetch(CLIENTS))
