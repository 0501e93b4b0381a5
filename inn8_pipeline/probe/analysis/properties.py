"""The properties of a sample of records: their names, JSON types, shares of null and shapes."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from inn8_pipeline.probe.analysis.shapes import number_shape, safe_name, shape
from inn8_pipeline.transform.values import Number, Pairs

SHOWN_SHAPES = 3
MAX_VALUES = 5000
"""How many values of a property are kept while a collection is examined."""


@dataclass(frozen=True, slots=True)
class PropertyShape:
    """What a property looks like, for the report. `null_percent` counts records that lack it, too."""

    name: str
    types: tuple[str, ...]
    null_percent: int
    shapes: tuple[str, ...] = ()


@dataclass(slots=True)
class Observed:
    """A property as INN8 spells it, with its values: these never leave the analysis."""

    name: str
    objects: int
    values: list[object] = field(default_factory=list, repr=False)

    @property
    def types(self) -> tuple[str, ...]:
        """The JSON types of its values, the most frequent one first."""
        return tuple(name for name, _ in Counter(map(json_type, self.values)).most_common())

    @property
    def texts(self) -> list[str]:
        """Its strings."""
        return [each for each in self.values if isinstance(each, str) and not isinstance(each, Number)]


def observe(records: Iterable[object]) -> dict[str, Observed]:
    """Return the properties of the objects among the records, by the name as sent."""
    objects = [each for each in records if isinstance(each, Pairs)]
    found: dict[str, Observed] = {}
    for record in objects:
        for name, value in record:
            observed = found.setdefault(name, Observed(name, len(objects)))
            if value is not None and len(observed.values) < MAX_VALUES:
                observed.values.append(value)
    return found


def shapes_of(observed: Iterable[Observed], prefix: str = "") -> list[PropertyShape]:
    """Return the shapes of the properties, and of those within objects."""
    found = []
    for each in observed:
        missing = max(each.objects - len(each.values), 0)
        percent = round(100 * missing / each.objects) if each.objects <= MAX_VALUES else 0
        found.append(PropertyShape(prefix + safe_name(each.name), each.types, percent, _common(each.values)))
        if "object" in each.types:
            found += shapes_of(observe(each.values).values(), f"{prefix}{safe_name(each.name)}.")
    return found


def json_type(value: object) -> str:
    """Return the JSON type of a value."""
    match value:
        case Number():
            return "number"
        case str():
            return "string"
        case bool():
            return "boolean"
        case Pairs():
            return "object"
        case None:
            return "null"
        case _:
            return "array"


def decimals_of(values: Sequence[object]) -> str:
    """Return the digits and places of decimals, and how they are written; empty if there are none."""
    texts = [each for each in values if isinstance(each, str) and re.search(r"[0-9]", each)]
    if not texts:
        return ""
    digits = max(len(re.sub(r"[eE].*|[^0-9]", "", each)) for each in texts)
    places = max(len(re.split(r"[eE]", each)[0].rpartition(".")[2]) if "." in each else 0 for each in texts)
    notes = [
        note
        for note, is_seen in (
            ("with exponents", any(re.search(r"[0-9][eE]", each) for each in texts)),
            ("quoted", any(not isinstance(each, Number) for each in texts)),
            ("with commas", any("," in each for each in texts)),
        )
        if is_seen
    ]
    return ", ".join([f"up to {digits} digits, {places} places", *notes])


def _common(values: Sequence[object]) -> tuple[str, ...]:
    shapes = Counter(
        number_shape(each) if isinstance(each, Number) else shape(each) for each in values if isinstance(each, str)
    )
    return tuple(each for each, _ in shapes.most_common(SHOWN_SHAPES))
