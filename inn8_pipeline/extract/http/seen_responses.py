"""Recognize the responses that are the same as in the last fetch, so that they need not be read again.

A response is the same if all bytes that are read of it are: its body as it was sent, and the headers that say how it is
compressed, which page is next and how many records there are. Unlike a 304 (see `conditional`), this does not rely on
INN8: each page is requested in full.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx

from inn8_pipeline.extract.http.bodies import PackedBody


class SeenResponse(Protocol):
    """A response of this fetch or the last one: its digest, and what was read of it."""

    @property
    def digest(self) -> bytes: ...  # noqa: D102

    @property
    def records(self) -> int: ...  # noqa: D102

    @property
    def bytes(self) -> int:
        """The size of the records."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """The values of its `PageFacts`, by name."""


@dataclass(frozen=True, slots=True)
class ReadResponse:
    """A response that was read."""

    digest: bytes
    records: int
    bytes: int
    facts: Mapping[str, Any] = field(repr=False)


SeenResponses = Mapping[bytes, SeenResponse]
"""The responses of a complete fetch in order, by the key of their request."""


class Recognizer:
    """Compare one response with the one that came to the same request in the last fetch.

    Attributes:
        key: The key of the request.
        digest: The digest of the response that was compared.
        found: The response in the last fetch, if the one that was compared is the same.

    """

    def __init__(self, key: bytes, seen: SeenResponse | None, headers: Sequence[str]) -> None:
        self.key = key
        self.digest = b""
        self.found: SeenResponse | None = None
        self._seen = seen
        self._headers = headers

    def __call__(self, response: httpx.Response, body: PackedBody) -> bool:
        """Return True if the response is the same as in the last fetch."""
        read = hashlib.sha256(response.status_code.to_bytes(2))
        for name in self._headers:
            for value in response.headers.get_list(name):
                read.update(f"{name}: {value}\n".encode())
        read.update(b"\n")
        read.update(body.packed)
        self.digest = read.digest()
        self.found = self._seen if self._seen and self._seen.digest == self.digest else None
        return self.found is not None
