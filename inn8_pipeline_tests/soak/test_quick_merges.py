"""The merge that reads what differs ends as the one that reads everything: the same random histories for both.

The records of the first are landed in chunks, those of the other one page by page.
"""

import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from inn8_pipeline.entities import CLIENTS, PORTFOLIOS, TRANSACTIONS, Entity, Window
from inn8_pipeline.transform import TRANSFORM_VERSION
from inn8_pipeline.warehouse.landing import chunks
from inn8_pipeline.warehouse.landing.store import Landing
from inn8_pipeline.warehouse.landing.writer import LandingWriter
from inn8_pipeline.warehouse.merge.options import MergeOptions
from inn8_pipeline.warehouse.merge.results import SyncResult
from inn8_pipeline.warehouse.merge.session import merge_landing
from inn8_pipeline_tests.soak.profiles import soak_settings
from inn8_pipeline_tests.transform.builders import client, portfolio, security, transaction
from inn8_pipeline_tests.warehouse.syncs import HISTORY, WatchedReader, october


@dataclass
class Copy:
    """A tenant whose syncs read all records, or only those that differ."""

    engine: Engine
    tenant: str
    is_quick: bool
    left_alone: int = 0

    def land(self, entity: Entity, records: Sequence[object], window: Window | None, *, overlaps: bool) -> Landing:
        with LandingWriter(self.engine, self.tenant, entity, window, "run", in_chunks=self.is_quick) as writer:
            for first in range(0, max(len(records), 1), 3):
                page = records[first : first + 3]
                writer.add(json.dumps(page).encode(), len(page))
            landing = writer.complete(retries=0, has_duplicates=overlaps)
        # So that no later landing is taken for a repeat of an earlier one.
        with self.engine.begin() as connection:
            connection.execute(text("update inn8_raw.landings set is_repeatable = false"))
        return landing

    def merge(self, landing: Landing, version: int = TRANSFORM_VERSION) -> SyncResult:
        source = WatchedReader(self.engine, landing, batch_size=4)
        days = frozenset(landing.window.days()) if landing.window else None
        options = MergeOptions(version, full_window=HISTORY, may_skip_same=self.is_quick)
        result = merge_landing(self.engine, landing, days, options, lambda: source)
        assert result.counts.balance == 0
        assert not result.is_repeat
        if source.chosen:
            self.left_alone += landing.records - sum(map(len, source.chosen))
        return result

    def tables(self) -> list[list[Any]]:
        with self.engine.begin() as connection:
            return [
                [tuple(row) for row in connection.execute(text(query), {"tenant": self.tenant})] for query in QUERIES
            ]


# An instant is compared as the number of fetches that had begun by then.
FETCH = "(select count(*) from inn8_raw.landings l where l.tenant_id = t.tenant_id and l.started_at <= {})"
QUERIES = (
    f"""
    select t.external_id, p.external_id, x.external_id, transaction_type, trade_date, settlement_date, quantity, price,
           amount, fees, t.currency, description, {FETCH.format("t.as_of_at")} as as_of,
           {FETCH.format("t.missing_since")} as missing, t.removed_at is not null, {FETCH.format("t.hidden_since")},
           {FETCH.format("t.valid_from")} as valid_from
      from inn8.transactions t
      join inn8.portfolios p on p.tenant_id = t.tenant_id and p.id = t.portfolio_id
      left join inn8.securities x on x.tenant_id = t.tenant_id and x.id = t.security_id
     where t.tenant_id = :tenant order by 1
    """,
    f"""
    select external_id, symbol, name, as_of_date, {FETCH.format("t.as_of_at")} from inn8.securities t
     where tenant_id = :tenant order by 1
    """,
    f"""
    select record_key, {FETCH.format("t.as_of_at")} as as_of, resolution, external_id, trade_date, reason_code,
           payload::text, covers_from, covers_to, accepted_at is not null, attempts,
           {FETCH.format("t.row_as_of_at")} as row_as_of, {FETCH.format("t.first_seen_at")} as first_seen,
           {FETCH.format("t.last_seen_at")} as last_seen
      from inn8.rejected_records t where tenant_id = :tenant order by 1, 2, 3
    """,
    f"""
    select r.external_id, u.reason, {FETCH.format("u.confirmed_at").replace("t.tenant_id", "u.tenant_id")} as confirmed
      from inn8.unconfirmed_rows u
      join inn8.transactions r on r.tenant_id = u.tenant_id and r.id = u.row_id
     where u.tenant_id = :tenant order by 1
    """,
    f"""
    select external_id, {FETCH.format("t.last_synced_at")} as synced from inn8.transaction_details t
     where tenant_id = :tenant order by 1
    """,
    """
    select external_id, description, reason from inn8_history.transactions where tenant_id = :tenant
     order by external_id, valid_to
    """,
)
DAY = st.integers(3, 8).map(lambda day: f"2026-10-0{day}")
NUMBER = st.integers(0, 19)
SOUND = st.builds(
    lambda number, changes: transaction(id=f"T-{number}", **changes),
    NUMBER,
    st.fixed_dictionaries(
        {},
        optional={
            "tradeDate": DAY,
            "description": st.sampled_from(("a", "b")),
            "portfolioId": st.sampled_from(("P-1", "P-2")),
            "security": st.sampled_from((None, security(name="new"), security(id="S-2"))),
        },
    ),
)
# Of an unknown portfolio, with an unlisted type (a row without a digest), invalid, and of another day.
SPOILED = st.sampled_from(
    ({"portfolioId": "P-nobody"}, {"type": "barter"}, {"fees": "many"}, {"tradeDate": "2026-10-09"})
)
WRONG = st.builds(lambda sound, changes: sound | changes, SOUND, SPOILED)
RECORD = SOUND | WRONG
ANYTHING = RECORD | RECORD | st.sampled_from((7, transaction(id=5), {"id": "T-1", "ID": "T-2"}))
Edit = tuple[str, int, object]
EDIT: st.SearchStrategy[Edit] = st.one_of(
    st.tuples(st.just("spoil"), st.integers(0, 20), SPOILED),
    st.tuples(st.just("restore"), st.integers(0, 20), st.none()),
    st.tuples(st.sampled_from(("insert", "delete", "replace", "move", "repeat")), st.integers(0, 20), ANYTHING),
)


@dataclass(frozen=True)
class Step:
    """What INN8 sends next, and when it is merged."""

    edits: list[Edit]
    window: Window
    when: str = "now"
    overlaps: bool = False


STEP = st.builds(
    Step,
    st.lists(EDIT, max_size=3),
    st.sampled_from((HISTORY, HISTORY, october(4, 6), october(5), october(6, 8))),
    st.sampled_from(("now", "now", "now", "later", "other rules", "accepted")),
    st.sampled_from((False, False, False, True)),
)


def edited(records: list[object], edits: list[Edit], first: list[dict[str, Any]]) -> list[object]:
    """Return the records after the edits. `first` are those of the first fetch, which `restore` sends again."""
    changed = [*records]
    for kind, position, record in edits:
        at = position % (len(changed) or 1)
        here = changed[at] if changed else transaction()
        match kind:
            case "restore":
                lost = [each for each in first if each not in changed] or first
                old = lost[position % len(lost)]
                others = [each for each in changed if not (isinstance(each, dict) and each.get("id") == old["id"])]
                changed = [*others[:at], old, *others[at:]]
            case "insert" | "repeat":
                changed.insert(at, here if kind == "repeat" else record)
            case "spoil" if isinstance(here, dict) and isinstance(record, dict):
                changed[at : at + 1] = [here | record]
            case "delete" | "move" | "replace":
                changed[at : at + 1] = [record] if kind == "replace" else []
                if kind == "move":
                    changed.insert(0, here)
    return changed


ACCEPT = "update inn8.rejected_records set accepted_at = now() where tenant_id = :tenant and resolved_at is null"


def run(copy: Copy, steps: list[tuple[list[object], Step]]) -> Iterator[SyncResult | None]:
    copy.merge(copy.land(CLIENTS, [client()], None, overlaps=False))
    copy.merge(copy.land(PORTFOLIOS, [portfolio(), portfolio(id="P-2")], None, overlaps=False))
    late: Landing | None = None
    version = TRANSFORM_VERSION
    for records, step in steps:
        landing = copy.land(TRANSACTIONS, records, step.window, overlaps=step.overlaps)
        if step.when == "later" and late is None:
            late = landing
            yield None
            continue
        version += step.when == "other rules"
        if step.when == "accepted":
            with copy.engine.begin() as connection:
                connection.execute(text(ACCEPT), {"tenant": copy.tenant})
        yield copy.merge(landing, version)
        if late is not None:
            yield copy.merge(late, version)
            late = None


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """End a chunk after every second record, and a group after every second chunk, on average."""
    monkeypatch.setattr(chunks, "CHUNK_MASK", 1)
    monkeypatch.setattr(chunks, "GROUP_MASK", 1)


def test_a_merge_of_what_differs_ends_as_one_of_all_records(engine: Engine, request: pytest.FixtureRequest) -> None:
    bounds = soak_settings(request, examples=4, may_be_slow=True)
    numbers = itertools.count()
    left_alone = 0

    @bounds
    @given(
        st.lists(SOUND, min_size=12, max_size=16, unique_by=lambda each: each["id"]),
        st.lists(STEP, min_size=2, max_size=5),
    )
    def compare(records: list[dict[str, Any]], steps: list[Step]) -> None:
        nonlocal left_alone
        number = next(numbers)
        quick = Copy(engine, f"quick-{number}", is_quick=True)
        full = Copy(engine, f"full-{number}", is_quick=False)
        history: list[tuple[list[object], Step]] = [([*records], Step([], HISTORY))]
        for step in steps:
            history.append((edited(history[-1][0], step.edits, records), step))
        for found, expected in zip(run(quick, history), run(full, history), strict=True):
            if found is not None and expected is not None:
                for name in ("status", "counts", "by_day", "rejected_by_reason", "drift_found", "dimensions"):
                    assert getattr(found, name) == getattr(expected, name), name
            assert quick.tables() == full.tables()
        left_alone += quick.left_alone

    compare()
    assert left_alone > 5 * bounds.max_examples
