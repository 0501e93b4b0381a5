"""No secret is in an error, its causes, or a log."""

import logging
import traceback

import pytest

from inn8_pipeline.entities import CLIENTS
from inn8_pipeline.errors import (
    ApiError,
    DatabaseError,
)
from inn8_pipeline.extract.endpoint import DEFAULT_TIMEOUTS
from inn8_pipeline_tests.extract.circuits import MemoryCircuits
from inn8_pipeline_tests.extract.conftest import SECRET, NewClient
from inn8_pipeline_tests.extract.servers import TOKEN, Inn8, reply, token_reply

FAILURES: dict[str, dict[str, bytes]] = {
    "bad credentials": {TOKEN: reply(b"{}", 401)},
    "token endpoint down": {TOKEN: reply(b"", 500)},
    "second 401": {"/clients": reply(b"{}", 401)},
    "down": {"/clients": reply(b"", 500)},
    "refused": {"/clients": reply(b"{}", 400)},
    "no array": {"/clients": reply(b"<html>")},
    "cut": {"/clients": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\n[]"},
    "redirect": {"/clients": reply(b"", 302, Location="https://elsewhere/")},
    "foreign link": {"/clients": reply(Link='<https://elsewhere/>; rel="next"')},
}


def everything(error: BaseException) -> str:
    """Return all text of an error and its causes: messages, reprs, and fields of each exception in the chain."""
    texts = ["".join(traceback.format_exception(error))]
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        request = getattr(one, "_request", None)
        texts += [repr(one), str(one), repr(vars(one)), repr(request and (request.headers.raw, request.read()))]
        waiting += [one.__cause__, one.__context__]
    return "".join(texts)


@pytest.mark.parametrize("name", FAILURES)
def test_no_secret_is_in_an_error_or_its_causes_or_a_log(
    server: Inn8, new_client: NewClient, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    server.on(TOKEN, token_reply("tok-en-value"))
    server.scripts |= {path: [script] for path, script in FAILURES[name].items()}
    notices: list[object] = []
    with caplog.at_level(logging.DEBUG), pytest.raises(ApiError) as caught:
        list(new_client(server, timeouts=SHORT, on_notice=notices.append).fetch(CLIENTS))
    text = everything(caught.value) + caplog.text + repr(notices)
    assert "tok-en-value" not in text
    assert SECRET not in text
    assert "s3cret" not in text


class BrokenStore(MemoryCircuits):
    """A store whose database is lost when a failure is reported to it."""

    def failed(self, circuit: str, failure: str, *, is_trial: bool) -> bool:
        super().failed(circuit, failure, is_trial=is_trial)
        action = "reading the state of the circuit breaker"
        raise DatabaseError(action, "OperationalError")


def test_no_secret_is_in_the_causes_of_an_error_of_the_circuit_store(server: Inn8, new_client: NewClient) -> None:
    server.on(TOKEN, token_reply("tok-en-value"))
    server.on("/clients", FAILURES["cut"]["/clients"])
    with pytest.raises(DatabaseError) as caught:
        list(new_client(server, BrokenStore(), timeouts=SHORT).fetch(CLIENTS))
    assert "TransientError" in everything(caught.value)
    assert "tok-en-value" not in everything(caught.value)


SHORT = type(DEFAULT_TIMEOUTS)(connect_seconds=2.0, read_seconds=0.3, attempt_seconds=2.0)
