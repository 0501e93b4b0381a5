"""Read the URLs of the next and the last page from the `Link` header (RFC 8288).

A link must not lead to another origin. If it drops or changes the page size or the window, they are set again. A header
that cannot be read is an error: if it were taken for "no next page", all pages but the first would be missing.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote_plus, urldefrag, urljoin

import httpx

_PAGE = re.compile(r"(?:(?<=\Apage=)|(?<=&page=))[0-9]{1,9}(?=&|\Z)")
# All quantifiers are possessive (*+), so that a hostile header of 100 kB is read in one pass.
_TARGET = re.compile(r"[\s,]*+<([^>]*+)>")
_PARAMETER = re.compile(
    r"""\s*+;\s*+([^\s=;,"<>]*+)\s*+(?:=\s*+(?:"((?:[^"\\]|\\.)*+)"|'([^']*+)'|([^\s;,"]*+)))?+""", re.DOTALL
)
_END = re.compile(r"\s*+(?:,|\Z)")
_NOTHING = re.compile(r"[\s,]*+\Z")
_RELATIONS_OF_PAGES = frozenset({"first", "prev", "previous", "next", "last"})
_CUT_OFF_RELATIONS = frozenset({"", "n", "ne", "nex"})
"""What is left of `rel=next` if the header was cut off within it."""
_SAFE_HOST = re.compile(r"[A-Za-z0-9.:-]{1,253}")
_SAFE_PATH = re.compile(r"[a-z0-9/._-]{1,80}", re.IGNORECASE)


class UnreadableLinkError(Exception):
    """A `Link` header does not follow RFC 8288, or the value at a pointer names no page. `where` has the pointer."""

    def __init__(self, where: str = "Link header") -> None:
        super().__init__(where)
        self.where = where


class ForeignLinkError(Exception):
    """A page link leads to another origin, or is not a URL. `difference` says how; it is safe to show."""

    def __init__(self, difference: str = "what is not an address") -> None:
        super().__init__(difference)
        self.difference = difference


@dataclass(frozen=True, slots=True)
class PageLinks:
    """The URLs of the next and the last page that a response names: absolute, and within its own origin.

    With `is_end_unsure` the response names no next page, and does not say that there is none.
    """

    next_url: str | None = None
    last_url: str | None = None
    is_end_unsure: bool = False


def page_links(headers: Iterable[str], url: str, origin: httpx.URL, parameters: Mapping[str, str]) -> PageLinks:
    """Return the links of the `Link` headers of the response to `url`: the first one of each relation.

    Args:
        headers: The values of the headers.
        url: The URL that was requested; links may be relative to it.
        origin: A URL of the only origin that links may lead to.
        parameters: The query parameters that every request must have.

    Raises:
        ForeignLinkError: A link would carry the token to another origin.
        UnreadableLinkError: A header cannot be read.

    """
    found: dict[str, str] = {}
    for header in headers:
        for target, relations in parse_links(header):
            for relation in relations & _RELATIONS_OF_PAGES:
                found.setdefault(relation, target)
    absolute = {
        relation: following_url(found[relation], url, origin, parameters)
        for relation in ("next", "last")
        if relation in found
    }
    return PageLinks(absolute.get("next"), absolute.get("last"), is_end_unsure=not found)


def following_url(target: str, url: str, origin: httpx.URL, parameters: Mapping[str, str]) -> str:
    """Return the URL of the next page that the response to `url` names, with our query parameters.

    Raises:
        ForeignLinkError: It would carry the token to another origin.

    """
    return with_parameters(_resolve(target, url, origin), parameters)


def parse_links(header: str) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield each link of a header: its target as written, and its relations in lower case.

    Raises:
        UnreadableLinkError: The header is malformed, a link has no relation, or the header seems to be cut off.

    """
    position = 0
    while target := _TARGET.match(header, position):
        position = target.end()
        parameters: dict[str, str] = {}
        while (parameter := _PARAMETER.match(header, position)) and parameter.end() > position:
            position = parameter.end()
            name, quoted, *others = parameter.groups()
            value = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else others[0] or others[1] or ""
            parameters.setdefault(name.lower(), value)
        relations = frozenset(parameters.get("rel", "").lower().split())
        end = _END.match(header, position)
        if end is None or relations <= _CUT_OFF_RELATIONS:
            raise UnreadableLinkError
        position = end.end()
        # A link with an anchor belongs to another resource than the requested one.
        if "anchor" not in parameters:
            yield target[1].strip(), relations
    if not _NOTHING.match(header, position):
        raise UnreadableLinkError


def with_parameters(url: httpx.URL, parameters: Mapping[str, str]) -> str:
    """Return the URL with these query parameters, added if they are absent and replaced if they have another value.

    Names are compared without regard to case, as ASP.NET does, and keep the server's spelling. The rest of the query
    does not change.
    """
    missing = {name.lower(): (name, value) for name, value in parameters.items()}
    ours = dict(missing)
    parts: list[bytes] = []
    for part in url.query.split(b"&") if url.query else []:
        name, _, value = part.partition(b"=")
        key = unquote_plus(name.decode("ascii")).lower()
        if key not in ours:
            parts.append(part)
        elif key in missing:
            _, wanted = missing.pop(key)
            parts.append(part if unquote_plus(value.decode("ascii")) == wanted else name + b"=" + _quoted(wanted))
    parts += [_quoted(name) + b"=" + _quoted(value) for name, value in missing.values()]
    query = b"&".join(parts)
    return str(url if query == url.query else url.copy_with(query=query))


def pages_between(links: PageLinks) -> tuple[int, int, str] | None:
    """Return the numbers of the next and the last page and a template of their URLs, if nothing else differs."""
    if links.next_url is None or links.last_url is None:
        return None
    first_number, last_number = _page_number(links.next_url), _page_number(links.last_url)
    if first_number is None or last_number is None or last_number < first_number:
        return None
    if page_url(links.next_url, last_number) != links.last_url:
        return None
    return first_number, last_number, links.next_url


def page_url(template: str, number: int) -> str:
    """Return the URL of one page: the template as the server wrote it, with this page number."""
    path, _, query = template.partition("?")
    return f"{path}?{_PAGE.sub(str(number), query)}"


def origin_difference(url: httpx.URL, origin: httpx.URL) -> str:
    """Return how the URL differs from the origin, safe to show; empty if it is within the origin."""
    if url.host != origin.host:
        return f"the host {url.host}" if _SAFE_HOST.fullmatch(url.host) else "a host with a strange name"
    if url.scheme != origin.scheme:
        return f"the scheme {url.scheme} instead of {origin.scheme}"
    if _port(url) != _port(origin):
        return f"port {_port(url)} instead of {_port(origin)}"
    # A user in the URL would replace the token in the header.
    return "the same origin, with a user name" if url.userinfo else ""


def shown_path(url: httpx.URL) -> str:
    """Return the path of a URL that a server sent, for a message, if it is safe to show."""
    return f"the path {url.path}" if _SAFE_PATH.fullmatch(url.path) else "another path"


def _resolve(target: str, url: str, origin: httpx.URL) -> httpx.URL:
    try:
        absolute = httpx.URL(urldefrag(urljoin(url, target)).url)
    except (httpx.InvalidURL, ValueError):
        raise ForeignLinkError from None
    difference = origin_difference(absolute, origin)
    if difference:
        raise ForeignLinkError(difference)
    return absolute


def _quoted(text: str) -> bytes:
    return quote(text, safe="").encode("ascii")


def _page_number(url: str) -> int | None:
    numbers = _PAGE.findall(url.partition("?")[2])
    return int(numbers[0]) if len(numbers) == 1 else None


def _port(url: httpx.URL) -> int | None:
    return url.port or {"http": 80, "https": 443}.get(url.scheme)
