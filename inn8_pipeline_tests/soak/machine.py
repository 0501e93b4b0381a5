"""The base of the state machine: the tenant's bench, choosing a record, and syncing."""

import itertools
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from sqlalchemy import Engine

from inn8_pipeline.entities import Window
from inn8_pipeline.sandbox.world.world import Collection
from inn8_pipeline_tests.contract.test_whole_syncs import STYLES
from inn8_pipeline_tests.soak.bench import FIRST, HISTORY, LAST, Bench
from inn8_pipeline_tests.soak.oracle import ENTITIES

DAYS = st.integers(-1, 5).map(lambda number: FIRST + timedelta(days=number))
ANY_DAY = DAYS | st.sampled_from((FIRST - timedelta(days=30), LAST + timedelta(days=30)))
ABOVE: dict[Collection, Collection] = {"portfolios": "clients", "transactions": "portfolios"}
ENTITY = st.sampled_from(ENTITIES)
PICK = st.integers(0, 60)


@dataclass(frozen=True)
class Spoilt:
    """A property that INN8 no longer sends by its name: the values of the records, and its new name, if it has one."""

    entity: Collection
    name: str
    respelled: str | None
    values: dict[str, object]


class Machine(RuleBasedStateMachine):
    """One tenant and the world that it syncs from."""

    engine: Engine
    tenants = itertools.count()

    @initialize(
        page_size=st.sampled_from((4, 7, 1000)),
        pages_at_a_time=st.sampled_from((1, 4)),
        style=st.sampled_from(tuple(STYLES)),
        asks_conditionally=st.booleans(),
    )
    def begin(
        self, page_size: int, pages_at_a_time: int, style: str = "link", *, asks_conditionally: bool = False
    ) -> None:
        tenant_id = f"tenant-{next(self.tenants)}"
        self.bench = Bench(
            self.engine, tenant_id, page_size, pages_at_a_time, style, asks_conditionally=asks_conditionally
        )
        self.world = self.bench.world
        self.gone: list[tuple[Collection, dict[str, Any]]] = []
        self.sound: dict[tuple[Collection, object], dict[str, Any]] = {}
        self.nameless: list[tuple[Collection, object, dict[str, Any]]] = []
        self.spoilt: list[Spoilt] = []
        self.number = 0

    def _next(self) -> int:
        self.number += 1
        return self.number

    def _pick(self, entity: Collection, pick: int) -> dict[str, Any] | None:
        """Return a valid record."""
        records = [
            each for each in self.world.records(entity)
            if each.get("id") and isinstance(each["id"], str) and (entity, each["id"]) not in self.sound
        ]  # fmt: skip
        return records[pick % len(records)] if records else None

    def _sync(self, entity: Collection, window: Window | None, *, may_repeat: bool, is_sure: bool) -> bool:
        landed = self.bench.fetch(entity, window)
        if landed is None:
            return False
        days = frozenset(window.days()) if window else None
        if not is_sure:
            return self.bench.merge(landed, days, may_repeat=may_repeat, is_sure=False) is not None
        with self.bench.proven(entity, landed, days):
            self.bench.merge(landed, days, may_repeat=may_repeat, is_sure=True)
        return True

    @rule(may_repeat=st.booleans())
    def sync_all_without_faults(self, may_repeat: bool) -> None:  # noqa: FBT001
        self.bench.heal()
        for entity in ENTITIES:
            window = HISTORY if entity == "transactions" else None
            assert self._sync(entity, window, may_repeat=may_repeat, is_sure=True)

    @rule(entity=ENTITY)
    def kill_a_merge(self, entity: Collection) -> None:
        self.bench.heal()
        landed = self.bench.fetch(entity, HISTORY if entity == "transactions" else None)
        if landed is not None:
            self.bench.kill(landed, frozenset(HISTORY.days()) if entity == "transactions" else None)
