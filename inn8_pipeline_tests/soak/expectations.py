"""What a table must hold after the newest landing was merged: the rows, rejects and securities of INN8's records."""

from contextlib import suppress

from inn8_pipeline.entities import Window
from inn8_pipeline_tests.soak import oracle, tables
from inn8_pipeline_tests.soak.oracle import Expected, Row


def hold_rows(
    entity: str, expected: Expected, before: tables.Seen, after: tables.Seen, *, absence_counts: bool
) -> None:
    """Assert that the rows are those of INN8's records, and that the others are marked if absence counts."""
    rows = after.of(entity)
    for key, row in expected.rows.items():
        assert rows.get(key) == row, f"{key} of {entity} is not as INN8 has it"
        assert key not in after.missing(entity), f"{key} of {entity} is there, and marked as missing"
    absent = rows.keys() - expected.rows.keys() - expected.rejects.keys() - expected.other_days
    marked = after.missing(entity) - before.missing(entity)
    assert not expected.other_days & marked, f"{entity} that are sent with another day are marked"
    if absence_counts:
        assert absent <= after.missing(entity), f"{entity} that INN8 no longer has are not marked"
        assert absent & before.missing(entity) <= after.removed(entity), (
            f"{entity}: two fetches lacked it, and it is not removed"
        )
    for key in expected.rejects.keys() - expected.rows.keys():
        assert before.of(entity).get(key) == rows.get(key), f"{key} of {entity} is invalid, and its row changed"
        assert before.marks.get(entity, {}).get(key) == after.marks.get(entity, {}).get(key)


def hold_rejects(
    entity: str, expected: Expected, before: tables.Seen, after: tables.Seen, *, proves_absence: bool
) -> None:
    """Assert that the open rejects are the records that are invalid."""
    opened = after.of(f"rejects {entity}")
    named = {
        key: oracle.ORPHAN if code == oracle.ORPHAN else oracle.INVALID
        for key, (external_id, code, _) in opened.items()
        if external_id is not None
    }
    if not proves_absence:  # such a landing withdraws nothing that an id tells
        kept = named.keys() - expected.rejects.keys()
        assert kept <= before.of(f"rejects {entity}").keys() - expected.rows.keys()
        named = {key: why for key, why in named.items() if key not in kept}
    assert named == expected.rejects, f"the open rejects of {entity} are not the invalid records"
    assert len(opened) - sum(row[0] is not None for row in opened.values()) == len(expected.nameless)


def stands_on_two_pages(records: list[object], page_size: int) -> bool:
    """Return whether an id is on two pages of this size."""
    pages: dict[str, set[int]] = {}
    for place, record in enumerate(records):
        if (external_id := oracle.id_of(record)) is not None:
            pages.setdefault(external_id, set()).add(place // page_size)
    return any(len(each) > 1 for each in pages.values())


def hold_securities(records: list[object], after: tables.Seen, history: Window) -> None:
    """Assert that each security is as the newest of the transactions that name it."""
    newest: dict[str, tuple[str, Row]] = {}
    for record in records:
        with suppress(oracle.WrongError):
            oracle.row_of("transactions", record)
            named = oracle.security_of(record)
            day = oracle.day_of(record)
            if named and day and day in history and named[1] >= newest.get(named[0], ("",))[0]:
                newest[named[0]] = named[1:]
    for key, (newest_day, row) in newest.items():
        as_of = str(after.marks["securities"][key][0])
        assert as_of > newest_day or (as_of, after.of("securities")[key]) == (newest_day, row), (
            f"security {key} is not the newest"
        )
