"""Fetch one page: request it with a token, and check the response."""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, astuple, dataclass, replace
from functools import partial
from typing import NoReturn

import httpx

from inn8_pipeline.contract import TotalContract
from inn8_pipeline.contract.envelope import MISSING, Envelope, NoRecordsError, UnreadableValueError
from inn8_pipeline.entities import Entity
from inn8_pipeline.errors import ContractError, CredentialsError, RefusedRequestError
from inn8_pipeline.extract.auth import Token, TokenSource
from inn8_pipeline.extract.endpoint import Endpoint
from inn8_pipeline.extract.http.conditional import (
    HEADERS,
    Condition,
    PageFacts,
    ValidatedPage,
    identity_of,
    request_key,
    validator_of,
)
from inn8_pipeline.extract.http.encoding import escape_invalid_utf8
from inn8_pipeline.extract.http.responses import (
    Expected,
    ReceivedBody,
    RequestLabel,
    TransientError,
    exchange,
    is_never_known,
    was_cut_off,
)
from inn8_pipeline.extract.http.seen_responses import ReadResponse, Recognizer, SeenResponse
from inn8_pipeline.extract.paging.fetch import Fetch
from inn8_pipeline.extract.paging.links import ForeignLinkError, PageLinks, UnreadableLinkError
from inn8_pipeline.extract.paging.page import NotAPageError, Page, record_ids
from inn8_pipeline.extract.paging.paginator import FetchedPage, PageRequest, may_be_full
from inn8_pipeline.extract.paging.styles import PageResponse, links_of
from inn8_pipeline.extract.retry import ApiCall, Retrier
from inn8_pipeline.extract.timing import PageTiming

SUCCESS = frozenset({200, 203, 204})
EMPTY_PAGE = b"[]"
MARKUP_WAY_OUT = (
    "This is usually a maintenance or login page: open INN8_BASE_URL in a browser, and rerun when INN8 is back."
)


@dataclass(frozen=True, slots=True)
class PageQuery:
    """The request of one page. It may be conditional, or its response may be compared with that of the last fetch."""

    url: str
    condition: Condition | None = None
    recognizer: Recognizer | None = None


class PageReader:
    """Read pages of one collection. All threads of its fetches share it.

    `parameters` are the query parameters of every request.
    """

    def __init__(  # noqa: PLR0913 (the parts of a client)
        self,
        collection: Entity,
        parameters: Mapping[str, str],
        *,
        endpoint: Endpoint,
        http: httpx.Client,
        tokens: TokenSource,
        retrier: Retrier,
    ) -> None:
        self._collection = collection
        self._contract = endpoint.contract.of(collection)
        self._headers = endpoint.contract.headers
        self._page_size = endpoint.page_size_of(self._contract)
        self._parameters = parameters
        self._expected = Expected(SUCCESS, endpoint.max_body_bytes)
        self._expected_or_unchanged = Expected(SUCCESS | {httpx.codes.NOT_MODIFIED}, endpoint.max_body_bytes)
        self._identity = self._identity_of(endpoint)
        self._origin = httpx.URL(endpoint.base_url)
        self._http = http
        self._tokens = tokens
        self._retrier = retrier

    def read(self, fetch: Fetch, request: PageRequest) -> FetchedPage:
        """Return the page, after as many attempts as the retry policy allows.

        Raises:
            ApiError: No attempt was successful.

        """
        label = RequestLabel("GET", self._contract.path, request.number)
        with PageTiming(request.number, fetch.on_page_timing) as timing:
            call = ApiCall(label, self._collection.name, fetch.cancelled, fetch.count_retry, timing.tries)
            query = PageQuery(request.url, self._condition(fetch, request.url), self._recognizer(fetch, request.url))
            attempt = partial(self._attempt, call, query)
            fetched = self._retrier.run(call, partial(self._tokens.token, fetch.cancelled), attempt)
            timing.records, timing.bytes = fetched.page.records, fetched.bytes
            return fetched

    def _identity_of(self, endpoint: Endpoint) -> bytes:
        """Return a digest of what decides, beside the URL, what INN8 sends and how it is read."""
        contract = self._contract
        return identity_of(
            {
                "client": [endpoint.client_id, endpoint.scope],
                "headers": dict(self._headers),
                "read": [contract.records_pointer, astuple(contract.paging), astuple(contract.total)],
            }
        )

    def _condition(self, fetch: Fetch, url: str) -> Condition | None:
        """Return the condition of a request; None if the contract or the fetch makes no conditional requests.

        A fetch that is repeated asks for each page in full, because the pages of the one before were not consistent.
        """
        pages, kind = fetch.known_pages, self._contract.paging.conditional
        if pages is None or kind not in HEADERS:
            return None
        key = request_key(self._identity, url)
        known = pages.find(key)
        asks = known is not None and known.may_ask and fetch.number == 1
        return Condition(pages, kind, key, known, asks=asks)

    def _recognizer(self, fetch: Fetch, url: str) -> Recognizer | None:
        """Return what compares the response with that of the last fetch; None if nobody keeps it."""
        if fetch.seen_before is None:
            return None
        key = request_key(self._identity, url)
        return Recognizer(key, fetch.seen_before.get(key), ("Content-Encoding", "Link", self._contract.total.header))

    def _attempt(self, call: ApiCall, query: PageQuery, token: Token) -> FetchedPage:
        """Make one attempt. After a 401, renew the token and repeat the request once within the same attempt."""
        fetched = self._get(call, query, token)
        if fetched is None:
            renewed = self._tokens.renewed(token, call.cancelled)
            self._retrier.take_request(call)
            fetched = self._get(call, query, renewed)
        if fetched is None:
            raise CredentialsError(call.label.method, call.label.shown_path, httpx.codes.UNAUTHORIZED)
        return fetched

    def _get(self, call: ApiCall, query: PageQuery, token: Token) -> FetchedPage | None:
        """Return the page, or None if the token was refused."""
        condition, recognizer = query.condition, query.recognizer
        asked = condition.headers if condition else {}
        headers = {**self._headers, **asked, "Authorization": f"Bearer {token.value}"}
        request = self._http.build_request("GET", query.url, headers=headers)
        expected = self._expected_or_unchanged if asked else self._expected
        try:
            take_request = partial(self._retrier.take_request, call)
            response, body = exchange(
                self._http, request, call.label, expected, take_request, recognizer or is_never_known
            )
            call.tries.status = response.status_code
        except TransientError as error:
            call.tries.status = error.status
            raise
        except RefusedRequestError as refusal:
            call.tries.status = refusal.status
            if refusal.status != httpx.codes.UNAUTHORIZED:
                raise
            return None
        if response.status_code != httpx.codes.NOT_MODIFIED or condition is None:
            read = partial(self._read_page, response, body, query, call.label.page)
            if recognizer and recognizer.found:
                return _unread(call.label.page, recognizer.key, recognizer.found, read, len(body.packed.packed))
            return read()
        unchanged = self._unchanged(response, condition, call.label.page)
        if unchanged is None:
            take_request()
            return self._get(call, replace(query, condition=replace(condition, asks=False)), token)
        return unchanged

    def _unchanged(self, response: httpx.Response, condition: Condition, number: int) -> FetchedPage | None:
        """Return the page as it was landed; None if it is no longer stored, or if the 304 is about another version.

        The body has not changed, so what was read from it is still right. A total in a header may have changed.
        """
        body = condition.unchanged_body(response)
        if body is None or condition.known is None:
            return None
        records, ids = record_ids(body)
        facts, contract = condition.facts, self._contract.total
        total, pages = facts.total, facts.pages
        if not contract.pointer:
            announced, _ = total_of(response, Envelope(b""), contract)
            total, pages = (None, announced) if contract.unit == "pages" else (announced, None)
        known = condition.known
        validated = ValidatedPage(condition.key, known.validator, known.digest, asdict(facts), is_unchanged=True)
        links = PageLinks(facts.next_url, facts.last_url, facts.is_end_unsure)
        return FetchedPage(Page(number, body, records), ids, total, links, pages=pages, validated=validated)

    def _read_page(self, response: httpx.Response, body: ReceivedBody, query: PageQuery, number: int) -> FetchedPage:
        fetched = self._examine(response, body.text, query.url, number)
        if query.condition:
            return _validated(fetched, response, query.condition)
        return _noted(fetched, query.recognizer) if query.recognizer else fetched

    def _examine(self, response: httpx.Response, sent: bytes, url: str, number: int) -> FetchedPage:
        """Return the page with its ids, total and links.

        Raises:
            ContractError: The body is not a page, or a link leads to another origin.

        """
        envelope = Envelope(sent)
        array = self._records(response, envelope, number)
        try:
            body = escape_invalid_utf8(array)
            records, ids = record_ids(body)
        except NotAPageError as fault:
            _raise_if_cut_off(response, fault.error)
            self._refuse(number, str(fault), MARKUP_WAY_OUT if fault.is_markup else None)
        total, warnings = total_of(response, envelope, self._contract.total)
        if body is not array:
            warnings.append("has bytes that are not UTF-8; the records that have them are rejected")
        links = self._links(PageResponse(response.headers, envelope, url, self._origin, self._parameters), number)
        doubt = None
        if number == 1 and self._may_be_first_of_many(records, links, total):
            doubt = (
                f"has {records} records, which looks like a full page, and names no next page: if INN8 pages in "
                "another way, the records after it are missing (`paging` in docs/contract.md)"
            )
        counts_pages = self._contract.total.unit == "pages"
        return FetchedPage(
            Page(number, body, records),
            ids,
            None if counts_pages else total,
            links,
            tuple(warnings),
            pages=total if counts_pages else None,
            doubt=doubt,
        )

    def _records(self, response: httpx.Response, envelope: Envelope, number: int) -> bytes:
        """Return the array of records of a body."""
        if response.status_code == httpx.codes.NO_CONTENT:
            return EMPTY_PAGE
        try:
            return envelope.records(self._contract.records_pointer)
        except NoRecordsError as fault:
            _raise_if_cut_off(response, fault.error)
            finding = f"has nothing at {self._contract.records_pointer}, where the contract says that the records are"
            self._refuse(number, finding)

    def _may_be_first_of_many(self, records: int, links: PageLinks, total: int | None) -> bool:
        """Return True if there may be more pages, although the response does not link to them as the contract says."""
        paging = self._contract.paging
        if paging.style not in {"cursor", "next_url"} or paging.more or links.next_url or total is not None:
            return False
        return may_be_full(records, self._page_size)

    def _links(self, response: PageResponse, number: int) -> PageLinks:
        try:
            return links_of(response, self._contract.paging)
        except ForeignLinkError as fault:
            self._refuse(number, f"links to {fault.difference}, which must not get the token")
        except UnreadableLinkError as fault:
            self._refuse(number, f"has a {fault.where} that cannot be read, so nobody knows whether more pages follow")

    def _refuse(self, number: int, finding: str, way_out: str | None = None) -> NoReturn:
        subject = f"Page {number} of {self._collection.name}"
        error = ContractError(subject, finding, way_out) if way_out else ContractError(subject, finding)
        raise error from None


def _unread(number: int, key: bytes, seen: SeenResponse, read: Callable[[], FetchedPage], size: int) -> FetchedPage:
    """Return a page whose response is the same as in the last fetch. `read` reads it."""
    facts = PageFacts(**seen.facts)
    return FetchedPage(
        Page(number, b"", seen.records),
        [],
        facts.total,
        PageLinks(facts.next_url, facts.last_url, facts.is_end_unsure),
        pages=facts.pages,
        seen=(key, seen),
        unread=read,
        unread_bytes=size,
    )


def _noted(fetched: FetchedPage, recognizer: Recognizer) -> FetchedPage:
    """Return the page with its response for the next fetch, unless something is unusual about the page."""
    if fetched.warnings or fetched.doubt:
        return fetched
    facts = asdict(_facts(fetched))
    seen = ReadResponse(recognizer.digest, fetched.page.records, len(fetched.page.body), facts)
    return replace(fetched, seen=(recognizer.key, seen))


def _facts(fetched: FetchedPage) -> PageFacts:
    links = fetched.links
    return PageFacts(fetched.total, fetched.pages, links.next_url, links.last_url, links.is_end_unsure)


def _validated(fetched: FetchedPage, response: httpx.Response, condition: Condition) -> FetchedPage:
    """Return the page that came in full with its validator, unless something is unusual about the page."""
    validator = validator_of(response.headers, condition.kind)
    if validator is None or fetched.warnings or fetched.doubt:
        return fetched
    digest = hashlib.sha256(fetched.page.body).digest()
    return replace(
        fetched,
        validated=ValidatedPage(condition.key, validator, digest, asdict(_facts(fetched))),
        is_validator_wrong=condition.contradicts(validator, digest),
    )


def _raise_if_cut_off(response: httpx.Response, error: Exception | None) -> None:
    if was_cut_off(response, error):
        reason = "cut its response short"
        raise TransientError(reason) from None


def total_of(response: httpx.Response, envelope: Envelope, contract: TotalContract) -> tuple[int | None, list[str]]:
    """Return the announced total, or a warning if it cannot be read, or is not where the contract says."""
    if contract.unit == "none":
        return None, []
    if contract.pointer:
        value = _value_at(envelope, contract.pointer)
        if value is None:
            finding = f"has no {contract.name}, so records that INN8 leaves out are not noticed"
            return None, [f"{finding} (`total` in docs/contract.md)"]
    else:
        value = response.headers.get(contract.header)
    if value is None:
        return None, []
    if not re.fullmatch(r"[0-9]{1,15}", value.strip()):
        return None, [f"sends no number as its {contract.name}; it was ignored"]
    return int(value), []


def _value_at(envelope: Envelope, pointer: str) -> str | None:
    """Return the value at the pointer as text; None if there is none."""
    try:
        value = envelope.value(pointer)
    except UnreadableValueError:
        return ""
    return None if value is MISSING or value is None else str(value)
