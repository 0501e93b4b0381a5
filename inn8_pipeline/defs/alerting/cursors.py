"""What a sensor remembers from one look to the next: a word for each subject, as Dagster's cursor keeps it."""

import json
from collections.abc import Mapping


def read(cursor: str | None) -> dict[str, str]:
    """The words that the cursor remembers; none before the first look."""
    kept: dict[str, str] = json.loads(cursor) if cursor else {}
    return kept


def write(words: Mapping[str, str]) -> str:
    """The cursor that remembers them."""
    return json.dumps(dict(words), sort_keys=True)
