"""Rules for what could be taken for a success: what INN8 sends is as the contract says, and yet it is wrong."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import rule
from sqlalchemy import DateTime, text

from inn8_pipeline.entities import Window
from inn8_pipeline.errors import FutureLandingError
from inn8_pipeline.sandbox.world.world import ABSENT, Collection
from inn8_pipeline.warehouse.landing import clock_skew
from inn8_pipeline.warehouse.schema import tables as schema
from inn8_pipeline_tests.soak import oracle, tables
from inn8_pipeline_tests.soak.bench import HISTORY
from inn8_pipeline_tests.soak.machine import ABOVE, DAYS, ENTITY, PICK, Machine, Spoilt

PROPERTIES: dict[Collection, tuple[str, ...]] = {
    "clients": ("fullName", "emailAddress", "phoneNumber", "address", "status"),
    "portfolios": ("clientId", "name", "accountNumber", "type", "status"),
    "transactions": ("portfolioId", "type", "security", "amount", "price", "currency", "description"),
}
INVALID: dict[Collection, tuple[dict[str, object], ...]] = {
    "portfolios": ({"name": None}, {"name": 5}, {"status": ["x"]}, {}),
    "transactions": ({"amount": "about"}, {"fees": True}, {"security": {"symbol": "NOID"}}, {}),
}
UNREADABLE: tuple[object, ...] = (ABSENT, None, 7, "", {}, [], {"id": "CL-1"}, True)
"""What stands in the place of an id."""
AHEAD = timedelta(days=30)


class DeceptiveRules(Machine):
    """What deceives: properties, owners, ids, pages and clocks."""

    @rule(entity=ENTITY, place=PICK, is_respelled=st.booleans())
    def spoil_a_property(self, entity: Collection, place: int, is_respelled: bool) -> None:  # noqa: FBT001
        """Leave a property out of all records, or send it under another name."""
        name = PROPERTIES[entity][place % len(PROPERTIES[entity])]
        respelled = f"{name}_v{self._next()}" if is_respelled else None
        values: dict[str, object] = {}
        for record in self._identified(entity):
            if name in record:
                values[record["id"]] = record[name]
                self._set(entity, record["id"], {name: ABSENT} | ({respelled: record[name]} if respelled else {}))
        self.spoilt.append(Spoilt(entity, name, respelled, values))

    @rule(pick=PICK)
    def send_a_property_again(self, pick: int) -> None:
        if not self.spoilt:
            return
        spoilt = self.spoilt.pop(pick % len(self.spoilt))
        for record in self._identified(spoilt.entity):
            value = record.get(spoilt.respelled) if spoilt.respelled else spoilt.values.get(record["id"], ABSENT)
            if spoilt.name not in record and value is not None and value is not ABSENT:
                again = {spoilt.respelled: ABSENT} if spoilt.respelled else {}
                self._set(spoilt.entity, record["id"], again | {spoilt.name: value})

    def _identified(self, entity: Collection) -> list[dict[str, Any]]:
        """Return the records with a readable id, each id once."""
        found = {each["id"]: each for each in self.world.records(entity) if oracle.id_of(each)}
        return list(found.values())

    def _set(self, entity: Collection, record_id: object, values: dict[str, object]) -> None:
        self.world.corrupt(entity, record_id, **values)

    @rule(
        entity=st.sampled_from(("portfolios", "transactions")), pick=PICK, parent=PICK, wrong=PICK,
        owner=st.sampled_from(("another", "unknown", None, "", 7, {}, ABSENT)),
    )  # fmt: skip
    def change_the_owner_of_what_is_invalid(
        self, entity: Collection, pick: int, parent: int, wrong: int, owner: object
    ) -> None:
        """Move a record to another owner, or to none that can be read, and make another field invalid."""
        record, other = self._pick(entity, pick), self._pick(ABOVE[entity], parent)
        if record is None or other is None:
            return
        named = {"another": other["id"], "unknown": "NOBODY"}.get(owner, owner) if isinstance(owner, str) else owner
        fault = INVALID[entity][wrong % len(INVALID[entity])]
        self._set(entity, record["id"], fault | {oracle.PARENTS[entity]: named})
        self.sound[entity, record["id"]] = record

    @rule(entity=ENTITY, pick=PICK, unreadable=st.sampled_from(UNREADABLE))
    def lose_an_id(self, entity: Collection, pick: int, unreadable: object) -> None:
        if record := self._pick(entity, pick):
            self._set(entity, record["id"], {"id": unreadable})
            self.nameless.append((entity, unreadable, record))

    @rule(pick=PICK)
    def find_an_id(self, pick: int) -> None:
        """Send a record with its id again. A record without `id` equals no other: it stays beside it."""
        if self.nameless:
            entity, unreadable, record = self.nameless.pop(pick % len(self.nameless))
            if unreadable is not ABSENT:
                self.world.remove(entity, unreadable)
            self.world.put(entity, record)

    @rule(entity=ENTITY)
    def answer_each_page_with_the_first(self, entity: Collection) -> None:
        """Answer as a cache that ignores the query does; such a fetch must fail."""
        self.bench.heal()
        self.bench.server.faults.add("same_page", entity, times=None)
        landed = self.bench.fetch(entity, HISTORY if entity == "transactions" else None)
        does_page = self.bench.server.options.paging and self.bench.style == "link"  # the fault has no other style
        is_paged = does_page and len(self._served(entity)) > self.bench.page_size
        assert (landed is None) == is_paged, "repeated pages were taken for the collection"
        self.bench.heal()

    def _served(self, entity: Collection) -> list[object]:
        return self.bench.served(entity, HISTORY if entity == "transactions" else None)

    @rule(entity=ENTITY, from_date=DAYS, is_behind=st.booleans())
    def sync_while_the_clock_is_wrong(self, entity: Collection, from_date: date, is_behind: bool) -> None:  # noqa: FBT001
        """Sync while the database's clock is ahead, or set it back after a sync: all syncs fail until it is healed."""
        self.bench.heal()
        window = Window(from_date, HISTORY.to_date) if entity == "transactions" else None
        at = self._database_time()
        if not self._sync(entity, window, may_repeat=True, is_sure=False):
            return
        self._put_ahead(None if is_behind else at)
        before = tables.read(self.engine, self.bench.tenant_id)
        with pytest.raises(FutureLandingError):
            self.bench.fetch(entity, window)
        self._refuses_to_merge(entity)
        assert tables.read(self.engine, self.bench.tenant_id) == before
        assert clock_skew.heal(self.engine, self.bench.tenant_id, wait_seconds=5).landings
        self.bench.read_again()

    def _refuses_to_merge(self, entity: Collection) -> None:
        landed = self.bench.landed[entity][-1]
        window = landed.landing.window
        with pytest.raises(FutureLandingError):
            self.bench.merge(landed, frozenset(window.days()) if window else None, may_repeat=True, is_sure=True)

    def _database_time(self) -> object:
        with self.engine.connect() as connection:
            return connection.scalar(text("select clock_timestamp()"))

    def _put_ahead(self, since: object) -> None:
        """Add a month to each time since then, or to all, as if the clock had been ahead when they were written."""
        values = {"tenant": self.bench.tenant_id, "by": AHEAD, "since": since}
        with self.engine.begin() as connection:
            connection.execute(text("set local session_replication_role = replica"))
            for table in schema.metadata.sorted_tables:
                for column in (each.name for each in table.c if isinstance(each.type, DateTime)):
                    if "tenant_id" in table.c:
                        connection.execute(text(_PUT_AHEAD.format(table=table.fullname, column=column)), values)


_PUT_AHEAD = """
    update {table} set {column} = {column} + :by
     where tenant_id = :tenant and (cast(:since as timestamptz) is null or {column} >= :since)
"""
