"""The list of `inn8 rejects list`: its table with the state of each reject, and the line below it."""

from collections.abc import Mapping, Sequence
from typing import Any

from inn8_pipeline.cli.support.output import console
from inn8_pipeline.cli.support.tables import rows_table

COLUMNS = (
    "id",
    "entity",
    "external_id",
    "trade_date",
    "reason_code",
    "reason",
    "attempts",
    "first_seen_at",
    "accepted_at",
    "accepted_note",
)
EXPENDABLE = ("accepted_note", "accepted_at", "attempts", "first_seen_at", "trade_date", "reason_code")
"""The columns that a narrow terminal leaves out, the first one first."""
OPEN, ACCEPTED = "open", "accepted"


def print_table(found: Sequence[Mapping[str, Any]], *, has_several: bool, has_states: bool) -> None:
    """Print the rejects. If they may have several states, that of each is a column that no terminal leaves out."""
    first, *others = COLUMNS
    columns = (*(["tenant_id"] if has_several else []), first, *(["state"] if has_states else []), *others)
    screen = console()
    rows = [{**row, "state": state(row)} for row in found]
    screen.print(rows_table(rows, columns, width=screen.width, expendable=EXPENDABLE))


def state(reject: Mapping[str, Any]) -> str:
    """Return whether a reject is open or accepted, or how it was resolved."""
    if reject["resolved_at"] is not None:
        return str(reject["resolution"])
    return OPEN if reject["accepted_at"] is None else ACCEPTED


def summary(open_ones: int, accepted: int, shown: int, *, has_states: bool) -> str:
    """Return how many rejects are open and how many accepted, and the options that list those that are not shown."""
    parts = [f"{_rejects(open_ones)} open" if open_ones else "There are no open rejects"]
    if accepted:
        more = "" if has_states else ": `inn8 rejects list --with-accepted` lists them too"
        parts.append(f"{'' if open_ones else 'but '}{_rejects(accepted)} accepted{more}")
    wanted = open_ones + (accepted if has_states else 0)
    left_out = f" {shown:,} of {wanted:,} are shown: --limit shows more." if shown < wanted else ""
    return f"{', '.join(parts)}.{left_out}"


def _rejects(count: int) -> str:
    return "1 reject is" if count == 1 else f"{count:,} rejects are"
