"""The access token: fetched by client credentials (OAuth 2.0), kept in memory alone, renewed before it ends.

Here belongs all that knows the client's secret. Neither it nor a token is in any repr, message or log.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import Any, NoReturn

import httpx
import msgspec

from inn8_pipeline.errors import ContractError, CredentialsError, RefusedRequestError
from inn8_pipeline.extract.breaker import TOKEN_CIRCUIT
from inn8_pipeline.extract.endpoint import Endpoint
from inn8_pipeline.extract.http.responses import Request, exchange
from inn8_pipeline.extract.paging.page import strip_bom
from inn8_pipeline.extract.retry import Retrier, Task

TOKEN_PATH = "/oauth/token"  # noqa: S105 (a path)
MAX_ANSWER_BYTES = 64 * 1024
RENEWED_EARLY_SECONDS = 300.0
SHORT_LIFETIME_SECONDS = 600.0
UNKNOWN_LIFETIME_SECONDS = 60.0
"""Of a token whose answer names no `expires_in`: short, so that a wrong guess costs a request and no 401."""
LONGEST_LIFETIME_SECONDS = 24 * 3600.0
"""A token is renewed once a day, whatever the server says."""


@dataclass(frozen=True, slots=True, eq=False)
class Token:
    """A token, and the moment from which it is not used any more (monotonic clock). Compared by identity."""

    value: str = field(repr=False)
    renew_at_seconds: float


class TokenSource:
    """The one token of a client, for all its threads: one request however many of them ask."""

    def __init__(
        self, endpoint: Endpoint, http: httpx.Client, retrier: Retrier, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._endpoint = endpoint
        self._http = http
        self._retrier = retrier
        self._clock = clock
        self._lock = Lock()
        self._token: Token | None = None

    def token(self, cancelled: Event) -> Token:
        """A token that is good for now. Raises the ApiErrors of a request, CredentialsError where it is refused.

        `cancelled` gives up the request, if one is made, of this caller; others who wait then make their own.
        """
        with self._lock:
            if self._token is None or self._clock() >= self._token.renew_at_seconds:
                self._token = self._fetch(cancelled)
            return self._token

    def renewed(self, refused: Token, cancelled: Event) -> Token:
        """Another token than the one that was refused: what another thread has fetched since, or else a new one."""
        with self._lock:
            if self._token is refused or self._token is None:
                self._token = None
                self._token = self._fetch(cancelled)
            return self._token

    def _fetch(self, cancelled: Event) -> Token:
        task = Task(Request("POST", TOKEN_PATH), TOKEN_CIRCUIT, cancelled)
        return self._retrier.run(task, lambda: None, lambda _: self._ask(task.request))

    def _ask(self, request: Request) -> Token:
        # The lifetime counts from before the request: the server's clock started somewhere in between.
        asked_at_seconds = self._clock()
        sent = self._http.build_request("POST", self._endpoint.url(TOKEN_PATH), data=self._form())
        try:
            _, body = exchange(self._http, sent, request, MAX_ANSWER_BYTES)
        except RefusedRequestError as refusal:
            if refusal.status not in {400, 401, 403}:
                raise
            status = refusal.status
        else:
            return _read_token(body, asked_at_seconds)
        raise CredentialsError(request.method, request.path, status)

    def _form(self) -> dict[str, str]:
        return {
            "grant_type": "client_credentials",
            "client_id": self._endpoint.client_id,
            "client_secret": self._endpoint.client_secret,
            "scope": self._endpoint.scope,
        }


def _read_token(body: bytes, asked_at_seconds: float) -> Token:
    """The token of an answer; ContractError, with nothing of the answer in it, if there is none to use."""
    try:
        answer = msgspec.json.decode(strip_bom(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        _refuse("is not a JSON object")
    value = answer.get("access_token")
    # Visible ASCII (RFC 6749, appendix A.12): anything else could not stand in a header.
    if not isinstance(value, str) or not re.fullmatch(r"[\x21-\x7e]{1,16384}", value):
        _refuse("has no usable access_token")
    if str(answer.get("token_type") or "bearer").lower() != "bearer":
        _refuse("has a token_type other than Bearer")
    return Token(value, asked_at_seconds + _use_seconds(_lifetime(answer.get("expires_in"))))


def _lifetime(expires_in: Any) -> float:  # noqa: ANN401 (whatever JSON holds)
    """Seconds that the token lasts. A number, or one in a string; absent or null is a guess on the safe side."""
    if expires_in is None:
        return UNKNOWN_LIFETIME_SECONDS
    if isinstance(expires_in, str) and re.fullmatch(r"[0-9]{1,18}(\.[0-9]{1,9})?", expires_in):
        expires_in = float(expires_in)
    if isinstance(expires_in, bool) or not isinstance(expires_in, int | float) or not expires_in > 0:
        _refuse("has an expires_in that is no positive number of seconds")
    return LONGEST_LIFETIME_SECONDS if expires_in > LONGEST_LIFETIME_SECONDS else float(expires_in)


def _use_seconds(lifetime_seconds: float) -> float:
    """How long a token is used: to 5 minutes before its end; a short one for half of its lifetime."""
    if lifetime_seconds <= SHORT_LIFETIME_SECONDS:
        return lifetime_seconds / 2
    return lifetime_seconds - RENEWED_EARLY_SECONDS


def _refuse(finding: str) -> NoReturn:
    subject = f"The answer to POST {TOKEN_PATH}"
    raise ContractError(subject, finding, "Check INN8_BASE_URL; then rerun.")
