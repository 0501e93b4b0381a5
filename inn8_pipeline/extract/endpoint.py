"""The values that configure a client: URL, credentials, retries and timeouts. No I/O.

`settings` reads them from the environment. The classes check what must hold whatever the source is, above all that
credentials are not sent in clear text.
"""

import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from inn8_pipeline.contract import DEFAULT, CollectionContract, Contract
from inn8_pipeline.errors import SettingsError
from inn8_pipeline.extract.hosts import is_loopback

EXAMPLE_URL = "https://api.inn8.example/v1"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One tenant's access to one INN8.

    Attributes:
        base_url: The URL of the API, with or without a slash at its end. It must be https, except on the loopback
            interface or with `allow_http`.
        max_body_bytes: The largest decompressed page. A fetch needs about `pages_at_a_time + 1` times this memory.
        max_pages: The most pages of one fetch, in case the server's next links never end.
        is_total_exact: Whether X-Total-Count, if it is a number, must equal the number of records received. If False,
            a difference is only a warning.
        max_records: The most records of one fetch.
        page_size: Records to request per page; None for the page size of the contract.
        contract: The contract of this INN8.
        ca_file: A PEM file with certificates to trust besides the usual ones.

    Raises:
        SettingsError: `base_url` is not a usable URL, or would send the credentials in clear text.

    """

    tenant_id: str
    base_url: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str = "api.read api.write"
    allow_http: bool = False
    max_body_bytes: int = 64 * 1024 * 1024
    pages_at_a_time: int = 8
    page_size: int | None = None
    max_pages: int = 100_000
    max_records: int = 20_000_000
    is_total_exact: bool = True
    ca_file: str | None = None
    contract: Contract = DEFAULT

    def __post_init__(self) -> None:
        """Raise a SettingsError if the base URL is invalid, or would send the credentials in clear text."""
        if self.is_clear_text and not self.allow_http:
            raise SettingsError(
                "INN8_BASE_URL",
                "is http on another host than this one, where anyone on the way could read the credentials "
                "(INN8_ALLOW_HTTP=true permits it in a test network)",
                EXAMPLE_URL,
            )

    @property
    def is_clear_text(self) -> bool:
        """True if the requests can be read in transit: http to another machine."""
        parts = _split(self.base_url)
        return parts.scheme == "http" and not is_loopback(parts.hostname or "")

    def page_size_of(self, collection: CollectionContract) -> int:
        """Return the number of records to request per page of a collection."""
        return self.page_size or collection.paging.page_size

    def url(self, path: str) -> str:
        """Return the URL of a path of the API."""
        return self.base_url.rstrip("/") + path


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The waits before the retries of a transient failure. The contract asks for 3 retries.

    Each wait is lengthened by up to `jitter_seconds`. If a `Retry-After` is longer, all requests of the collection wait
    for it instead, but at most `max_retry_after_seconds`.

    A call fails at once if the circuit is open, unless `open_circuit_wait_seconds` lets it wait. A backfill waits,
    because otherwise each of its runs would fail.
    """

    waits_seconds: tuple[float, ...] = (2.0, 4.0, 8.0)
    jitter_seconds: float = 1.0
    max_retry_after_seconds: float = 300.0
    open_circuit_wait_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Time limits. `attempt_seconds` bounds a whole attempt including its body, however slowly the body arrives."""

    connect_seconds: float = 10.0
    read_seconds: float = 60.0
    attempt_seconds: float = 120.0


DEFAULT_RETRY = RetryPolicy()
DEFAULT_TIMEOUTS = Timeouts()


def _split(base_url: str) -> SplitResult:
    """Return the parts of a base URL, or raise a SettingsError that does not repeat it."""
    try:
        parts = urlsplit(base_url)
        has_port = parts.port is None or parts.port > 0
    except ValueError:
        raise SettingsError("INN8_BASE_URL", "is not a URL", EXAMPLE_URL) from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or not has_port:
        raise SettingsError("INN8_BASE_URL", "is not an http(s) URL with a host", EXAMPLE_URL)
    # urlsplit drops tabs, line breaks, an empty query and what follows an IPv6 address. httpx, which sends, does not.
    if re.search(r"[\s\x00-\x20\x7f]|\][^:/]", base_url):
        raise SettingsError("INN8_BASE_URL", "has characters that a URL must not have", EXAMPLE_URL)
    if parts.username is not None or "?" in base_url or "#" in base_url:
        raise SettingsError("INN8_BASE_URL", "has a user, a query or a fragment, which it must not have", EXAMPLE_URL)
    return parts
