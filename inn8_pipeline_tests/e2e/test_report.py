"""The report is readable in a real browser: on a screen and on a telephone, light and dark, without any request."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from inn8_pipeline.entities import ENTITIES
from inn8_pipeline.report import page
from inn8_pipeline.warehouse.queries.activity import Activity, Count, DayOfSyncs, PropertyWithoutColumn
from inn8_pipeline_tests.e2e.browser import PROGRAMS, Browser, chromium

NOW = datetime(2026, 11, 26, 14, 5, tzinfo=UTC)
SYNCS_OF_A_DAY = 96
OUTAGE = (11, 12)
"""Days before today on which INN8 was away for a while."""


def activity() -> Activity:
    """Return a month as an installation has it: quiet, with an outage, some rejects and a new property."""
    draw = Random(18)
    days = [_day(draw, name, ago) for name in map(str, ENTITIES) for ago in range(29, -1, -1)]
    buckets = [("same day", 310), ("1 day", 5210), ("2 days", 830), ("3 days", 140), ("4 to 7 days", 62), ("later", 9)]
    rejects = (("clients", "wrong_type", "30 d", 2), ("clients", "missing_field", "accepted", 4),
               ("transactions", "out_of_range", "1 d", 1),
               ("transactions", "unknown_parent", "older", 9))  # fmt: skip
    sizes = {"inn8.transactions": 412e6, "inn8_raw.pages": 288e6, "inn8_history.transactions": 41e6}
    return Activity(
        days=tuple(days),
        lags=tuple(Count("t", "transactions", "", name, number, at) for at, (name, number) in enumerate(buckets)),
        rejects=tuple(Count("t", *each) for each in rejects),
        drift=(PropertyWithoutColumn("t", "clients", "loyaltyTier", NOW - timedelta(days=9), is_accepted=False),),
        landings=tuple(
            Count("t", name, "landings", "2,904", 9_000_000 * 7**at) for at, name in enumerate(map(str, ENTITIES))
        ),
        sizes=tuple((name, int(size)) for name, size in sizes.items()),
    )


def _day(draw: Random, entity: str, ago: int) -> DayOfSyncs:
    size = {"clients": 1_000, "portfolios": 2_000, "transactions": 15_700}[entity]
    failed = draw.randint(20, 44) if ago in OUTAGE else 0
    partial = SYNCS_OF_A_DAY - failed if entity == "clients" and ago < 7 else draw.choice([0, 0, 0, 2])
    day = (NOW - timedelta(days=ago)).date()
    trades = 250 if day.weekday() < 5 else 6
    return DayOfSyncs(
        "t", entity, day,
        success=SYNCS_OF_A_DAY - failed - partial, partial=partial, no_data=0, failed=failed,
        records=size * draw.uniform(0.97, 1.03), inserted=trades if entity == "transactions" else draw.randint(0, 4),
        updated=draw.randint(0, trades // 4), rejected=2 * partial, missing=draw.choice([0, 0, 0, 3]),
        removed=draw.choice([0, 0, 0, 2]), median_seconds=draw.uniform(0.8, 2.4),
        longest_seconds=draw.uniform(3, 9) * (5 if ago in OUTAGE else 1),
    )  # fmt: skip


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    if None in PROGRAMS.values():
        pytest.skip("Chromium is not installed; `make e2e` installs it where it may")
    tmp_path.joinpath("report.html").write_text(page.render(activity(), ["t"], NOW, 30), encoding="utf-8")
    pictures = Path(os.environ.get("SCREENSHOTS", tmp_path)).resolve()
    with chromium(tmp_path.as_uri(), tmp_path / "profile", pictures) as opened:
        yield opened


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_report_is_readable_on_a_screen_and_a_telephone_light_and_dark(
    browser: Browser, width: int, scheme: str
) -> None:
    browser.emulate(width, scheme)
    browser.open("/report.html")
    browser.reads("INN8 syncs", "Syncs by status", "Open rejects", "Schema drift", "Storage", "loyaltyTier")
    assert browser.run("return document.documentElement.scrollWidth") <= width
    cards = "[...document.querySelectorAll('.card, .tile, figure')]"
    assert browser.run(f"return {cards}.every(e => e.scrollWidth <= e.clientWidth)")
    sizes = "[...document.querySelectorAll('main *')].map(e => parseFloat(getComputedStyle(e).fontSize))"
    assert browser.run(f"return Math.min(...{sizes})") >= 12
    assert browser.run(_CONTRAST) >= 4.5
    assert (browser.run("return getComputedStyle(document.body).backgroundColor") == "rgb(18, 22, 28)") is (
        scheme == "dark"
    )
    assert browser.run("return document.querySelectorAll('svg').length") == 18
    assert browser.run("return performance.getEntriesByType('resource').length") == 0
    assert browser.errors() == []
    end = browser.run("return document.documentElement.scrollHeight")
    if width == 1280 or scheme == "dark":
        browser.part_of_page(f"report-{width}-{scheme}", 0, width, 900)
    if scheme == "light" and width != 1280:
        browser.part_of_page(f"report-{width}-end", end - 1100, width, 1100)


# The smallest contrast of text with the card or page behind it (WCAG).
_CONTRAST = """
const luminance = text => { const c = text.match(/[\\d.]+/g).slice(0, 3).map(Number)
    .map(v => v / 255).map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
  return 0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2] }
const behind = e => { for (; e; e = e.parentElement) { const b = getComputedStyle(e).backgroundColor
  if (b != 'rgba(0, 0, 0, 0)') return b } }
const texts = [...document.querySelectorAll('main *')].filter(e => !e.closest('svg'))
  .filter(e => [...e.childNodes].some(n => n.nodeType == 3 && n.data.trim()))
return Math.min(...texts.map(e => { const [a, b] = [getComputedStyle(e).color, behind(e)].map(luminance)
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) }))
"""
