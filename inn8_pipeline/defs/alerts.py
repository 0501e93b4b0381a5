"""What is told to the operator's webhook: one message when a trouble begins, one when it is over, none in between.

Here belongs which messages follow from what is wrong now and what was told before. What is wrong is found by
`watchers`; how a message is sent is `notify`'s.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that is wrong: since when, and whether it is an error or a warning. `text` holds no personal data."""

    text: str
    is_error: bool
    since: str

    @classmethod
    def at(cls, instant: datetime, text: str, *, is_error: bool) -> Self:
        """A trouble that was found at this instant."""
        return cls(text, is_error, instant.isoformat(timespec="seconds"))


Open = Mapping[str, Trouble]
"""The troubles that were told and are not over, by what they are troubles of."""


@dataclass(frozen=True, slots=True)
class Message:
    """What is to be posted, and which troubles are open once it is."""

    text: str
    then: Open


def messages(told: Open, found: Mapping[str, Trouble | None]) -> Iterator[Message]:
    """What follows, one after the other; of a subject that `found` does not name nothing is known just now.

    A warning that becomes an error is told once more. What has been told as an error stays one until it is over.
    """
    for subject, trouble in found.items():
        before = told.get(subject)
        if trouble is None and before is None:
            continue
        if trouble is None or before is None:
            told = {name: each for name, each in told.items() if name != subject}
        if trouble is None:
            yield Message(f"Over: {subject}. It had begun at {before.since if before else ''}.", told)
        elif before is None or (trouble.is_error and not before.is_error):
            told = {**told, subject: trouble}
            yield Message(f"{'Error' if trouble.is_error else 'Warning'}: {subject}. {trouble.text}", told)


def send_all(cursor: str | None, found: Mapping[str, Trouble | None], send: Callable[[str], None]) -> Iterator[str]:
    """Send what follows; after each message the cursor that remembers it, so that a failure repeats none."""
    for message in messages(read(cursor), found):
        send(message.text)
        yield write(message.then)


def remember(state: Mapping[str, str]) -> str:
    """The cursor that remembers a state of each subject."""
    return json.dumps(dict(state), sort_keys=True)


def recall(cursor: str) -> dict[str, str]:
    """The states that such a cursor remembers."""
    kept: dict[str, str] = json.loads(cursor) if cursor else {}
    return kept


def read(cursor: str | None) -> Open:
    """The open troubles that a cursor remembers."""
    kept: dict[str, Any] = json.loads(cursor) if cursor else {}
    return {subject: Trouble(**trouble) for subject, trouble in kept.items()}


def write(open_troubles: Open) -> str:
    """The cursor that remembers them."""
    return json.dumps({subject: asdict(trouble) for subject, trouble in open_troubles.items()}, sort_keys=True)
