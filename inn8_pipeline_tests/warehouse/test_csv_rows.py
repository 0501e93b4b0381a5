"""The column of digests: that of each record by its ordinal, as a text that Postgres reads as bytes."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from inn8_pipeline.warehouse.csv_rows import RecordDigests
from inn8_pipeline.warehouse.landing.chunks import digest_of


def digest(ordinal: int) -> bytes:
    return digest_of(str(ordinal).encode())


def texts(digests: RecordDigests, wanted: list[int], without: set[int]) -> list[str | None]:
    column = digests.column(wanted, without)
    column.validate(full=True)
    assert column.type == pa.string()
    return [each.as_py() for each in column]


@given(
    known=st.lists(st.integers(-50, 300), unique=True, max_size=40),
    wanted=st.lists(st.integers(-60, 320), unique=True, max_size=40),
    without=st.sets(st.integers(-60, 320)),
    are_joined=st.booleans(),
)
def test_each_record_has_its_digest_unless_it_has_none_or_is_to_have_none(
    *, known: list[int], wanted: list[int], without: set[int], are_joined: bool
) -> None:
    digests = RecordDigests()
    for at in range(0, len(known), 4):
        some = known[at : at + 4]
        found = [digest(ordinal) for ordinal in some]
        digests.add(some, b"".join(found) if are_joined else iter(found))
    assert texts(digests, wanted, without) == [
        f"\\x{digest(ordinal).hex()}" if ordinal in known and ordinal not in without else None for ordinal in wanted
    ]


def test_digests_that_are_not_one_for_each_record_are_ignored() -> None:
    digests = RecordDigests()
    digests.add([1, 2], digest(1))
    digests.add([3], digest(3))
    assert texts(digests, [1, 2, 3], set()) == [None, None, f"\\x{digest(3).hex()}"]
