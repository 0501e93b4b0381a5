"""What is told to the operator's webhook: a line when a trouble begins, one when it is over, none in between.

Here belongs which lines follow from what is wrong now and what was told before. What is wrong is found by `troubles`;
how a message is sent is `notify`'s. All lines of one look are one message: it is taken as a whole or not at all.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Incident:
    """Something that is wrong: since when, and whether it is an error or a warning. `text` holds no personal data.

    An error of another `kind` is another trouble, where it has kinds: removals held back, then no sync at all.
    """

    text: str
    is_error: bool
    since: str
    kind: str = ""

    @classmethod
    def at(cls, instant: datetime, text: str, *, is_error: bool, kind: str = "") -> Self:
        """A trouble that was found at this instant."""
        return cls(text, is_error, instant.isoformat(timespec="seconds"), kind)

    def is_news_after(self, before: Self) -> bool:
        """Whether whoever was told of the other has not heard of this."""
        return self.is_error != before.is_error or (self.is_error and self.kind != before.kind)


Open = Mapping[str, Incident]
"""The troubles that were told and are not over, by what they are troubles of."""
Found = Mapping[str, Incident | None]
"""What is wrong now, by the same; None: all is well. Of a subject that is not named nothing is known just now."""


def lines(told: Open, found: Found) -> Iterator[str]:
    """What is new: troubles that have begun, that are over, or that are another severity now."""
    for subject, trouble in found.items():
        before = told.get(subject)
        if trouble is None:
            if before is not None:
                yield f"Over: {subject}. It had begun at {before.since}."
        elif before is None or trouble.is_news_after(before):
            again = " again" if before and not trouble.is_error else ""
            yield f"{'Error' if trouble.is_error else f'Warning{again}'}: {subject}. {trouble.text}"


def then(told: Open, found: Found) -> Open:
    """The troubles that are open once the lines were told; each since it began."""
    still = {subject: trouble for subject, trouble in told.items() if subject not in found}
    for subject, trouble in found.items():
        if trouble is not None:
            before = told.get(subject)
            still[subject] = replace(trouble, since=before.since) if before else trouble
    return still


def read(cursor: str | None) -> Open:
    """The open troubles that a cursor remembers."""
    kept: dict[str, Any] = json.loads(cursor) if cursor else {}
    return {subject: Incident(**trouble) for subject, trouble in kept.items()}


def write(open_troubles: Open) -> str:
    """The cursor that remembers them."""
    return json.dumps({subject: asdict(trouble) for subject, trouble in open_troubles.items()}, sort_keys=True)
