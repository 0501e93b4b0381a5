"""Choices: texts that are one of a list. A value that is not listed becomes "unknown" and is counted."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import assert_never

import pyarrow as pa

from inn8_pipeline.entities import UNKNOWN, Folding
from inn8_pipeline.transform.columns import text_column

MAX_REPORTED_LENGTH = 64
"""Characters of an unknown value that is reported as it is; a longer one is no code."""

TOO_LONG = f"(longer than {MAX_REPORTED_LENGTH} characters)"
"""The name under which longer values are counted."""

_SEPARATORS = re.compile(r"[\s_-]+")


def by_case(text: str) -> str:
    """Return the text without what `Folding.CASE` ignores: case, and blanks around it."""
    return text.strip().lower()


def by_letters(text: str) -> str:
    """Return the text without what `Folding.LETTERS` ignores: case, spaces, hyphens and underscores.

    `Retirement Annuity`, `retirement-annuity` and `RetirementAnnuity` are one choice.
    """
    return _SEPARATORS.sub("", text).lower()


def choose(values: Sequence[str | None], choices: Sequence[str], folding: Folding) -> tuple[pa.Array, Counter[str]]:
    """Return the column of choices, and how often each unlisted value came. Null is not counted."""
    fold = _fold(folding)
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


def _fold(folding: Folding) -> Callable[[str], str]:
    match folding:
        case Folding.CASE:
            return by_case
        case Folding.LETTERS:
            return by_letters
        case _:
            assert_never(folding)
