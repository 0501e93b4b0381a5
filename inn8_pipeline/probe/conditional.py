"""Find out whether INN8 answers 304 for a page that has not changed, and only for such a page."""

from dataclasses import replace

from inn8_pipeline.extract.http.conditional import HEADERS
from inn8_pipeline.extract.raw import RawResponse
from inn8_pipeline.probe.examination import CollectionView, Examination, changed_lines
from inn8_pipeline.probe.findings import Severity
from inn8_pipeline.probe.server import ProbedServer

NOT_MODIFIED = 304
OTHERS = {"etag": '"of-no-page"', "last-modified": "Thu, 01 Jan 1970 00:00:10 GMT"}
"""A validator of each kind that no page has."""


def examine_conditional(server: ProbedServer, examination: Examination, first: CollectionView) -> None:
    """Propose the first validator with which conditional requests work; report why the others do not."""
    in_force = examination.proposal.paging.conditional
    found = []
    for kind, (name, _) in HEADERS.items():
        if name.lower() not in first.response.headers:
            continue
        fault = _fault(server, examination, kind, has_several=len(first.records) > 1)
        found.append(f"{name} is sent; {fault or '304 is answered'}")
        if fault is None:
            _propose(examination, in_force, kind, "; ".join(found))
            return
    seen = "; ".join(found) or "neither ETag nor Last-Modified is sent"
    if in_force == "no":
        examination.add("conditional requests", Severity.AS_CONTRACT, seen)
    else:
        _propose(examination, in_force, "no", seen)


def _fault(server: ProbedServer, examination: Examination, kind: str, *, has_several: bool) -> str | None:
    """Return why conditional requests with this validator cannot be relied on; None if they can."""
    page = server.page(examination.proposal)
    validator = page.validator(kind)
    if validator is None:
        return "it is too recent to be relied on" if kind == "last-modified" else "it cannot be sent back"
    if (status := _ask(server, examination, kind, validator).status) != NOT_MODIFIED:
        return f"a repetition brings {status}, not 304"
    if _ask(server, examination, kind, OTHERS[kind]).status == NOT_MODIFIED:
        return "304 is answered to any other one, too"
    if kind == "etag" and has_several and examination.page_size_is_honoured:
        smaller = _ask(server, examination, kind, validator, page_size=1)
        if smaller.status == NOT_MODIFIED:
            return "304 is answered for another page, too"
    return None


def _ask(
    server: ProbedServer, examination: Examination, kind: str, validator: str, *, page_size: int | None = None
) -> RawResponse:
    return server.page(examination.proposal, headers={HEADERS[kind][1]: validator}, page_size=page_size)


def _propose(examination: Examination, in_force: str, kind: str, seen: str) -> None:
    before = examination.proposal.paging
    examination.propose(paging=replace(before, conditional=kind))
    lines = changed_lines("paging", before, examination.proposal.paging, ("conditional",))
    if not lines:
        examination.add("conditional requests", Severity.AS_CONTRACT, seen)
    elif kind == "no":
        meaning = "A tick may take a page that has changed as unchanged."
        examination.add("conditional requests", Severity.LOSES, seen, meaning, *lines)
    elif in_force == "no":
        meaning = "With the contract in force each tick gets every page; with the line only those that have changed."
        examination.add("conditional requests", Severity.HANDLED, seen, meaning, *lines)
    else:
        meaning = "The validator of the contract in force is not sent or not right; this one is."
        examination.add("conditional requests", Severity.LOSES, seen, meaning, *lines)
