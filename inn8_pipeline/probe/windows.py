"""Find out whether windows of days are honoured, by which parameters, and whether each end is included."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta

from inn8_pipeline.contract import WindowContract
from inn8_pipeline.entities import DAY_PROPERTY, Kind, Property, Window
from inn8_pipeline.probe.examination import CollectionView, Examination, changed_lines
from inn8_pipeline.probe.findings import Severity
from inn8_pipeline.probe.server import ProbedServer
from inn8_pipeline.transform.values import InvalidValueError, Pairs, read_date

USUAL_PARAMETERS = (
    ("fromDate", "toDate"),
    ("from", "to"),
    ("startDate", "endDate"),
    ("dateFrom", "dateTo"),
    ("since", "until"),
    ("tradeDateFrom", "tradeDateTo"),
    ("start", "end"),
)
WINDOW_KEYS = ("from_parameter", "to_parameter", "from_inclusive", "to_inclusive")
DAY = timedelta(days=1)


def examine_window(server: ProbedServer, examination: Examination, first: CollectionView) -> None:
    """Ask for one day of trade, then for wider windows until its records come.

    It is one from the middle of those that came; if the first page has a single day, one beside that.
    """
    window = examination.proposal.window
    if window is None:
        return
    days = sorted({day for day in days_of(examination, first.records) if day is not None})
    if len(days) <= examination.is_whole:
        examination.add("window", Severity.HANDLED, "not examined", "Too few days of trade came, or none was readable.")
        return
    chosen = (days[len(days) // 2],) if len(days) > 1 else tuple(days[0] + step * DAY for step in (-1, 1, -3))
    names = dict.fromkeys([(window.from_parameter, window.to_parameter), *USUAL_PARAMETERS])
    for from_parameter, to_parameter in names:
        asked = WindowContract(from_parameter, to_parameter)
        for day in chosen:
            alone = _ask(server, examination, asked, Window(day, day))
            if not alone.is_page or alone.ids == first.ids:
                break
            found = _ends(server, examination, asked, day, alone)
            if found is not None:
                _report(examination, window, found)
                examination.day = day
                return
            if alone.records:
                break
    meaning = "Each fetch of transactions brings in all days; what lies outside of the window is skipped."
    examination.add(
        "window", Severity.HANDLED, f"{window.from_parameter} and {window.to_parameter} are ignored", meaning
    )


def days_of(examination: Examination, records: Iterable[object]) -> list[date | None]:
    """Return the days of trade of the records, by the property that the proposal names."""
    entity = examination.proposal.as_sent(examination.entity)
    (source,) = [each for each in entity.properties if each.name == DAY_PROPERTY]
    return _dates(source, records)


def _dates(source: Property, records: Iterable[object]) -> list[date | None]:
    names = {name.lower() for name in source.names}
    values = [
        value for record in records if isinstance(record, Pairs) for name, value in record if name.lower() in names
    ]
    found: list[date | None] = []
    for value in values:
        try:
            found.append(read_date(value, source.name, source.notation))
        except InvalidValueError:
            found.append(None)
    return found


def _ask(server: ProbedServer, examination: Examination, asked: WindowContract, days: Window) -> CollectionView:
    parameters = {asked.from_parameter: days.from_date.isoformat(), asked.to_parameter: days.to_date.isoformat()}
    return examination.view(server.page(examination.proposal, parameters))


def _ends(
    server: ProbedServer, examination: Examination, asked: WindowContract, day: date, alone: CollectionView
) -> WindowContract | None:
    """Return which ends are included; None if the window is not honoured by the day of trade."""
    days = set(days_of(examination, alone.records))
    if days == {day}:
        return asked
    if days:
        _report_other_days(examination, asked, day, alone)
        return None
    for before, after in ((1, 0), (0, 1), (1, 1)):
        wider = _ask(server, examination, asked, Window(day - before * DAY, day + after * DAY))
        if day in days_of(examination, wider.records):
            return replace(asked, from_inclusive=not before, to_inclusive=not after)
    return None


def _report_other_days(examination: Examination, asked: WindowContract, day: date, alone: CollectionView) -> None:
    """Report a window that is honoured otherwise: by another date, or at one end alone."""
    names = f"{asked.from_parameter} and {asked.to_parameter}"
    entity = examination.proposal.as_sent(examination.entity)
    for source in entity.properties:
        if source.kind is Kind.DATE and source.name != DAY_PROPERTY and set(_dates(source, alone.records)) == {day}:
            meaning = (
                "A fetch of some days lacks transactions that were traded then and settled later: they look removed."
            )
            meaning += " No line settles it; name parameters that INN8 ignores, and all days come with each fetch."
            examination.add("window", Severity.LOSES, f"{names} go by {source.names[0]}", meaning)
            return
    days = [each for each in days_of(examination, alone.records) if each is not None]
    is_one_sided = bool(days) and (min(days) >= day or max(days) <= day)
    seen = f"{names} are honoured at one end alone" if is_one_sided else f"{names} change the result otherwise"
    meaning = "What lies outside of the window is skipped."
    examination.add("window", Severity.HANDLED if is_one_sided else Severity.LOSES, seen, meaning)


def _report(examination: Examination, before: WindowContract, found: WindowContract) -> None:
    lines = changed_lines("window", before, found, WINDOW_KEYS)
    examination.propose(window=found)
    ends = f"from {_end(is_inclusive=found.from_inclusive)}, to {_end(is_inclusive=found.to_inclusive)}"
    seen = f"{found.from_parameter} ({ends.replace(', to', f'), {found.to_parameter} (to')})"
    if not lines:
        examination.add("window", Severity.AS_CONTRACT, seen)
        return
    has_other_names = any("parameter" in line for line in lines)
    meaning = (
        "With the contract in force, each fetch brings in all days."
        if has_other_names
        else "Each fetch asks for one day more at each end, so nothing is missing; with the line it asks exactly."
    )
    examination.add("window", Severity.HANDLED, seen, meaning, *lines)


def _end(*, is_inclusive: bool) -> str:
    return "inclusive" if is_inclusive else "exclusive"
