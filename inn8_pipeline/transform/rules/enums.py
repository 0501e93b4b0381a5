"""Make columns of choices. A value that is not listed becomes `unknown` and is reported."""

from collections.abc import Sequence

import pyarrow as pa

from inn8_pipeline.entities import UNKNOWN, Property
from inn8_pipeline.transform.columns import text_column
from inn8_pipeline.transform.values import choices_by_key, fold

MAX_REPORTED_LENGTH = 64
"""The longest unlisted value that is reported as it is, in characters."""

TOO_LONG = f"(longer than {MAX_REPORTED_LENGTH} characters)"
"""The name under which longer values are reported."""


def choose(values: Sequence[str | None], source: Property) -> tuple[pa.Array, dict[str, str]]:
    """Return the column of choices, and for each unlisted value the name that reports it. Null is not reported."""
    by_key = choices_by_key(source)
    meaning = {
        value: UNKNOWN if value is None else by_key.get(fold(value, source.folding), UNKNOWN) for value in set(values)
    }
    unlisted = (value for value, choice in meaning.items() if value is not None and choice == UNKNOWN)
    names = {value: value if len(value) <= MAX_REPORTED_LENGTH else TOO_LONG for value in unlisted}
    return text_column([meaning[value] for value in values]), names
