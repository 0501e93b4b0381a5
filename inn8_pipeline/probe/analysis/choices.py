"""Values of choices that the contract does not list, and the choice that each most likely means."""

from collections.abc import Iterable
from difflib import get_close_matches

from inn8_pipeline.entities import Property
from inn8_pipeline.transform.values import fold, is_unlisted

MAX_LISTED = 30
MAX_LENGTH = 40


def unlisted_values(source: Property, texts: Iterable[str]) -> list[str]:
    """Return the distinct values that are none of the choices; none if there are too many to be choices."""
    found = sorted({text for text in texts if text.strip() and is_unlisted(text, source)})
    return found if len(found) <= MAX_LISTED and all(len(each) <= MAX_LENGTH for each in found) else []


def meaning_of(source: Property, value: str) -> str | None:
    """Return the only choice that begins with the value, or with which it begins; else the most similar one."""
    folded = {fold(choice, source.folding): choice for choice in source.choices}
    text = fold(value, source.folding)
    begun = [choice for key, choice in folded.items() if key.startswith(text) or text.startswith(key)]
    if len(begun) == 1:
        return begun[0]
    close = get_close_matches(text, list(folded), n=1, cutoff=0.8)
    return folded[close[0]] if close else None
