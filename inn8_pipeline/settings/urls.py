"""Check the URLs among the settings. A function returns a valid URL, or raises a SettingsError without quoting it.

The rules are stricter than those of the libraries that use the URLs. The libraries disagree with each other: `urlsplit`
drops tabs and an empty query. A driver's own message about a URL that it cannot parse contains the password.
"""

import re
from ipaddress import AddressValueError, IPv6Address

from inn8_pipeline.errors import SettingsError
from inn8_pipeline.extract.hosts import is_loopback

_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HTTP = re.compile(
    rf"(?P<scheme>[A-Za-z]+)://(?P<host>{_LABEL}(?:\.{_LABEL})*\.?|\[(?P<ipv6>[0-9A-Fa-f:.]+)\])"
    r"(?::(?P<port>\d{1,5}))?(?P<path>/[^\s?#\\\"'<>^`{|}]*)?(?P<query>\?[^\s#]*)?",
    re.ASCII,
)
_SERVER = re.compile(r"(?:\[[^@\],]+\]|[^@:,]*)(?::(?P<port>\d+))?", re.ASCII)
_MAX_PORT = 65_535
_HTTP_RULE = (
    "must be an http(s) URL: https:// and a host in ASCII, then, if needed, :port and /path; without quotes, blanks, "
    "a user or a fragment"
)


def base_url(name: str, url: str, example: str, *, allow_http: bool) -> str:
    """Return the base URL of INN8 without a trailing slash.

    The URL must have no query. It must be https, except on a loopback address or with `allow_http`, because http sends
    the credentials in clear text.
    """
    match = _http(name, url, example)
    if match["query"]:
        raise SettingsError(name, "must have no query: paths are appended to it", example)
    if match["scheme"].lower() == "http" and not allow_http and not is_loopback(match["host"].strip("[]")):
        problem = (
            "is http on a host that is not this machine, which sends the credentials in clear text "
            "(INN8_ALLOW_HTTP=true permits it in a test network)"
        )
        raise SettingsError(name, problem, example)
    return url.rstrip("/")


def http_url(name: str, url: str, example: str) -> str:
    """Return the URL if it is a valid http or https URL."""
    _http(name, url, example)
    return url


def _http(name: str, url: str, example: str) -> re.Match[str]:
    match = _HTTP.fullmatch(url)
    if match is None or match["scheme"].lower() not in {"http", "https"} or not _is_port(match["port"]):
        raise SettingsError(name, _HTTP_RULE, example)
    try:
        IPv6Address(match["ipv6"] or "::1")
    except AddressValueError:
        raise SettingsError(name, _HTTP_RULE, example) from None
    return match


def well_formed(name: str, url: str, example: str, *, has_several_servers: bool = False) -> str:
    """Return the URL of a database if its login, host and port are unambiguous.

    With `has_several_servers`, the URL may name several servers, as libpq accepts them.
    """
    authority = re.split(r"[/?#]", url.partition("://")[2], maxsplit=1)[0]
    login, _, servers = authority.rpartition("@")
    matches = [_SERVER.fullmatch(each) for each in (servers.split(",") if has_several_servers else [servers])]
    if "@" in login or any(match is None or not _is_port(match["port"]) for match in matches):
        problem = "cannot be parsed: within its parts each of @ : / ? # % must be percent-encoded, %40 for @"
        raise SettingsError(name, problem, example)
    return url


def _is_port(text: str | None) -> bool:
    return text is None or 0 < int(text) <= _MAX_PORT
