"""The client of one tenant's INN8: connections, token, retries and paging behind one object."""

import ssl
from collections.abc import Callable, Iterator
from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib.metadata import PackageNotFoundError, version
from threading import Event
from types import TracebackType
from typing import Self
from weakref import WeakSet

import httpx

from inn8_pipeline.contract import CollectionContract
from inn8_pipeline.entities import Entity, Window
from inn8_pipeline.errors import ContractError, SettingsError
from inn8_pipeline.extract.auth import TokenSource
from inn8_pipeline.extract.breaker import CircuitStore
from inn8_pipeline.extract.budget import BudgetStore, RequestBudget, Unlimited
from inn8_pipeline.extract.endpoint import DEFAULT_RETRY, DEFAULT_TIMEOUTS, Endpoint, RetryPolicy, Timeouts
from inn8_pipeline.extract.http.conditional import HEADERS, KnownPages
from inn8_pipeline.extract.http.deadlines import DeadlineTransport
from inn8_pipeline.extract.paging.fetch import Fetch
from inn8_pipeline.extract.paging.paginator import PagingOptions
from inn8_pipeline.extract.paging.reader import PageReader
from inn8_pipeline.extract.raw import RawReader
from inn8_pipeline.extract.retry import Notice, Retrier

MAX_FETCHES = 3
"""How often a collection is fetched if it changes while it is paged."""


class Inn8Client:
    """Fetch collections of one tenant. As a context manager it closes its connections and ends its threads.

    Args:
        endpoint: The URL of INN8, and the credentials.
        circuits: The state of the tenant's circuit breakers.
        retry: How often a transient failure is retried.
        timeouts: How long each step of an attempt may take.
        on_notice: Called before each retry, and with warnings about INN8's responses; by one thread at a time.
        budget: The tenant's request budget; none by default.
        leaves_reserve: Whether the last requests of the budget are left to others, as a backfill does.
        transport: Replaces the network, for tests.

    Raises:
        SettingsError: The endpoint's `ca_file` cannot be read.

    """

    def __init__(  # noqa: PLR0913 (all but two are optional, and by name)
        self,
        endpoint: Endpoint,
        circuits: CircuitStore,
        *,
        retry: RetryPolicy = DEFAULT_RETRY,
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
        on_notice: Callable[[Notice], None] = lambda _: None,
        budget: BudgetStore | None = None,
        leaves_reserve: bool = False,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._budget = RequestBudget(budget or Unlimited(), leaves_reserve=leaves_reserve, announce=self._announce)
        self._retrier = Retrier(circuits, retry, timeouts, on_notice, self._budget)
        self._http = _http_client(endpoint, timeouts, transport, self._budget.heed)
        self._tokens = TokenSource(endpoint, self._http, self._retrier)
        self.raw = RawReader(endpoint, self._http, self._tokens, self._retrier)
        """Single requests whose whole response is returned, for `inn8 probe`."""
        self._fetches: WeakSet[Fetch] = WeakSet()

    def __enter__(self) -> Self:
        """Return the client. The first fetch opens a connection."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the client."""
        self.close()

    def close(self) -> None:
        """Cancel the requests in progress and close the connections. Closing the client again does nothing."""
        for each in list(self._fetches):
            each.close()
        self._http.close()

    @property
    def waited_seconds(self) -> float:
        """The time in which requests were held back by the request budget or by INN8's own rate limit."""
        return self._budget.waited_seconds

    def _announce(self, line: str) -> None:
        self._retrier.announce(line)

    def asks_conditionally(self, collection: Entity) -> bool:
        """Return whether the contract permits conditional requests of the collection."""
        return self._endpoint.contract.of(collection).paging.conditional in HEADERS

    def check_credentials(self) -> None:
        """Request a token without using or changing the circuit breaker.

        A test with a wrong URL or secret must not stop syncs that use the right ones.

        Raises:
            ApiError: No token was received.

        """
        TokenSource(self._endpoint, self._http, self._retrier.uncounted()).token(Event())

    def fetch(self, collection: Entity, window: Window | None = None) -> Fetch:
        """Return one fetch of the collection. After reading its pages, check `is_complete`."""
        return self._fetch(collection, window, 1, "")

    def fetches(
        self, collection: Entity, window: Window | None = None, known_pages: KnownPages | None = None
    ) -> Iterator[Fetch]:
        """Yield fetches of the collection until one is complete and consistent, at most three.

            for fetch in client.fetches(TRANSACTIONS, window):
                landing = begin()
                for page in fetch:
                    landing.add(page)
                landing.complete() if fetch.is_complete else landing.discard()

        Iterate over each fetch to its end before you request the next one. The last fetch that is yielded is complete.
        With `known_pages`, the first one may ask only for pages that have changed, if the contract says so.

        Raises:
            ContractError: None of the three fetches was consistent.

        """
        duplicates = finding = ""
        for number in range(1, MAX_FETCHES + 1):
            fetch = self._fetch(collection, window, number, duplicates, known_pages)
            try:
                yield fetch
            finally:
                fetch.close()
            if fetch.finding is None:
                return
            duplicates, finding = fetch.duplicates, fetch.finding
        subject = f"The collection {collection.name}"
        finding = f"was not consistent over its pages, in each of {MAX_FETCHES} fetches; in the last one, {finding}"
        way_out = (
            "Rerun when INN8 is less busy; if it stays so, INN8 pages otherwise than the contract says (`paging` and "
            "`total` in docs/contract.md), or its paging has a fault: report it with this message."
        )
        raise ContractError(subject, finding, way_out)

    def _fetch(
        self,
        collection: Entity,
        window: Window | None,
        number: int,
        known_duplicates: str,
        known_pages: KnownPages | None = None,
    ) -> Fetch:
        contract = self._endpoint.contract.of(collection)
        parameters = self._parameters(contract, window)
        options = PagingOptions(
            name=collection.name,
            url=str(httpx.URL(self._endpoint.url(contract.path), params=parameters)),
            pages_at_a_time=self._endpoint.pages_at_a_time,
            max_pages=self._endpoint.max_pages,
            max_records=self._endpoint.max_records,
            is_total_exact=self._endpoint.is_total_exact,
            paging=contract.paging,
            page_size=self._endpoint.page_size_of(contract),
            total_name=contract.total.name,
        )
        reader = PageReader(
            collection,
            parameters,
            endpoint=self._endpoint,
            http=self._http,
            tokens=self._tokens,
            retrier=self._retrier,
        )
        fetch = Fetch(
            options,
            reader.read,
            self._retrier.announce,
            number=number,
            known_duplicates=known_duplicates,
            known_pages=known_pages,
        )
        self._fetches.add(fetch)
        return fetch

    def _parameters(self, contract: CollectionContract, window: Window | None) -> dict[str, str]:
        parameters = dict(self._endpoint.contract.parameters)
        if contract.paging.page_size_parameter:
            parameters[contract.paging.page_size_parameter] = str(self._endpoint.page_size_of(contract))
        if window is not None and contract.window is not None:
            asked = contract.window.days(window)
            parameters[contract.window.from_parameter] = asked.from_date.isoformat()
            parameters[contract.window.to_parameter] = asked.to_date.isoformat()
        return parameters


def _http_client(
    endpoint: Endpoint,
    timeouts: Timeouts,
    transport: httpx.BaseTransport | None,
    on_response: Callable[[httpx.Response], None],
) -> httpx.Client:
    """Return a pool of connections: no redirects, no cookies, no proxy or credentials from the environment."""
    # One connection for each page that is being fetched, and one to renew the token meanwhile.
    connections = endpoint.pages_at_a_time + 1
    read = timeouts.read_seconds
    return httpx.Client(
        transport=transport or DeadlineTransport(_tls(endpoint), connections),
        timeout=httpx.Timeout(connect=timeouts.connect_seconds, read=read, write=read, pool=read),
        headers={"User-Agent": f"inn8-pipeline/{_version()}", "Accept": "application/json", "Accept-Encoding": "gzip"},
        event_hooks={"response": [on_response]},
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        follow_redirects=False,
        trust_env=False,
    )


def _tls(endpoint: Endpoint) -> ssl.SSLContext | None:
    """Return the TLS settings; None for http, which needs none: links to https are refused as another origin."""
    if endpoint.base_url.lower().startswith("http:"):
        return None
    tls = httpx.create_ssl_context(trust_env=False)
    if endpoint.ca_file is not None:
        try:
            tls.load_verify_locations(cafile=endpoint.ca_file)
        except OSError:
            raise SettingsError("INN8_CA_FILE", "names no readable PEM file", "/etc/ssl/inn8-ca.pem") from None
    return tls


def _version() -> str:
    try:
        return version("inn8-pipeline")
    except PackageNotFoundError:
        return "unknown"
