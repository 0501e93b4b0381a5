"""The access token (OAuth 2.0 client credentials): fetched once, kept in memory only, renewed before it expires.

Neither the client secret nor a token appears in any repr, message or log.
"""

import re
import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from threading import Event, Lock
from typing import Any, NoReturn
from urllib.parse import quote_plus

import httpx
import msgspec

from inn8_pipeline.errors import ContractError, CredentialsError, RefusedRequestError
from inn8_pipeline.extract.breaker import TOKEN_CIRCUIT
from inn8_pipeline.extract.endpoint import Endpoint
from inn8_pipeline.extract.http.responses import Expected, RequestLabel, TransientError, exchange, was_cut_off
from inn8_pipeline.extract.retry import ApiCall, Retrier

EXPECTED = Expected(statuses=frozenset({200, 201, 203}), max_bytes=64 * 1024)
RENEWED_EARLY_SECONDS = 300.0
SHORT_LIFETIME_SECONDS = 600.0
UNKNOWN_LIFETIME_SECONDS = 60.0
"""Assumed if the response has no `expires_in`: short, so that a wrong guess costs a request instead of a 401."""
LONGEST_LIFETIME_SECONDS = 24 * 3600.0
"""The longest time that a token is used, even if the server allows more."""


@dataclass(frozen=True, slots=True, eq=False)
class Token:
    """A token, and the time (monotonic clock) after which it is no longer used. Tokens are compared by identity."""

    value: str = field(repr=False)
    renew_at_seconds: float


class TokenSource:
    """The token of a client, shared by its threads. Threads that need one at the same time make one request."""

    def __init__(
        self, endpoint: Endpoint, http: httpx.Client, retrier: Retrier, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._endpoint = endpoint
        self._contract = endpoint.contract.token
        self._http = http
        self._retrier = retrier
        self._clock = clock
        self._lock = Lock()
        self._token: Token | None = None

    def token(self, cancelled: Event) -> Token:
        """Return a token that is valid now.

        `cancelled` ends the request if this caller makes it. Other callers that wait for it then make their own.

        Raises:
            CredentialsError: INN8 refused the credentials.
            ApiError: The request failed otherwise.

        """
        with self._lock:
            if self._token is None or self._clock() >= self._token.renew_at_seconds:
                self._token = self._fetch(cancelled)
            return self._token

    def renewed(self, refused: Token, cancelled: Event) -> Token:
        """Return a token other than the refused one: one that another thread has fetched since, or a new one."""
        with self._lock:
            if self._token is refused or self._token is None:
                self._token = None
                self._token = self._fetch(cancelled)
            return self._token

    def _fetch(self, cancelled: Event) -> Token:
        call = ApiCall(RequestLabel("POST", self._contract.path), TOKEN_CIRCUIT, cancelled)
        return self._retrier.run(call, lambda: None, lambda _: self._request(call))

    def _request(self, call: ApiCall) -> Token:
        label = call.label
        # Count the lifetime from before the request, because the server starts it before we have the response.
        asked_at_seconds = self._clock()
        try:
            response, body = exchange(
                self._http, self.request(), label, EXPECTED, partial(self._retrier.take_request, call)
            )
        except RefusedRequestError as refusal:
            if refusal.status not in {400, 401, 403}:
                raise
            status = refusal.status
        else:
            return _read_token(response, body.text, asked_at_seconds)
        raise CredentialsError(label.method, label.path, status)

    def request(self) -> httpx.Request:
        """Return the request for a token, as the contract says."""
        url = self._endpoint.url(self._contract.path)
        return self._http.build_request("POST", url, data=self._form(), headers=self._basic())

    def _form(self) -> dict[str, str]:
        form = {"grant_type": "client_credentials", "scope": self._endpoint.scope}
        if self._contract.credentials == "basic":
            return form
        return form | {"client_id": self._endpoint.client_id, "client_secret": self._endpoint.client_secret}

    def _basic(self) -> dict[str, str]:
        """Return the header of HTTP Basic authentication (RFC 6749, section 2.3.1), if the contract uses it."""
        if self._contract.credentials != "basic":
            return {}
        pair = f"{quote_plus(self._endpoint.client_id)}:{quote_plus(self._endpoint.client_secret)}"
        return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}


def _read_token(response: httpx.Response, body: bytes, asked_at_seconds: float) -> Token:
    """Return the token of a response. If it has none, raise a ContractError that repeats no text of the response."""
    answer = _read_object(response, body)
    value = answer.get("access_token")
    # Visible ASCII (RFC 6749, appendix A.12): other characters are not allowed in a header.
    if not isinstance(value, str) or not re.fullmatch(r"[\x21-\x7e]{1,16384}", value):
        _refuse("has no usable access_token")
    token_type = "".join(str(answer.get("token_type") or "bearer").split()).lower()
    if token_type not in {"bearer", "bearertoken"}:
        _refuse("has a token_type other than Bearer")
    return Token(value, asked_at_seconds + _use_seconds(_lifetime_seconds(answer.get("expires_in"))))


def _read_object(response: httpx.Response, body: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if was_cut_off(response, error):
            reason = "cut its response short"
            raise TransientError(reason) from None
        found = None
    if not isinstance(found, dict):
        _refuse("is not a JSON object")
    return found


def _lifetime_seconds(expires_in: Any) -> float:  # noqa: ANN401 (whatever JSON holds)
    """Return how long the token lasts: a number, or a string with a number. A minute is assumed if it is absent."""
    if expires_in is None:
        return UNKNOWN_LIFETIME_SECONDS
    if isinstance(expires_in, str) and re.fullmatch(r"\s*[0-9]{1,18}(\.[0-9]{1,9})?\s*", expires_in):
        expires_in = float(expires_in)
    if isinstance(expires_in, bool) or not isinstance(expires_in, int | float) or not expires_in > 0:
        _refuse("has an expires_in that is no positive number of seconds")
    return LONGEST_LIFETIME_SECONDS if expires_in > LONGEST_LIFETIME_SECONDS else float(expires_in)


def _use_seconds(lifetime_seconds: float) -> float:
    """Return how long a token is used: until 5 minutes before it expires, or half of its lifetime if that is short."""
    if lifetime_seconds <= SHORT_LIFETIME_SECONDS:
        return lifetime_seconds / 2
    return lifetime_seconds - RENEWED_EARLY_SECONDS


def _refuse(finding: str) -> NoReturn:
    subject = "The response of the token endpoint"
    raise ContractError(subject, finding, "Check INN8_BASE_URL; then rerun.")
