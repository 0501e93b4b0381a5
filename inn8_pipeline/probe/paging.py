"""Find out how a collection is paged: page size, style, totals; whether two fetches agree."""

from collections.abc import Iterator
from dataclasses import replace

from inn8_pipeline.contract import PagingContract
from inn8_pipeline.extract.paging.links import ForeignLinkError, UnreadableLinkError
from inn8_pipeline.probe.analysis.envelope import is_address, next_pointers
from inn8_pipeline.probe.examination import CollectionView, Examination, changed_lines
from inn8_pipeline.probe.findings import Severity
from inn8_pipeline.probe.server import ProbedServer
from inn8_pipeline.probe.totals import announced_totals, announces

USUAL_SIZE_PARAMETERS = ("limit", "per_page", "page_size", "size", "take")
USUAL_PAGE_PARAMETERS = ("page", "pageNumber", "pageIndex", "p")
USUAL_OFFSET_PARAMETERS = ("offset", "skip", "start")
USUAL_CURSOR_PARAMETERS = ("cursor", "after", "pageToken", "continuationToken", "next", "next_cursor", "at")
SMALL_PAGE = 3
PAGING_KEYS = ("style", "page_size_parameter", "parameter", "first_page", "next")


def examine_paging(server: ProbedServer, examination: Examination, first: CollectionView) -> CollectionView:
    """Find the style of paging; return a response with a small page, which shows its links."""
    _compare_two_fetches(server, examination, first)
    if len(first.ids) <= 1:
        examination.add("paging", Severity.HANDLED, f"{len(first.ids)} records", "Too few to see how INN8 pages.")
        return first
    small = _examine_page_size(server, examination, first)
    before = examination.proposal.paging
    found = next(_styles(server, examination, small), None)
    if found is None:
        _report_no_style(examination, first)
        return small
    examination.propose(paging=found)
    lines = changed_lines("paging", before, found, PAGING_KEYS)
    if lines:
        meaning = "A sync with the contract in force brings in the first page alone, or ends in an error."
        examination.add("paging", Severity.LOSES, f"pages by {_described(found)}", meaning, *lines)
    else:
        examination.add("paging", Severity.AS_CONTRACT, f"pages by {_described(found)}")
    return small


def _compare_two_fetches(server: ProbedServer, examination: Examination, first: CollectionView) -> None:
    again = examination.view(server.page(examination.proposal))
    if again.ids == first.ids:
        examination.add("order", Severity.AS_CONTRACT, "two requests brought the same records in the same order")
    elif set(again.ids) == set(first.ids):
        meaning = "A record can come twice or be missed where it changes pages; totals and ids are checked, and a fetch"
        meaning += " that does not add up is repeated."
        examination.add("order", Severity.HANDLED, "two requests brought the same records in another order", meaning)
    else:
        meaning = "The collection changes at this moment, or INN8 has no fixed order: probe again when it is quiet."
        examination.add("order", Severity.HANDLED, "two requests brought different records", meaning)


def _examine_page_size(server: ProbedServer, examination: Examination, first: CollectionView) -> CollectionView:
    """Return a small page, if a parameter of the page size is honoured; else the first page."""
    wanted = min(SMALL_PAGE, len(first.ids) - 1)
    paging = examination.proposal.paging
    usual = () if examination.is_like_single else USUAL_SIZE_PARAMETERS
    for name in dict.fromkeys([paging.page_size_parameter or "pageSize", *usual]):
        small = examination.view(server.page(examination.proposal, {name: str(wanted)}))
        if len(small.records) == wanted:
            examination.page_size_is_honoured = True
            changed = replace(paging, page_size_parameter=name)
            lines = changed_lines("paging", paging, changed, PAGING_KEYS)
            examination.propose(paging=changed)
            severity = Severity.HANDLED if lines else Severity.AS_CONTRACT
            meaning = "With the contract in force INN8 chooses the page size." if lines else ""
            largest = f", up to {len(first.records):,} records" if _is_capped(first, paging, name) else ""
            examination.add("page size", severity, f"{name} is honoured{largest}", meaning, *lines)
            return small
    seen = f"no page size is honoured: {len(first.records):,} records came"
    examination.add("page size", Severity.HANDLED, seen, "INN8 chooses the page size.")
    return first


def _is_capped(first: CollectionView, paging: PagingContract, name: str) -> bool:
    """Return True if the first page has fewer records than were asked for, and its total announces more."""
    count = len(first.records)
    is_asked = name == paging.page_size_parameter and count < paging.page_size
    return is_asked and any(total > count for total in announced_totals(first))


def _styles(server: ProbedServer, examination: Examination, page: CollectionView) -> Iterator[PagingContract]:
    """Yield the styles that bring in other records than this page, that of the contract first."""
    paging = examination.proposal.paging
    if paging.style in {"page", "offset"}:
        yield from _numbered(server, examination, page, [paging.sent_parameter])
    yield from _linked(server, examination, page)
    yield from _in_body(server, examination, page)
    names = dict.fromkeys([*USUAL_PAGE_PARAMETERS, *USUAL_OFFSET_PARAMETERS])
    if examination.is_like_single:
        names = dict.fromkeys([USUAL_PAGE_PARAMETERS[0], USUAL_OFFSET_PARAMETERS[0]])
    yield from _numbered(server, examination, page, [name for name in names if name != paging.page_size_parameter])


def _linked(server: ProbedServer, examination: Examination, page: CollectionView) -> Iterator[PagingContract]:
    found = replace(examination.proposal.paging, style="link", parameter="", first_page=1, next="")
    if _follows(server, examination, page, found):
        yield found


def _in_body(server: ProbedServer, examination: Examination, page: CollectionView) -> Iterator[PagingContract]:
    paging = examination.proposal.paging
    pointers = next_pointers(page.body.value) if page.body else {}
    for pointer, text in pointers.items():
        if is_address(text):
            found = replace(paging, style="next_url", parameter="", first_page=1, next=_or_default(pointer, "/next"))
            if _follows(server, examination, page, found):
                yield found
            continue
        own = paging.sent_parameter if paging.style == "cursor" else ""
        for name in dict.fromkeys(filter(None, [own, pointer.rpartition("/")[2], *USUAL_CURSOR_PARAMETERS])):
            following = examination.view(server.page(examination.proposal, {name: text}, page_size=len(page.records)))
            if _is_further(page, following):
                parameter = _or_default(name, "cursor")
                next_pointer = _or_default(pointer, "/next")
                yield replace(paging, style="cursor", parameter=parameter, first_page=1, next=next_pointer)
                break


def _numbered(
    server: ProbedServer, examination: Examination, page: CollectionView, names: list[str]
) -> Iterator[PagingContract]:
    paging = examination.proposal.paging
    size = len(page.records)
    for name in names:
        one = examination.view(server.page(examination.proposal, {name: "1"}, page_size=size))
        if one.ids and one.ids[0] == page.ids[1]:
            yield replace(paging, style="offset", parameter=_or_default(name, "offset"), first_page=1, next="")
        elif _is_further(page, one):
            yield replace(paging, style="page", parameter=_or_default(name, "page"), first_page=0, next="")
        elif one.ids == page.ids and name not in USUAL_OFFSET_PARAMETERS:
            two = examination.view(server.page(examination.proposal, {name: "2"}, page_size=size))
            is_after_the_last = two.is_page and not two.records
            if _is_further(page, two) or is_after_the_last:
                yield replace(paging, style="page", parameter=_or_default(name, "page"), first_page=1, next="")


def _follows(server: ProbedServer, examination: Examination, page: CollectionView, paging: PagingContract) -> bool:
    try:
        response = server.raw.follow(page.response, paging)
    except (ForeignLinkError, UnreadableLinkError):
        meaning = "The link leads to another origin or cannot be read: it is not followed, and a sync ends in an error."
        examination.add("paging", Severity.LOSES, f"a {_described(paging)} that is refused", meaning)
        return False
    return response is not None and _is_further(page, examination.view(response))


def _is_further(page: CollectionView, other: CollectionView) -> bool:
    return bool(other.ids) and not set(other.ids) & set(page.ids)


def _report_no_style(examination: Examination, first: CollectionView) -> None:
    in_force = examination.proposal.paging
    count = len(first.records)
    seen = f"a single page of {count:,} records"
    if in_force.style == "single":
        examination.add("paging", Severity.AS_CONTRACT, seen)
        return
    if count % 10 == 0 and not announces(first, in_force=examination.proposal.total, count=count):
        meaning = "The number is round, so there may be more pages that INN8 serves in a way that was not found."
        examination.add("paging", Severity.LOSES, f"no next page of {count:,} records was found", meaning)
        return
    found = replace(in_force, style="single", parameter="", first_page=1, next="")
    lines = changed_lines("paging", in_force, found, PAGING_KEYS)
    examination.propose(paging=found)
    meaning = "The whole collection comes in one response."
    severity = Severity.HANDLED if in_force.style == "link" else Severity.LOSES
    examination.add("paging", severity, seen, meaning, *lines)


def _or_default(name: str, default: str) -> str:
    """Return the value, or an empty text if it is the default of the paging style."""
    return "" if name == default else name


def _described(paging: PagingContract) -> str:
    match paging.style:
        case "link":
            return "Link header"
        case "page":
            return f"page number ({paging.sent_parameter}, from {paging.first_page})"
        case "offset":
            return f"offset ({paging.sent_parameter})"
        case "cursor":
            return f"cursor at {paging.next_pointer} ({paging.sent_parameter})"
        case "next_url":
            return f"URL at {paging.next_pointer}"
        case _:
            return "single page"
