"""The bound on mass changes once more: which column would change in more than 30 % of at least 20 rows."""

from collections.abc import Collection, Sequence
from datetime import date

from inn8_pipeline_tests.soak import oracle, tables
from inn8_pipeline_tests.soak.oracle import Row

PERCENT = 30
LEAST_ROWS = 20
EMPTY = {None, "", "unknown"}
TRADE_DATE = 3
"""The place of the day of trade in the row of a transaction."""


def find(entity: str, records: Sequence[object], before: tables.Seen, days: Collection[date] | None) -> list[int]:
    """Return the places of the columns that the records would change in too many of the rows, in the order of rows."""
    present = before.of(entity).keys() - before.removed(entity)
    if days is not None:
        present = {key for key in present if date.fromisoformat(str(before.of(entity)[key][TRADE_DATE])) in days}
    if not present:
        return []
    parent = {"portfolios": "clients", "transactions": "portfolios"}.get(entity)
    expected = oracle.expect(entity, records, before.of(parent).keys() if parent else (), days)
    pairs = [(before.of(entity)[key], row) for key, row in expected.rows.items() if key in before.of(entity)]
    width = len(pairs[0][0]) if pairs else 0
    return [place for place in range(width) if _is_mass_change(pairs, place)]


def _is_mass_change(pairs: Sequence[tuple[Row, Row]], place: int) -> bool:
    changed = [new[place] for old, new in pairs if old[place] not in EMPTY and old[place] != new[place]]
    is_lost = all(new[place] in EMPTY for _, new in pairs) and len(changed) >= LEAST_ROWS
    return is_lost or (len(pairs) >= LEAST_ROWS and len(changed) * 100 > len(pairs) * PERCENT)
