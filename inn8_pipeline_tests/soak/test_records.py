"""Every record is accounted for, whatever happens: a world changed, corrupted and healed at random, synced in between.

`make soak-records` runs it for longer, each time with other examples.
"""

import itertools
import re
from datetime import date, timedelta
from typing import cast

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test
from sqlalchemy import Engine

from inn8_pipeline.entities import Window
from inn8_pipeline.errors import MassChangeError, TooManyRejectsError
from inn8_pipeline.sandbox.api.faults import OPTION_FAULTS, RESPONSE_FAULTS, FaultPath
from inn8_pipeline.sandbox.world.world import ABSENT, Collection
from inn8_pipeline_tests.contract.test_whole_syncs import STYLES
from inn8_pipeline_tests.soak import oracle, tables
from inn8_pipeline_tests.soak.bench import FIRST, HISTORY, LAST
from inn8_pipeline_tests.soak.deceptive_rules import UNREADABLE, DeceptiveRules
from inn8_pipeline_tests.soak.machine import ABOVE, ANY_DAY, DAYS, ENTITY, PICK
from inn8_pipeline_tests.soak.oracle import ENTITIES
from inn8_pipeline_tests.soak.profiles import soak_settings

WRONG: dict[Collection, tuple[dict[str, object], ...]] = {
    "clients": (
        {"fullName": None}, {"fullName": 5}, {"fullName": "a\0b"}, {"emailAddress": ["x"]}, {"address": "a street"},
        {"id": 41}, {"fullName": ABSENT},
    ),
    "portfolios": ({"clientId": "CL-NOBODY"}, {"clientId": None}, {"name": None}, {"status": ["x"]}, {"id": 42}),
    "transactions": (
        {"amount": "0.123456789012"}, {"amount": "about"}, {"quantity": "1e30"}, {"portfolioId": "PF-NOBODY"},
        {"tradeDate": "2026-10-32"}, {"tradeDate": None}, {"security": {"symbol": "NOID"}}, {"id": 43}, {"fees": True},
    ),
}  # fmt: skip
TEXTS = {"clients": "fullName", "portfolios": "name", "transactions": "description"}
SECOND_PAGE = re.compile(r"\bpage=[12]\b|\boffset=[1-9]|\b(?:cursor|at)=c")
"""The query of a page after the first one, in any style of paging."""


class Records(DeceptiveRules):
    """What can happen to a tenant. No draw depends on a result of the pipeline."""

    # The world changes

    @rule(entity=ENTITY, pick=PICK)
    def change(self, entity: Collection, pick: int) -> None:
        if record := self._pick(entity, pick):
            self.world.put(entity, record | {TEXTS[entity]: f"changed {self._next()}"})

    @rule(pick=PICK)
    def rename_a_security(self, pick: int) -> None:
        record = self._pick("transactions", pick)
        if record and record.get("security"):
            renamed = record["security"] | {"name": f"Security {self._next()}"}
            self.world.put("transactions", record | {"security": renamed})

    @rule(pick=PICK, day=ANY_DAY)
    def move(self, pick: int, day: date) -> None:
        if record := self._pick("transactions", pick):
            self.world.put("transactions", record | {"tradeDate": day.isoformat()})

    @rule(entity=ENTITY, pick=PICK, parent=PICK)
    def add(self, entity: Collection, pick: int, parent: int) -> None:
        if record := self._pick(entity, pick):
            new = record | {"id": f"NEW-{self._next()}"}
            above = ABOVE.get(entity)
            if above and (owner := self._pick(above, parent)):
                new |= {oracle.PARENTS[entity]: owner["id"]}
            self.world.put(entity, new)

    @rule(entity=st.sampled_from(("portfolios", "transactions")), pick=PICK)
    def add_before_its_parent(self, entity: Collection, pick: int) -> None:
        """Note that the parent is gone: it may come with a later step."""
        above = ABOVE[entity]
        record, parent = self._pick(entity, pick), self._pick(above, pick)
        if record and parent:
            later = parent | {"id": f"LATER-{self._next()}"}
            self.world.put(entity, record | {"id": f"NEW-{self._next()}", oracle.PARENTS[entity]: later["id"]})
            self.gone.append((above, later))

    @rule(entity=ENTITY, pick=PICK)
    def remove(self, entity: Collection, pick: int) -> None:
        if record := self._pick(entity, pick):
            self.world.remove(entity, record["id"])
            self.gone.append((entity, record))

    @rule(pick=PICK)
    def come(self, pick: int) -> None:
        if self.gone:
            entity, record = self.gone.pop(pick % len(self.gone))
            self.world.put(entity, record)

    @rule(entity=ENTITY, pick=PICK, wrong=PICK)
    def corrupt(self, entity: Collection, pick: int, wrong: int) -> None:
        if record := self._pick(entity, pick):
            fault = WRONG[entity][wrong % len(WRONG[entity])]
            self.world.corrupt(entity, record["id"], **fault)
            self.sound[entity, fault.get("id", record["id"])] = record

    @rule(pick=PICK)
    def mend(self, pick: int) -> None:
        if self.sound:
            entity, known_as = list(self.sound)[pick % len(self.sound)]
            record = self.sound.pop((entity, known_as))
            self.world.remove(entity, known_as)
            self.world.put(entity, record)

    @rule(entity=ENTITY, pick=PICK)
    def duplicate(self, entity: Collection, pick: int) -> None:
        if record := self._pick(entity, pick):
            self.world.duplicate(entity, record["id"])

    @rule(entity=ENTITY)
    def send_once_again(self, entity: Collection) -> None:
        records = [each.get("id") for each in self.world.records(entity)]
        for each in sorted(
            {str(each) for each in records if each and isinstance(each, str) and records.count(each) > 1}
        ):
            self.world.remove(entity, each)

    @rule(entity=ENTITY)
    def reorder(self, entity: Collection) -> None:
        self.world.reorder(entity, self._next())

    # INN8 behaves otherwise

    @rule(
        habit=st.sampled_from(("paging", "windows", "exclusive_windows", "last_link", "total_count", "pascal")),
        is_so=st.booleans(),
    )
    def take_up(self, habit: str, is_so: bool) -> None:  # noqa: FBT001 (Hypothesis calls it by name)
        if habit != "paging" or self.bench.style == "link":  # the other styles need a server that pages
            setattr(self.bench.server.options, habit, is_so)

    @rule(kind=st.sampled_from(RESPONSE_FAULTS + OPTION_FAULTS), path=st.sampled_from((*ENTITIES, "token")),
          times=st.integers(1, 6), skip=st.integers(0, 2),
          status=st.sampled_from((400, 401, 404, 408, 429, 500, 503)))  # fmt: skip
    def fail(self, kind: str, path: FaultPath, times: int, skip: int, status: int) -> None:
        if path == "token":
            if kind in OPTION_FAULTS or kind == "trickle":
                return
            self.bench.server.tokens.revoke_all()
        text = '[{"id": ' if skip else "[]"
        once = min(times, 1 if kind == "trickle" else 6)
        self.bench.server.faults.add(
            kind, path, times=once, skip=skip, status=status, seconds=0.0002, text=text, retry_after=1
        )

    @rule(entity=ENTITY, pick=PICK)
    def change_while_it_is_paged(self, entity: Collection, pick: int) -> None:
        record = self._pick(entity, pick)
        if record is None:
            return
        added = record | {"id": f"NEW-{self._next()}"}

        def once(path: str, query: str) -> None:
            if path == f"/{entity}" and SECOND_PAGE.search(query):
                self.bench.server.app.on_request = None
                self.world.put(entity, added)

        self.bench.server.app.on_request = once

    # Syncs

    @rule(entity=ENTITY, from_date=DAYS, days=st.integers(0, 4), may_repeat=st.booleans())
    def sync(self, entity: Collection, from_date: date, days: int, may_repeat: bool) -> None:  # noqa: FBT001
        window = Window(from_date, min(from_date + timedelta(days=days), HISTORY.to_date))
        self._sync(entity, window if entity == "transactions" else None, may_repeat=may_repeat, is_sure=False)

    @rule(entity=ENTITY, from_date=DAYS)
    def land_only(self, entity: Collection, from_date: date) -> None:
        self.bench.fetch(entity, Window(from_date, LAST + timedelta(days=1)) if entity == "transactions" else None)

    @rule(entity=ENTITY, pick=PICK, may_repeat=st.booleans())
    def merge_an_older_landing(self, entity: Collection, pick: int, may_repeat: bool) -> None:  # noqa: FBT001
        if landed := self.bench.landed[entity]:
            chosen = landed[-1 - pick % len(landed)]
            window = chosen.landing.window
            days = frozenset(window.days()) if window else None
            self.bench.merge(chosen, days, may_repeat=may_repeat, is_sure=False)

    @rule(pick=PICK, day=DAYS, may_repeat=st.booleans())
    def overtake(self, pick: int, day: date, may_repeat: bool) -> None:  # noqa: FBT001
        """Fetch a backfill, move a transaction to a day that is synced, then merge the backfill."""
        self.bench.heal()
        landed = self.bench.fetch("transactions", HISTORY)
        self.move(pick, day)
        self._sync("transactions", Window(day, day), may_repeat=may_repeat, is_sure=False)
        if landed:
            self.bench.merge(landed, frozenset(HISTORY.days()), may_repeat=may_repeat, is_sure=False)

    @rule(pick=PICK, day=DAYS, wrong=PICK)
    def overtake_an_invalid_record(self, pick: int, day: date, wrong: int) -> None:
        """Let an invalid transaction wait as a reject, and send a valid one of its id on another day."""
        self.bench.heal()
        self.corrupt("transactions", pick, wrong)
        self._sync("transactions", HISTORY, may_repeat=True, is_sure=False)
        self.mend(pick)
        self.move(pick, day)
        self._sync("transactions", Window(day, day), may_repeat=True, is_sure=False)

    @rule(entity=ENTITY, pick=PICK)
    def go_and_come(self, entity: Collection, pick: int) -> None:
        """Leave a record out once or twice, then send it again."""
        self.remove(entity, pick)
        for _ in range(1 + pick % 2):
            self.sync_all_without_faults(may_repeat=True)
        self.come(-1)

    @rule(entity=ENTITY, from_date=DAYS)
    def rebuild_from_what_was_landed(self, entity: Collection, from_date: date) -> None:
        for landed, days in self.bench.newest(entity, Window(from_date, LAST) if entity == "transactions" else None):
            self.bench.merge(landed, days, may_repeat=False, is_sure=False)

    def teardown(self) -> None:
        """Assert that two syncs without faults make the tables equal to INN8, and that a third changes nothing."""
        if not hasattr(self, "bench"):
            return
        try:
            self.sync_all_without_faults(may_repeat=True)
            self.sync_all_without_faults(may_repeat=True)
            before = tables.read(self.engine, self.bench.tenant_id)
            self.sync_all_without_faults(may_repeat=True)
            assert tables.read(self.engine, self.bench.tenant_id) == before
            self.bench.past.check_all()
            if clients := sorted(before.of("clients")):
                self.bench.erase(clients[self.number % len(clients)])
        finally:
            self.bench.close()


def test_after_each_sync_without_faults_the_tables_equal_the_data_of_inn8_and_are_never_wrong_in_between(
    engine: Engine, request: pytest.FixtureRequest
) -> None:
    Records.engine = engine
    run_state_machine_as_test(Records, settings=soak_settings(request, examples=5, steps=(16, 50)))


def test_rare_sequences_of_events_are_tested_one_by_one(engine: Engine) -> None:
    Records.engine = engine
    machine = Records()
    machine.begin(page_size=7, pages_at_a_time=1)
    try:
        machine.sync_all_without_faults(may_repeat=True)
        for pick in (3, 9, 14):
            machine.overtake(pick=pick, day=FIRST + timedelta(days=3), may_repeat=True)
            machine.overtake(pick=pick + 1, day=FIRST + timedelta(days=1), may_repeat=True)
        for entity in ENTITIES:
            machine.go_and_come(entity=entity, pick=1)
        machine.overtake_an_invalid_record(pick=5, day=LAST, wrong=0)
        _merge_late(machine)
        machine.add_before_its_parent(entity="transactions", pick=2)
        machine.sync_all_without_faults(may_repeat=True)
        machine.come(pick=0)
    finally:
        machine.teardown()


def _merge_late(machine: Records) -> None:
    """Merge a fetch of changed clients after one of transactions that began later, and kill a merge in between."""
    machine.change("clients", 4)
    machine.land_only("clients", FIRST)
    machine.change("transactions", 4)
    machine.kill_a_merge("transactions")
    machine.sync("transactions", FIRST, 4, may_repeat=True)
    before = tables.read(machine.engine, machine.bench.tenant_id)
    machine.merge_an_older_landing("clients", 0, may_repeat=True)
    assert tables.read(machine.engine, machine.bench.tenant_id) != before


@pytest.mark.slow
@pytest.mark.parametrize("style", STYLES)
def test_each_style_of_paging_brings_in_the_truth_though_the_world_changes(engine: Engine, style: str) -> None:
    Records.engine = engine
    machine = Records()
    machine.begin(page_size=4, pages_at_a_time=4, style=style, asks_conditionally=True)
    try:
        machine.sync_all_without_faults(may_repeat=True)
        for entity in ENTITIES:
            machine.change_while_it_is_paged(entity=entity, pick=3)
            machine.land_only(entity=entity, from_date=FIRST)
            machine.reorder(entity=entity)
            machine.go_and_come(entity=entity, pick=2)
        assert (machine.bench.server.app.stats.statuses[304] > 0) == (style != "single")
    finally:
        machine.teardown()


def test_what_deceives_is_found_out_one_by_one(engine: Engine) -> None:
    Records.engine = engine
    machine = Records()
    machine.begin(page_size=7, pages_at_a_time=4)
    bench = machine.bench
    try:
        machine.sync_all_without_faults(may_repeat=True)
        _spoil_properties(machine)
        for place, owner in enumerate(("another", "unknown", None, "", 7, {}, ABSENT)):
            for entity in ("portfolios", "transactions"):
                machine.change_the_owner_of_what_is_invalid(entity, 3 * place, 3 * place + 2, place, owner)
        machine.sync_all_without_faults(may_repeat=True)
        hidden = tables.read(engine, bench.tenant_id).hidden
        assert min(len(hidden["portfolios"]), len(hidden["transactions"])) >= 6
        for entity, unreadable in itertools.product(ENTITIES, UNREADABLE):
            machine.lose_an_id(entity, 2, unreadable)
        machine.sync_all_without_faults(may_repeat=True)
        for entity in ENTITIES:
            machine.answer_each_page_with_the_first(entity)
            machine.sync_while_the_clock_is_wrong(entity, FIRST, is_behind=entity == "portfolios")
        machine.sync_all_without_faults(may_repeat=True)
    finally:
        machine.teardown()


def _spoil_properties(machine: Records) -> None:
    """Leave out or respell one property of each entity: the sync is refused, also that of a name that is required."""
    for entity, place, expected in (
        ("clients", 2, MassChangeError), ("clients", 0, TooManyRejectsError),
        ("portfolios", 2, MassChangeError), ("transactions", 6, MassChangeError),
    ):  # fmt: skip
        machine.spoil_a_property(cast("Collection", entity), place, is_respelled=place == 2)
        machine.sync(cast("Collection", entity), FIRST, 6, may_repeat=True)
        assert machine.bench.refusals[-1:] == [expected]
        machine.send_a_property_again(0)
