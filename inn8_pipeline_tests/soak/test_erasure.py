"""After an erasure nothing of the person can be reached, whatever was fetched, merged and re-owned around it.

`make soak-records` runs it for longer, each time with other examples.
"""

import itertools
import threading
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from sqlalchemy import Engine

from inn8_pipeline.entities import CLIENTS, ENTITIES, PORTFOLIOS, TRANSACTIONS, Entity
from inn8_pipeline.errors import LandingMissingError, StillSentError
from inn8_pipeline.transform.redaction import redact
from inn8_pipeline.warehouse.erasure import erase
from inn8_pipeline.warehouse.erasure.data_subject import DataSubject
from inn8_pipeline.warehouse.landing.store import Landing, newest, newest_of_days
from inn8_pipeline_tests.soak.profiles import soak_settings
from inn8_pipeline_tests.transform.builders import client, portfolio, transaction
from inn8_pipeline_tests.warehouse.syncs import HISTORY, Row, Syncs, october

PARENT_ID = {PORTFOLIOS: "clientId", TRANSACTIONS: "portfolioId"}
CLIENT_IDS = tuple(f"C-{number}" for number in range(1, 5))
PORTFOLIO_IDS = tuple(f"P-{number}" for number in range(1, 7))
TRANSACTION_IDS = tuple(f"T-{number}" for number in range(1, 9))
INVALID: dict[Entity, Row] = {CLIENTS: {"fullName": 1}, PORTFOLIOS: {"name": None}, TRANSACTIONS: {"amount": "about"}}
READABLE = """
    select n.nspname || '.' || c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname like 'inn8%' and c.relkind in ('r', 'v')
       and exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id')
"""
OWNERS = """
    select 'portfolios' as entity, p.external_id as id, c.external_id as client from inn8.portfolios p
      join inn8.clients c on (c.tenant_id, c.id) = (p.tenant_id, p.client_id) where p.tenant_id = :tenant
     union all
    select 'transactions', t.external_id, c.external_id from inn8.transactions t
      join inn8.portfolios p on (p.tenant_id, p.id) = (t.tenant_id, t.portfolio_id)
      join inn8.clients c on (c.tenant_id, c.id) = (p.tenant_id, p.client_id) where t.tenant_id = :tenant
     union all
    select 'clients', external_id, external_id from inn8.clients where tenant_id = :tenant
"""
PICK = st.integers(0, 40)


class Erasures(RuleBasedStateMachine):
    """A tenant whose clients are erased between fetches and merges. Each id of a record occurs in no other text."""

    engine: Engine
    tenants = itertools.count()

    @initialize()
    def begin(self) -> None:
        self.syncs = Syncs(str(self.engine.url), f"tenant-{next(self.tenants)}", self.engine)
        self.world: dict[Entity, dict[str, Row]] = {
            CLIENTS: {key: client(id=key) for key in CLIENT_IDS},
            PORTFOLIOS: {
                key: portfolio(id=key, clientId=CLIENT_IDS[place % 4]) for place, key in enumerate(PORTFOLIO_IDS)
            },
            TRANSACTIONS: {
                key: transaction(id=key, portfolioId=PORTFOLIO_IDS[place % 6], tradeDate=f"2026-10-0{1 + place}")
                for place, key in enumerate(TRANSACTION_IDS)
            },
        }
        self.landings: list[Landing] = []
        self.erased: set[str] = set()
        """The ids that must not be found: INN8 has not sent them since."""
        self.owners: dict[str, set[str]] = {}
        """For each id, the owners that any record since its erasure named."""
        self.sync_all()

    # INN8 changes

    @rule(entity=st.sampled_from((PORTFOLIOS, TRANSACTIONS)), pick=PICK, owner=PICK, is_valid=st.booleans())
    def give_to_another_owner(self, entity: Entity, pick: int, owner: int, is_valid: bool) -> None:  # noqa: FBT001
        owners = CLIENT_IDS if entity is PORTFOLIOS else PORTFOLIO_IDS
        if record := self._pick(entity, pick):
            record[PARENT_ID[entity]] = owners[owner % len(owners)]
            record |= {} if is_valid else INVALID[entity]

    @rule(entity=st.sampled_from((*ENTITIES,)), pick=PICK, is_valid=st.booleans())
    def change(self, entity: Entity, pick: int, is_valid: bool) -> None:  # noqa: FBT001
        valid = {CLIENTS: "fullName", PORTFOLIOS: "name", TRANSACTIONS: "description"}[entity]
        if record := self._pick(entity, pick):
            record |= {valid: f"changed {pick}", "amount": pick} if is_valid else INVALID[entity]

    @rule(entity=st.sampled_from((*ENTITIES,)), pick=PICK)
    def leave_out(self, entity: Entity, pick: int) -> None:
        if record := self._pick(entity, pick):
            del self.world[entity][record["id"]]

    @rule(pick=PICK)
    def send_a_client_again(self, pick: int) -> None:
        key = CLIENT_IDS[pick % 4]
        self.world[CLIENTS].setdefault(key, client(id=key))

    @rule(pick=PICK, owner=PICK)
    def send_a_portfolio_again(self, pick: int, owner: int) -> None:
        key = PORTFOLIO_IDS[pick % 6]
        self.world[PORTFOLIOS].setdefault(key, portfolio(id=key, clientId=CLIENT_IDS[owner % 4]))

    @rule(pick=PICK)
    def forget_a_client(self, pick: int) -> None:
        """INN8 erases a person: the client, its portfolios and their transactions."""
        self._forget(CLIENT_IDS[pick % 4])

    # Syncs

    @rule()
    def sync_all(self) -> None:
        for entity in ENTITIES:
            self._merge(self._fetch(entity))

    @rule(entity=st.sampled_from((*ENTITIES,)), first=st.integers(1, 8), length=st.integers(0, 9))
    def fetch(self, entity: Entity, first: int, length: int) -> None:
        self._fetch(entity, first, min(first + length, 10))

    @rule(pick=PICK)
    def merge_what_was_fetched(self, pick: int) -> None:
        if self.landings:
            self._merge(self.landings[-1 - pick % len(self.landings)])

    @rule(entity=st.sampled_from((*ENTITIES,)))
    def rebuild(self, entity: Entity) -> None:
        for landing, days in self._newest(entity):
            self.syncs.merge(landing, days, may_repeat=False)
        self._expect_nothing_of_the_erased()

    # Erasures

    @rule(pick=PICK, is_forgotten=st.booleans())
    def erase(self, pick: int, is_forgotten: bool) -> None:  # noqa: FBT001
        person = CLIENT_IDS[pick % 4]
        if is_forgotten:
            self._forget(person)
            self.sync_all()
        before = self._rows()
        of_person = {row["id"] for row in self._owned() if row["client"] == person}
        erased = self._only_of(person) | of_person
        try:
            erase.erase(self.syncs.engine, self._subject(person), redact, wait_seconds=300)
        except StillSentError:
            erase.erase(self.syncs.engine, self._subject(person), redact, may_be_sent=True, wait_seconds=300)
        self._forget_owners(person, erased)
        self._expect_nothing_of_the_erased()
        kept = {key: values for key, values in before.items() if key[1] not in of_person}
        assert self._rows() == kept, "an erasure changed the rows of others"

    @rule(pick=PICK, entity=st.sampled_from((*ENTITIES,)))
    def erase_during_a_sync(self, pick: int, entity: Entity) -> None:
        """Erase a client while another thread merges what was fetched before, then fetches without the client."""
        person = CLIENT_IDS[pick % 4]
        earlier = self._fetch(entity)
        erased = self._only_of(person) | {row["id"] for row in self._owned() if row["client"] == person}
        self._forget(person)
        failures: list[BaseException] = []

        def sync() -> None:
            try:
                self._merge(earlier)
            except BaseException as error:  # noqa: BLE001 (raised again below, in the thread of the test)
                failures.append(error)

        other = threading.Thread(target=sync)
        other.start()
        erase.erase(self.syncs.engine, self._subject(person), redact, may_be_sent=True, wait_seconds=300)
        other.join()
        assert failures == []
        self._forget_owners(person, erased)
        self._expect_nothing_of_the_erased()

    def teardown(self) -> None:
        if not hasattr(self, "syncs"):
            return
        self.erase(pick=0, is_forgotten=False)
        for _ in range(2):
            self.sync_all()
        self.rebuild(TRANSACTIONS)

    # What the rules are made of

    def _pick(self, entity: Entity, pick: int) -> Row | None:
        records = list(self.world[entity].values())
        return records[pick % len(records)] if records else None

    def _subject(self, person: str) -> DataSubject:
        return DataSubject(self.syncs.tenant_id, person)

    def _forget(self, person: str) -> None:
        self.world[CLIENTS].pop(person, None)
        gone = {person}
        for entity, parent in PARENT_ID.items():
            gone = {key for key, record in self.world[entity].items() if record[parent] in gone}
            for key in gone:
                del self.world[entity][key]

    def _fetch(self, entity: Entity, first: int = 1, last: int = 10) -> Landing:
        window = october(first, last) if entity.has_days else None
        records = [
            dict(record) for record in self.world[entity].values()
            if not window or first <= int(record["tradeDate"][-2:]) <= last
        ]  # fmt: skip
        landing = self.syncs.land(entity, records, window, page_size=3)
        for record in records:
            self._note(entity, record)
        self.landings.append(landing)
        return landing

    def _note(self, entity: Entity, record: Row) -> None:
        """Note what the record names: INN8 has sent it again."""
        parent = record.get(PARENT_ID.get(entity, ""))
        self.erased -= {record["id"], parent}
        self.owners.setdefault(record["id"], set()).update({parent} if parent else ())

    def _only_of(self, person: str) -> set[str]:
        """Return the ids that no record, since their last erasure, puts under anybody else."""
        found = {person}
        for ids in (PORTFOLIO_IDS, TRANSACTION_IDS):
            found |= {key for key in ids if self.owners.get(key) and self.owners[key] <= found}
        return found

    def _forget_owners(self, person: str, erased: set[str]) -> None:
        self.erased |= erased
        for key, owners in self.owners.items():
            owners -= {person, *erased}
            if key in erased:
                owners.clear()

    def _merge(self, landing: Landing) -> None:
        try:
            self.syncs.merge(landing)
        except LandingMissingError:
            self.landings = [each for each in self.landings if each is not landing]
        self._expect_nothing_of_the_erased()

    def _newest(self, entity: Entity) -> list[Any]:
        engine, tenant_id = self.syncs.engine, self.syncs.tenant_id
        if entity.has_days:
            return newest_of_days(engine, tenant_id, entity, HISTORY)
        return [(newest(engine, tenant_id, entity), None)]

    def _owned(self) -> list[Row]:
        return self.syncs.query(OWNERS, tenant=self.syncs.tenant_id)

    def _rows(self) -> dict[tuple[str, str], Row]:
        found: dict[tuple[str, str], Row] = {}
        for entity in ENTITIES:
            query = f"select * from inn8.{entity} where tenant_id = :tenant"
            rows = self.syncs.query(query, tenant=self.syncs.tenant_id)
            found.update({(entity.name, row["external_id"]): row for row in rows})
        return found

    def _expect_nothing_of_the_erased(self) -> None:
        if not self.erased:
            return
        one = "select '{name}' as name, t::text as row from {name} t where tenant_id = :tenant"
        union = " union all ".join(one.format(**each) for each in self.syncs.query(READABLE))
        rows = self.syncs.query(union, tenant=self.syncs.tenant_id)
        found = {(row["name"], key) for row in rows for key in self.erased if key in row["row"]}
        assert found == set(), "an erased person can be reached"


def test_nothing_of_an_erased_person_is_reached_though_it_was_fetched_merged_and_given_to_others(
    engine: Engine, request: pytest.FixtureRequest
) -> None:
    Erasures.engine = engine
    run_state_machine_as_test(Erasures, settings=soak_settings(request, examples=2, steps=(8, 30)))


def test_erasures_between_a_fetch_and_its_merge_and_of_former_owners_are_tested_one_by_one(engine: Engine) -> None:
    Erasures.engine = engine
    machine = Erasures()
    machine.begin()
    machine.give_to_another_owner(PORTFOLIOS, pick=0, owner=1, is_valid=True)
    machine.give_to_another_owner(PORTFOLIOS, pick=4, owner=2, is_valid=False)
    machine.give_to_another_owner(TRANSACTIONS, pick=2, owner=0, is_valid=False)
    machine.fetch(PORTFOLIOS, first=1, length=9)
    machine.erase(pick=0, is_forgotten=False)
    machine.merge_what_was_fetched(pick=0)
    machine.sync_all()
    machine.erase_during_a_sync(pick=1, entity=TRANSACTIONS)
    machine.leave_out(CLIENTS, pick=0)
    machine.fetch(TRANSACTIONS, first=3, length=2)
    machine.erase(pick=2, is_forgotten=True)
    machine.merge_what_was_fetched(pick=0)
    machine.teardown()


def test_the_past_of_what_was_given_to_an_erased_person_is_erased_too(engine: Engine) -> None:
    Erasures.engine = engine
    machine = Erasures()
    machine.begin()
    machine.give_to_another_owner(TRANSACTIONS, pick=2, owner=1, is_valid=True)
    machine.give_to_another_owner(PORTFOLIOS, pick=0, owner=1, is_valid=True)
    machine.sync_all()
    machine.erase(pick=1, is_forgotten=True)
    machine.teardown()
