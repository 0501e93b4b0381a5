"""Find the announced total of a collection, and what it counts."""

import re

from inn8_pipeline.contract import TotalContract
from inn8_pipeline.probe.analysis.envelope import total_pointers
from inn8_pipeline.probe.examination import CollectionView, Examination, changed_lines
from inn8_pipeline.probe.findings import Severity
from inn8_pipeline.probe.server import ProbedServer

_HEADER = re.compile(r"total|count", re.IGNORECASE)
_OTHER_HEADER = re.compile(r"rate.?limit|content-length", re.IGNORECASE)
TOTAL_KEYS = ("unit", "header", "pointer")


def examine_total(server: ProbedServer, examination: Examination, first: CollectionView, small: CollectionView) -> None:
    """Compare the totals of a large and of a small page: that of pages changes, that of records does not."""
    before = examination.proposal.total
    candidates = _candidates(before, first)
    units = [(each, _unit(server, examination, each, first, small)) for each in candidates]
    for wanted in ("records", "pages"):
        for candidate, unit in units:
            if unit == wanted:
                _propose(examination, before, candidate, unit, first)
                return
    if not candidates:
        examination.add("total", Severity.AS_CONTRACT, "no total is announced")
        return
    found = TotalContract(unit="none", header=before.header, pointer=before.pointer)
    is_in_force = read_total(first, before) is not None
    severity = Severity.LOSES if is_in_force and before.unit != "none" else Severity.AS_CONTRACT
    meaning = "A sync with the contract in force ends in an error, because the total is not what came."
    lines = changed_lines("total", before, found, ("unit",)) if is_in_force else []
    examination.propose(total=found if is_in_force else None)
    examination.add("total", severity, "a total that counts neither records nor pages", meaning, *lines)


def read_total(view: CollectionView, contract: TotalContract) -> int | None:
    """Return the total of a response; None if there is none, or it is no number."""
    if contract.pointer:
        found = {name.lower(): value for name, value in total_pointers(view.body and view.body.value).items()}
        return found.get(contract.pointer.lower())
    text = view.response.headers.get(contract.header.lower(), "").strip()
    return int(text) if re.fullmatch(r"[0-9]{1,15}", text) else None


def announced_totals(view: CollectionView) -> list[int]:
    """Return every number of the response that may be a total."""
    return [total for each in _candidates(TotalContract(), view) if (total := read_total(view, each)) is not None]


def announces(view: CollectionView, *, in_force: TotalContract, count: int) -> bool:
    """Return whether a total of the response is so many records."""
    return any(read_total(view, each) == count for each in _candidates(in_force, view))


def _candidates(before: TotalContract, first: CollectionView) -> list[TotalContract]:
    headers = [name for name in first.response.headers if _HEADER.search(name) and not _OTHER_HEADER.search(name)]
    found = [TotalContract(header=before.header, pointer=before.pointer)]
    found += [TotalContract(header=_spelled(before, name)) for name in headers]
    found += [TotalContract(header=before.header, pointer=each) for each in total_pointers(_value(first))]
    return [each for each in dict.fromkeys(found) if read_total(first, each) is not None]


def _spelled(before: TotalContract, header: str) -> str:
    return before.header if header == before.header.lower() else header.title()


def _value(view: CollectionView) -> object:
    return view.body.value if view.body else None


def _unit(
    server: ProbedServer,
    examination: Examination,
    candidate: TotalContract,
    first: CollectionView,
    small: CollectionView,
) -> str | None:
    total, total_of_small = read_total(first, candidate), read_total(small, candidate)
    count, count_of_small = len(first.records), len(small.records)
    if total is None or total_of_small is None or not count:
        return None
    if count != count_of_small:
        if total == total_of_small:
            return "records" if total >= count else None
        is_of_pages = (total - 1) * count < total_of_small * count_of_small
        return "pages" if is_of_pages and (total_of_small - 1) * count_of_small < total * count else None
    if total == count:
        return "records"
    return _unit_of_numbered(server, examination, total, count)


def _unit_of_numbered(server: ProbedServer, examination: Examination, total: int, count: int) -> str | None:
    """Look behind the last page that a number of pages would announce: it is empty if the total counts pages."""
    paging = examination.proposal.paging
    if paging.style == "page":
        parameters = {paging.sent_parameter: str(total + paging.first_page)}
    elif paging.style == "offset":
        parameters = {paging.sent_parameter: str(total * count)}
    else:
        return "records" if total > count else "pages"
    behind = examination.view(server.page(examination.proposal, parameters))
    last = dict(parameters)
    last[paging.sent_parameter] = str(int(parameters[paging.sent_parameter]) - (1 if paging.style == "page" else count))
    has_last = bool(examination.view(server.page(examination.proposal, last)).records)
    if has_last and not behind.records:
        return "pages"
    return "records" if total > count else None


def _propose(
    examination: Examination, before: TotalContract, found: TotalContract, unit: str, first: CollectionView
) -> None:
    chosen = TotalContract(unit, found.header, found.pointer)
    total = read_total(first, chosen)
    lines = changed_lines("total", before, chosen, TOTAL_KEYS)
    examination.total = total if unit == "records" else None
    examination.propose(total=chosen)
    seen = f"{total:,} {unit}, at {chosen.pointer or chosen.header}"
    is_read = read_total(first, before) is not None and before.unit != "none"
    if not lines:
        examination.add("total", Severity.AS_CONTRACT, seen)
    elif is_read and before.unit != unit:
        meaning = "A sync with the contract in force ends in an error, because it compares the total with the records."
        examination.add("total", Severity.LOSES, seen, meaning, *lines)
    else:
        meaning = "The contract in force does not read it, so it cannot show that records are missing."
        examination.add("total", Severity.HANDLED, seen, meaning, *lines)


def distrust(examination: Examination) -> None:
    """Replace the finding about the total with a proposal to ignore the total."""
    before = examination.proposal.total
    found = TotalContract("none", before.header, before.pointer)
    examination.findings[:] = [each for each in examination.findings if each.topic != "total"]
    examination.propose(total=found)
    examination.total = None
    meaning = (
        "A sync with the contract in force ends in an error, because it compares the total with the records. The total "
        "is never that of the records, so it cannot show that records are missing: ask INN8's support what it counts."
    )
    lines = changed_lines("total", examination.in_force.total, found, TOTAL_KEYS)
    examination.add(
        "total", Severity.LOSES, f"{before.name} is another number than that of the records", meaning, *lines
    )
