"""Conditional requests: ask for a page only if it has changed since it was landed.

INN8 then answers 304 without a body, and the page is taken as it was landed. Where a 304 was wrong, records would be
missed without a trace. So it is never asked for the first and the last page of a fetch, nor for a page that came in
full more than a day ago, nor in a fetch that is repeated; and each page that comes in full with the validator that it
had before must have the same records.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import httpx

from inn8_pipeline.extract.http.responses import http_date

HEADERS = {"etag": ("ETag", "If-None-Match"), "last-modified": ("Last-Modified", "If-Modified-Since")}
"""The headers of a response and of a request, for each value of `paging.conditional` that asks conditionally."""
READER_VERSION = 1
"""Raise it if pages are read otherwise, so that what was read by an earlier release is not used again."""
MIN_AGE_SECONDS = 60
"""How old a Last-Modified must be. It has whole seconds, so a page may change twice within the same one (RFC 9110)."""
_SAFE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,298}[\x21-\x7e])?")


@dataclass(frozen=True, slots=True)
class PageFacts:
    """What is read from a response beside its records, and is needed again if the page has not changed."""

    total: int | None = None
    pages: int | None = None
    next_url: str | None = field(default=None, repr=False)
    last_url: str | None = field(default=None, repr=False)
    is_end_unsure: bool = False


@dataclass(frozen=True, slots=True)
class ValidatedPage:
    """A page of this fetch with its validator, for the next one.

    `is_unchanged`: INN8 answered 304. `is_end`: the next fetch asks for it in full.
    """

    key: bytes
    validator: str = field(repr=False)
    digest: bytes
    facts: Mapping[str, Any] = field(repr=False)
    is_unchanged: bool = False
    is_end: bool = True


class KnownPage(Protocol):
    """A page of an earlier fetch."""

    @property
    def validator(self) -> str: ...  # noqa: D102

    @property
    def digest(self) -> bytes: ...  # noqa: D102

    @property
    def facts(self) -> Mapping[str, Any]:
        """The values of its `PageFacts`, by name."""

    @property
    def may_ask(self) -> bool:
        """True if it may be requested conditionally."""


class KnownPages(Protocol):
    """The pages of the last fetch that had validators. Safe to use from several threads."""

    def find(self, key: bytes) -> KnownPage | None:
        """Return the page that was requested in this way."""

    def body(self, digest: bytes) -> bytes | None:
        """Return a page as it was landed; None if it is no longer stored."""

    def distrust(self) -> None:
        """Note that INN8's validators are wrong, so that none is used for a while."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One request that may be conditional.

    Attributes:
        pages: The pages of the fetch before.
        kind: `etag` or `last-modified`.
        key: A digest of what the request asks for, and of how its response is read.
        known: The page that came before; None if there is none.
        asks: Whether the request is conditional; only if the page is known.

    """

    pages: KnownPages
    kind: str
    key: bytes
    known: KnownPage | None
    asks: bool = False

    @property
    def headers(self) -> dict[str, str]:
        """The headers that make the request conditional."""
        return {HEADERS[self.kind][1]: self.known.validator} if self.asks and self.known else {}

    @property
    def facts(self) -> PageFacts:
        """What was read from the page that is known."""
        return PageFacts(**self.known.facts) if self.known else PageFacts()

    def unchanged_body(self, response: httpx.Response) -> bytes | None:
        """Return the page as it was landed; None if a 304 is about another version, or if it is no longer stored."""
        if self.known is None:
            return None
        validator = response.headers.get(HEADERS[self.kind][0], self.known.validator)
        return self.pages.body(self.known.digest) if _weak(validator) == _weak(self.known.validator) else None

    def contradicts(self, validator: str, digest: bytes) -> bool:
        """Return True if the page has other records than before, but the same validator."""
        known = self.known
        return known is not None and _weak(known.validator) == _weak(validator) and known.digest != digest


def validator_of(headers: httpx.Headers, kind: str) -> str | None:
    """Return the validator of a page; None if its response has none that can be relied on."""
    validator = str(headers.get(HEADERS[kind][0], "")).strip()
    if not _SAFE.fullmatch(validator):
        return None
    if kind == "etag":
        return validator
    modified, sent = http_date(validator), http_date(headers.get("Date", ""))
    if modified is None or sent is None or (sent - modified).total_seconds() < MIN_AGE_SECONDS:
        return None
    return validator


def with_ends(pages: Sequence[tuple[int, ValidatedPage | None]]) -> list[ValidatedPage]:
    """Return the pages that have a validator, and which of them are the first or the last one of the fetch.

    The last one is that with the last records; an empty page may follow it.

    Args:
        pages: All pages of the fetch in order: the number of records, and the page if it has a validator.

    """
    last = max((number for number, (records, _) in enumerate(pages) if records), default=0)
    return [
        replace(page, is_end=number == 0 or number >= last)
        for number, (_, page) in enumerate(pages)
        if page is not None
    ]


def identity_of(parts: Mapping[str, object]) -> bytes:
    """Return a digest of what all requests of a fetch have in common; it reveals none of the parts."""
    return hashlib.sha256(json.dumps([READER_VERSION, parts], sort_keys=True).encode()).digest()


def request_key(identity: bytes, url: str) -> bytes:
    """Return the key of one request."""
    return hashlib.sha256(identity + url.encode()).digest()


def _weak(validator: str) -> str:
    """Return an ETag without the mark of a weak one: proxies add it when they compress."""
    return validator.strip().removeprefix("W/")
