"""Choices: texts that are one of a list, whatever their case. What is not listed becomes "unknown" and is counted.

Nothing here knows which properties are choices; the lists stand in `entities`.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence

import pyarrow as pa

from inn8_pipeline.entities import UNKNOWN, Collection
from inn8_pipeline.transform.columns import text_column

MAX_REPORTED_LENGTH = 64
"""Characters of an unknown value that is reported as it is; a longer one is no code."""

TOO_LONG = f"(longer than {MAX_REPORTED_LENGTH} characters)"
"""Under what longer ones are counted."""

_SEPARATORS = re.compile(r"[\s_-]+")


def by_case(text: str) -> str:
    """Two texts are one choice if they differ in case and in blanks around them alone."""
    return text.strip().lower()


def by_letters(text: str) -> str:
    """Two texts are one choice if they have the same letters: spaces, hyphens, underscores and case do not matter.

    So `Retirement Annuity`, `retirement-annuity` and `RetirementAnnuity` are one.
    """
    return _SEPARATORS.sub("", text).lower()


def listed(collection: Collection, name: str) -> tuple[str, ...]:
    """Return the choices of the collection's property."""
    return next(each.choices for each in collection.properties if each.name == name)


def choose(
    values: Sequence[str | None], choices: Sequence[str], fold: Callable[[str], str]
) -> tuple[pa.Array, Counter[str]]:
    """Return the column of choices, and how often each value came that is not listed (null is not counted)."""
    by_key = {fold(choice): choice for choice in choices}
    meaning = {value: UNKNOWN if value is None else by_key.get(fold(value), UNKNOWN) for value in set(values)}
    column = text_column([meaning[value] for value in values])
    if UNKNOWN not in meaning.values():
        return column, Counter()
    return column, Counter(
        value if len(value) <= MAX_REPORTED_LENGTH else TOO_LONG
        for value in values
        if value is not None and meaning[value] == UNKNOWN
    )
