"""No row is shown under an owner that its newest record does not name, or cannot be read to name."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date

from inn8_pipeline_tests.soak import oracle, tables
from inn8_pipeline_tests.soak.oracle import Expected


def hold(  # noqa: PLR0913, PLR0917 (what INN8 sent, and what readers saw before and after)
    entity: str,
    records: Sequence[object],
    days: Collection[date] | None,
    expected: Expected,
    before: tables.Seen,
    after: tables.Seen,
    shown: Mapping[tuple[str, str], str],
) -> None:
    """Assert it after the newest landing was merged for `days`."""
    for key, owner in _named_by_invalid(entity, records, days, expected).items():
        row = after.of(entity).get(key)
        if row is None:
            continue
        assert shown.get((entity, key), owner) == owner, f"{key} of {entity} is shown under another owner"
        assert (row[0] == owner) or key in after.hidden.get(entity, set())
        assert (row[0] != owner) or key not in after.hidden.get(entity, set()), f"{key} names its owner, and is hidden"
    unsent = before.hidden.get(entity, set()) - {oracle.id_of(record) for record in records}
    unchanged = {key for key in unsent if before.of(entity)[key] == after.of(entity)[key]}
    assert unchanged <= after.hidden.get(entity, set()), f"{entity} that INN8 did not send again are shown again"


def _named_by_invalid(
    entity: str, records: Sequence[object], days: Collection[date] | None, expected: Expected
) -> dict[str, str | None]:
    """Return the owner that the last record of each id names, for ids that have invalid records only."""
    named: dict[str, str | None] = {}
    for record in records:
        key, day = oracle.id_of(record), oracle.day_of(record)
        if key is None or key in expected.rows or (days is not None and day is not None and day not in days):
            continue
        named[key] = oracle.owner_of(entity, record)
    return named
