"""Read the `Link` header (RFC 8288): where the next and the last page are. A link never leaves the origin."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import urldefrag, urljoin

import httpx

_PAGE = re.compile(rb"(?:(?<=\Apage=)|(?<=&page=))[0-9]{1,9}(?=&|\Z)")
# Possessive throughout (*+): a hostile header of 100 kB is read in one pass.
_TARGET = re.compile(r"[\s,]*+<([^>]*+)>")
_PARAMETER = re.compile(r"""\s*+;\s*+([^\s=;,"<>]*+)\s*+(?:=\s*+(?:"((?:[^"\\]|\\.)*+)"|([^\s;,"]*+)))?+""", re.DOTALL)
_NEXT_TARGET = re.compile(r",\s*+(?=<)")


class ForeignLinkError(Exception):
    """A page link leads to another origin, or is not an address; `host` is safe to show, and may be empty."""

    def __init__(self, host: str) -> None:
        super().__init__(host)
        self.host = host


@dataclass(frozen=True, slots=True)
class PageLinks:
    """Where a response says that the next and the last page are: absolute addresses within its own origin."""

    next_url: str | None = None
    last_url: str | None = None


def page_links(headers: Iterable[str], url: str, origin: httpx.URL) -> PageLinks:
    """Return the links of the `Link` headers of the response to `url`; the first of each relation counts.

    Raises:
        ForeignLinkError: A link would carry the token to another origin than that of the URL `origin`.

    """
    found: dict[str, str] = {}
    for header in headers:
        for target, relations in parse_links(header):
            for relation in relations & {"next", "last"}:
                found.setdefault(relation, target)
    absolute = {relation: _resolve(target, url, origin) for relation, target in found.items()}
    return PageLinks(absolute.get("next"), absolute.get("last"))


def parse_links(header: str) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield each link of a header: its target as written, and its relations in lower case. Skip what is malformed."""
    position = 0
    while target := _TARGET.match(header, position):
        position = target.end()
        parameters: dict[str, str] = {}
        while (parameter := _PARAMETER.match(header, position)) and parameter.end() > position:
            position = parameter.end()
            name, quoted, bare = parameter.groups()
            value = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else bare
            parameters.setdefault(name.lower(), (value or "").strip("'"))
        # A link with an anchor speaks of another resource than the one that was asked for.
        if "anchor" not in parameters:
            yield target[1].strip(), frozenset(parameters.get("rel", "").lower().split())
        following = _NEXT_TARGET.search(header, position)
        position = following.start() if following else len(header)


def pages_between(links: PageLinks) -> tuple[int, int, httpx.URL] | None:
    """Return the numbers of the next and the last page and the address they belong in, if nothing else differs."""
    if links.next_url is None or links.last_url is None:
        return None
    following, last = httpx.URL(links.next_url), httpx.URL(links.last_url)
    first_number, last_number = _page_number(following), _page_number(last)
    if first_number is None or last_number is None or last_number < first_number:
        return None
    if page_url(following, last_number) != str(last):
        return None
    return first_number, last_number, following


def page_url(template: httpx.URL, number: int) -> str:
    """Return the address of one page: the template as the server wrote it, with this page number."""
    return str(template.copy_with(query=_PAGE.sub(b"%d" % number, template.query)))


def same_origin(url: httpx.URL, other: httpx.URL) -> bool:
    """Return whether scheme, host and port are the same and the URL names no user, which would replace the token."""
    return not url.userinfo and (url.scheme, url.host, _port(url)) == (other.scheme, other.host, _port(other))


def shown_host(url: httpx.URL) -> str:
    """Return the host of an address that a server sent, if it is safe to show: a plain name of bounded length."""
    return url.host if re.fullmatch(r"[A-Za-z0-9.:-]{1,253}", url.host) else "a host with a strange name"


def _resolve(target: str, url: str, origin: httpx.URL) -> str:
    try:
        absolute = httpx.URL(urldefrag(urljoin(url, target)).url)
    except (httpx.InvalidURL, ValueError):
        raise ForeignLinkError("") from None
    if not same_origin(absolute, origin):
        raise ForeignLinkError(shown_host(absolute))
    return str(absolute)


def _page_number(url: httpx.URL) -> int | None:
    numbers = _PAGE.findall(url.query)
    return int(numbers[0]) if len(numbers) == 1 else None


def _port(url: httpx.URL) -> int | None:
    return url.port or {"http": 80, "https": 443}.get(url.scheme)
