"""Lay out the charts of the report: bars by day as an SVG that any width can stretch, and horizontal bars.

The template draws them. Text is beside the SVG and not in it, so that it keeps its size on a telephone.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a bar: its colour class, and where it is, in percent of the height from the top."""

    kind: str
    top: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    """The bar of a day: its place from the left, its parts, and the text that pointing at it shows."""

    place: int
    label: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart of bars by day. `highest` is what the top of the chart stands for."""

    title: str
    highest: str
    bars: tuple[Bar, ...]
    days: int
    legend: tuple[tuple[str, str], ...]
    is_empty: bool


@dataclass(frozen=True, slots=True)
class Line:
    """A horizontal bar: its name, its length in percent, and its number as text."""

    name: str
    percent: float
    number: str


def by_day(  # noqa: PLR0913 (all by name)
    title: str,
    days: Sequence[date],
    values: Mapping[date, Mapping[str, float]],
    *,
    kinds: Mapping[str, str],
    unit: str = "",
    is_stacked: bool = True,
) -> Chart:
    """Return a chart of the values of each kind; `kinds` has the word for each, which is also its colour class."""
    heights = {day: (sum if is_stacked else max)(found.values()) for day, found in values.items() if found}
    highest = max(heights.values(), default=0.0)
    bars = tuple(
        Bar(
            place,
            _label(day, values[day], kinds, unit),
            tuple(_parts(values[day], kinds, highest, is_stacked=is_stacked)),
        )
        for place, day in enumerate(days)
        if day in values and highest
    )
    used = {kind for found in values.values() for kind, value in found.items() if value}
    legend = tuple((kind, word) for kind, word in kinds.items() if kind in used)
    return Chart(title, f"{number(highest)}{unit}", bars, len(days), legend, not highest)


def _parts(found: Mapping[str, float], kinds: Iterable[str], highest: float, *, is_stacked: bool) -> Iterable[Part]:
    bottom = 100.0
    for kind in kinds:
        height = found.get(kind, 0.0) / highest * 100
        if height:
            yield Part(kind, round(bottom - height, 2), round(height, 2))
        bottom -= height if is_stacked else 0.0


def _label(day: date, found: Mapping[str, float], kinds: Mapping[str, str], unit: str) -> str:
    listed = [f"{word} {number(found[kind])}{unit}" for kind, word in kinds.items() if found.get(kind)]
    return f"{day:%d %b}: {', '.join(listed) or 'none'}"


def lines(numbers: Iterable[tuple[str, float, str]]) -> list[Line]:
    """Return horizontal bars of names, their numbers and the numbers' text; the longest one has the whole width."""
    listed = list(numbers)
    most = max((value for _, value, _ in listed), default=0.0)
    return [Line(name, round(value / most * 100, 1) if most else 0.0, text) for name, value, text in listed]


def number(value: float) -> str:
    """Return a number for people: 1,234 or 0.8."""
    return f"{value:,.0f}" if value >= _WITHOUT_DECIMALS or value == int(value) else f"{value:.1f}"


def size(size_bytes: float) -> str:
    """Return a number of bytes for people: 1.5 MB."""
    for unit in ("B", "kB", "MB"):
        if size_bytes < _THOUSAND:
            return f"{number(size_bytes)} {unit}"
        size_bytes /= _THOUSAND
    return f"{number(size_bytes)} GB"


_WITHOUT_DECIMALS = 10
_THOUSAND = 1000
