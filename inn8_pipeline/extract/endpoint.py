"""Whom we fetch from, and how patiently: the values that configure a client. Nothing here does I/O.

Settings are read elsewhere; these values check only what must hold wherever they come from, above all that credentials
do not travel in clear text.
"""

from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from inn8_pipeline.entities import PAGE_SIZE
from inn8_pipeline.errors import SettingsError

EXAMPLE_URL = "https://api.inn8.example/v1"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One tenant's access to one INN8: where, as whom, and how much at a time.

    `base_url` may end in a slash. It is https, or http on the loopback; on any other host http needs `allow_http`.
    Raises SettingsError where it is neither. `ca_file` adds certificates (PEM) to those that are trusted anyway.
    """

    tenant_id: str
    base_url: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str = "api.read api.write"
    allow_http: bool = False
    max_body_bytes: int = 64 * 1024 * 1024
    """Of one page, decompressed; so the memory of a fetch is about `pages_at_a_time + 1` times that at worst."""
    pages_at_a_time: int = 8
    page_size: int = PAGE_SIZE
    max_pages: int = 100_000
    """Of one fetch: an end for a server whose next links have none."""
    ca_file: str | None = None

    def __post_init__(self) -> None:
        """Refuse a base URL that is none, or that would show the credentials to whoever listens."""
        if self.is_clear_text and not self.allow_http:
            raise SettingsError(
                "INN8_BASE_URL",
                "is http on another host than this one, where anyone on the way could read the credentials "
                "(INN8_ALLOW_HTTP=true permits it in a test network)",
                EXAMPLE_URL,
            )

    @property
    def is_clear_text(self) -> bool:
        """Whether anyone on the way can read what is said: http, on another host than this one."""
        parts = _split(self.base_url)
        return parts.scheme == "http" and not is_loopback(parts.hostname or "")

    def url(self, path: str) -> str:
        """The address of a path of the API."""
        return self.base_url.rstrip("/") + path


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and after which waits a transient failure is tried again: the contract's 3 retries.

    To each wait up to `jitter_seconds` are added. A `Retry-After` that is longer is waited out instead, but never more
    than `max_retry_after_seconds`: after that the request is made all the same.
    """

    waits_seconds: tuple[float, ...] = (2.0, 4.0, 8.0)
    jitter_seconds: float = 1.0
    max_retry_after_seconds: float = 300.0


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long each step may take. `attempt_seconds` bounds a whole attempt, body included, however it drips."""

    connect_seconds: float = 10.0
    read_seconds: float = 60.0
    attempt_seconds: float = 120.0


DEFAULT_RETRY = RetryPolicy()
DEFAULT_TIMEOUTS = Timeouts()


def is_loopback(host: str) -> bool:
    """Whether the host is this machine: 127.0.0.0/8, ::1 or localhost."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _split(base_url: str) -> SplitResult:
    """The parts of a base URL; a SettingsError, which does not repeat the URL, if it is none."""
    try:
        parts = urlsplit(base_url)
        has_port = parts.port is None or parts.port > 0
    except ValueError:
        raise SettingsError("INN8_BASE_URL", "is not a URL", EXAMPLE_URL) from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or not has_port:
        raise SettingsError("INN8_BASE_URL", "is not an http(s) URL with a host", EXAMPLE_URL)
    if parts.username is not None or parts.query or parts.fragment:
        raise SettingsError("INN8_BASE_URL", "has a user, a query or a fragment, which it must not have", EXAMPLE_URL)
    return parts
