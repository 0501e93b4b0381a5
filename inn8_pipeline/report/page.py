"""Write the report as one HTML file that needs nothing else, neither a network nor a script."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2

from inn8_pipeline.entities import ENTITIES
from inn8_pipeline.report import charts
from inn8_pipeline.report.charts import Chart, Line
from inn8_pipeline.warehouse.queries.activity import Activity, DayOfSyncs, read

if TYPE_CHECKING:
    from sqlalchemy import Connection

FILE = "inn8_report.html"
"""The name of the file that the maintenance writes."""
AGES = ("1 d", "7 d", "30 d", "older", "accepted")
"""The ages of open rejects, as the queries name them: up to 1 day, and so on."""
_STATUSES = {"success": "Success", "partial": "PartialSuccess", "no_data": "NoData", "failed": "Failed"}


@dataclass(frozen=True, slots=True)
class Section:
    """The part of the page about one entity of a tenant."""

    title: str
    summary: str
    charts: tuple[Chart, ...]
    lags: tuple[Line, ...]


def page_of(connection: "Connection", tenant_ids: Sequence[str], now: datetime, days: int) -> str:
    """Read what syncs did in the last `days` days, today included, and return the page about it."""
    return render(read(connection, tenant_ids, _last_days(now, days)[0]), tenant_ids, now, days)


def _last_days(now: datetime, days: int) -> Sequence[date]:
    return [now.date() - timedelta(days=days - 1 - place) for place in range(days)]


def render(activity: Activity, tenant_ids: Sequence[str], now: datetime, days: int) -> str:
    """Return the page about the last `days` days, today included."""
    shown = _last_days(now, days)
    has_several = len(tenant_ids) > 1
    ages = [age for age in AGES if any(each.of == age for each in activity.rejects)]
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    template = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return template.get_template("page.html.jinja").render(
        tenant_ids=tenant_ids,
        now=now,
        days=shown,
        tiles=list(_tiles(activity)),
        sections=list(_sections(activity, tenant_ids, shown)),
        ages=ages,
        rejects=list(_rejects(activity, ages, has_several=has_several)),
        drift=[(_name(each.tenant_id, each.entity, has_several=has_several), each) for each in activity.drift],
        sizes=charts.lines((name, size, charts.size(size)) for name, size in activity.sizes),
        landings=charts.lines(
            (
                f"{_name(each.tenant_id, each.entity, has_several=has_several)}, {each.of}",
                each.number,
                charts.size(each.number),
            )
            for each in activity.landings
        ),
    )


def _tiles(activity: Activity) -> Iterator[tuple[str, str, str]]:
    """Yield the numbers at the top: what it is, the number, and its colour class."""
    syncs = sum(each.syncs for each in activity.days)
    failed = sum(each.failed for each in activity.days)
    rejects = sum(each.number for each in activity.rejects if each.of != "accepted")
    drift = sum(not each.is_accepted for each in activity.drift)
    yield "syncs", charts.number(syncs), ""
    yield "failed", charts.number(failed), "failed" if failed else "success"
    yield "rows new", charts.number(sum(each.inserted for each in activity.days)), ""
    yield "rows changed", charts.number(sum(each.updated for each in activity.days)), ""
    yield "rows removed", charts.number(sum(each.removed for each in activity.days)), ""
    yield "open rejects", charts.number(rejects), "partial" if rejects else "success"
    yield "schema drift", charts.number(drift), "partial" if drift else "success"
    yield "storage", charts.size(sum(size for _, size in activity.sizes)), ""


def _sections(activity: Activity, tenant_ids: Sequence[str], days: Sequence[date]) -> Iterator[Section]:
    for tenant_id in tenant_ids:
        for entity in ENTITIES:
            is_wanted = (tenant_id, entity.name)
            found = {each.day: each for each in activity.days if (each.tenant_id, each.entity) == is_wanted}
            lags = [each for each in activity.lags if (each.tenant_id, each.entity) == is_wanted]
            yield Section(
                _name(tenant_id, entity.name, has_several=len(tenant_ids) > 1),
                _summary(list(found.values())),
                tuple(_charts(found, days)),
                tuple(charts.lines((each.of, each.number, charts.number(each.number)) for each in lags)),
            )


def _charts(found: dict[date, DayOfSyncs], days: Sequence[date]) -> Iterator[Chart]:
    def values(*names: str) -> dict[date, dict[str, float]]:
        return {day: {name: float(getattr(each, name)) for name in names} for day, each in found.items()}

    yield charts.by_day("Syncs by status", days, values(*_STATUSES), kinds=_STATUSES)
    yield charts.by_day("Records of a sync, on average", days, values("records"), kinds={"records": "records"})
    changes = {"inserted": "new", "updated": "changed"}
    yield charts.by_day("Rows new and changed", days, values(*changes), kinds=changes)
    seconds = {"longest_seconds": "longest", "median_seconds": "median"}
    yield charts.by_day("Duration of a sync", days, values(*seconds), kinds=seconds, unit=" s", is_stacked=False)
    removals = {"missing": "missing", "removed": "removed"}
    yield charts.by_day("Rows missing and removed", days, values(*removals), kinds=removals)
    yield charts.by_day("Records rejected", days, values("rejected"), kinds={"rejected": "rejected"})


def _summary(found: list[DayOfSyncs]) -> str:
    syncs = sum(each.syncs for each in found)
    if not syncs:
        return "No sync has ended in these days."
    good = sum(each.success + each.no_data for each in found)
    text = f"{charts.number(syncs)} syncs, {100 * good / syncs:.0f} % of them without anything to look at"
    failed = sum(each.failed for each in found)
    return f"{text}; {charts.number(failed)} failed." if failed else f"{text}."


def _name(tenant_id: str, entity: str, *, has_several: bool) -> str:
    return f"{tenant_id}: {entity}" if has_several else entity


def _rejects(activity: Activity, ages: Sequence[str], *, has_several: bool) -> Iterator[tuple[str, str, list[str]]]:
    """Yield each entity and reason with its numbers of open rejects by age."""
    rows: dict[tuple[str, str, str], dict[str, int]] = {}
    for each in activity.rejects:
        rows.setdefault((each.tenant_id, each.entity, each.name), {})[each.of] = each.number
    for (tenant_id, entity, reason), counts in rows.items():
        numbers = [charts.number(counts[age]) if age in counts else "" for age in ages]
        yield _name(tenant_id, entity, has_several=has_several), reason, numbers
