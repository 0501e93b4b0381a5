"""One tenant's pipeline with its simulated INN8, and the checks after every merge.

This module has the invariants that hold after any events; `test_records` draws the events.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import date, timedelta

from sqlalchemy import Connection, Engine, text

from inn8_pipeline.cli.support.sandbox_dialects import dialects_of
from inn8_pipeline.contract.reading import parse
from inn8_pipeline.entities import ENTITIES as DECLARED
from inn8_pipeline.entities import Window
from inn8_pipeline.errors import ApiError, DatabaseError, LandingMissingError, MassChangeError, TooManyRejectsError
from inn8_pipeline.extract.client import Inn8Client
from inn8_pipeline.extract.endpoint import Endpoint, RetryPolicy
from inn8_pipeline.sandbox.api.server import SandboxServer
from inn8_pipeline.sandbox.world.world import Collection, World
from inn8_pipeline.sync import MARGIN_DAYS, Destination, land, landings_of, merge
from inn8_pipeline.transform import TRANSFORM_VERSION
from inn8_pipeline.transform.redaction import redact
from inn8_pipeline.warehouse.circuit_store import PostgresCircuits
from inn8_pipeline.warehouse.erasure import erase
from inn8_pipeline.warehouse.erasure.data_subject import DataSubject
from inn8_pipeline.warehouse.landing.store import Landing
from inn8_pipeline.warehouse.merge.absence.deletions import RemovalLimit
from inn8_pipeline.warehouse.merge.changes.change_limit import ChangeLimit
from inn8_pipeline.warehouse.merge.options import MergeOptions, RejectLimit
from inn8_pipeline.warehouse.merge.results import SyncResult
from inn8_pipeline_tests.contract.test_whole_syncs import STYLES
from inn8_pipeline_tests.soak import expectations, mass_changes, oracle, owners, tables
from inn8_pipeline_tests.soak.oracle import ENTITIES, Expected
from inn8_pipeline_tests.soak.past import Past
from inn8_pipeline_tests.soak.sent import Sent

LAST = date(2026, 10, 30)
FIRST = LAST - timedelta(days=4)
HISTORY = Window(FIRST - timedelta(days=1), LAST + timedelta(days=1))
LYING = {"no_paging", "no_windows", "no_total", "body"}
"""Faults with which a server sends wrong data that nobody can detect: then the tables may have anything ever sent."""
QUICK = RetryPolicy(waits_seconds=(0.001, 0.001, 0.001), jitter_seconds=0.0, max_retry_after_seconds=0.002)


@dataclass(frozen=True)
class Landed:
    """A landing, the number of the moment at which it was fetched, and what INN8 then had; None if it may have lied."""

    landing: Landing
    moment: int
    records: list[object] | None


class Bench:
    """World, server, client and tables of a tenant; the results of every merge are checked."""

    def __init__(  # noqa: PLR0913 (how the tenant's INN8 pages)
        self, engine: Engine, tenant_id: str, page_size: int, pages_at_a_time: int, style: str,
        *, asks_conditionally: bool = False,
    ) -> None:  # fmt: skip
        self.engine, self.tenant_id, self.page_size = engine, tenant_id, page_size
        self.world = World(clients=21, portfolios=24, transactions=30, days=5, seed=7, last_date=LAST)
        self.server = SandboxServer(self.world)
        self.style, self.asks = style, asks_conditionally
        conditional = "etag" if asks_conditionally else "no"
        contract = parse(f"{STYLES[style] or '[paging]'}\nconditional = '{conditional}'", DECLARED)
        self.server.options.etags = asks_conditionally
        if style != "link":
            self.server.app.dialects.update(dialects_of(contract))
        self.server.options.paging = style != "single"
        self.server.start()
        endpoint = Endpoint(
            tenant_id, self.server.base_url, self.server.client_id, self.server.client_secret,
            page_size=page_size, pages_at_a_time=pages_at_a_time, contract=contract,
        )  # fmt: skip
        self.circuits = PostgresCircuits(engine, tenant_id)
        self.client = Inn8Client(endpoint, self.circuits, retry=QUICK)
        self.to = Destination(engine, tenant_id, "soak")
        self.landed: dict[Collection, list[Landed]] = {entity: [] for entity in ENTITIES}
        self._moment = 0
        self._noted = -1
        self._sent = Sent()
        self._merged: set[int] = set()
        self.refusals: list[type[Exception]] = []
        self.past = Past(engine, tenant_id)

    def close(self) -> None:
        """Close the connections, the server and the world."""
        self.client.close()
        self.circuits.close()
        self.server.stop()
        self.world.close()

    def note(self) -> int:
        """Remember what INN8 has now; return the number of this moment."""
        if self.world.version != self._noted:
            self._noted, self._moment = self.world.version, self._moment + 1
            for entity in ENTITIES:
                for record in self.world.records(entity):
                    self._sent.remember(entity, record, self._moment)
        return self._moment

    # What a sync does

    def fetch(self, entity: Collection, window: Window | None = None) -> Landed | None:
        """Land the collection; return None if a fault of INN8 failed the fetch, which must have changed nothing."""
        before = tables.read(self.engine, self.tenant_id)
        moment, version = self.note(), self.world.version
        is_honest = not any(fault.kind in LYING for fault in self.server.faults.pending())
        records = self.served(entity, window)
        try:
            landing = land(self.client, self.to, DECLARED.named(entity), window, may_ask_conditionally=self.asks)
        except ApiError:
            assert tables.read(self.engine, self.tenant_id) == before, "a failed fetch changed a table"
            return None
        finally:
            self.note()
        is_honest &= version == self.world.version
        self.landed[entity].append(Landed(landing, moment, records if is_honest else None))
        return self.landed[entity][-1]

    def served(self, entity: Collection, window: Window | None) -> list[object]:
        """Return the records that INN8 has for this window."""
        if window is None or not self.server.options.windows:
            return self.world.records(entity)
        margin = MARGIN_DAYS - self.server.options.exclusive_windows
        served = window.widened(margin)
        return self.world.records(entity, served.from_date, served.to_date)

    def merge(
        self, landed: Landed, days: frozenset[date] | None, *, may_repeat: bool, is_sure: bool
    ) -> SyncResult | None:
        """Merge a landing, watched by a reader; None where too much was refused. `is_sure` lifts all bounds."""
        entity = str(landed.landing.entity)
        rules = _options(landed.landing, may_repeat=may_repeat, is_sure=is_sure)
        before = tables.read(self.engine, self.tenant_id)
        refusal: TooManyRejectsError | MassChangeError | None = None
        outcome = None
        with tables.watched(self.engine, self.tenant_id) as states:
            try:
                outcome = merge(self.to, [(landed.landing, days)], lambda _: rules, lambda: None)
            except (TooManyRejectsError, MassChangeError) as error:
                refusal = error
        after = tables.read(self.engine, self.tenant_id)
        assert all(state in (before, after) for state in states), "a reader saw a part of a sync"
        if outcome is None:
            assert refusal is not None
            self.refusals.append(type(refusal))
            assert after == before, "a refused sync changed a table"
            if isinstance(refusal, TooManyRejectsError):
                assert refusal.rejected * 2 > refusal.records >= 20
            else:
                self._judge_mass_change(landed, days, before, refusal)
            return None
        if not is_sure:
            self._judge_mass_change(landed, days, before, None)
        self._merged.add(landed.landing.id)
        self._judge(entity, landed, outcome.results[0], before, after)
        self.past.note(after)
        return outcome.results[0]

    def kill(self, landed: Landed, days: frozenset[date] | None) -> None:
        """Merge a landing, and kill the session of the merge before it commits; assert that nothing has changed."""
        before = tables.read(self.engine, self.tenant_id)
        options = _options(landed.landing, may_repeat=True, is_sure=True)
        try:
            merge(self.to, [(landed.landing, days)], lambda _: options, lambda: None, on_each=_terminate)
        except DatabaseError:
            assert tables.read(self.engine, self.tenant_id) == before, "a killed sync changed a table"
        else:
            raise AssertionError

    def erase(self, client: str) -> None:
        """Erase a client, and assert that the past is the same without the client."""
        before = tables.read(self.engine, self.tenant_id)
        erase.erase(self.engine, DataSubject(self.tenant_id, client), redact, may_be_sent=True)
        self.past.erase(client, before)
        self.past.check_all()

    def newest(self, entity: Collection, window: Window | None) -> Iterator[tuple[Landed, frozenset[date] | None]]:
        """Yield the landings that a table is rebuilt from; none if a day was never fetched."""
        known = {each.landing.id: each for each in self.landed[entity]}
        with suppress(LandingMissingError):
            for landing, days in landings_of(self.to, DECLARED.named(entity), window):
                yield known[landing.id], days

    def read_again(self) -> None:
        """Read when the landings began: healing the clock moves them."""
        query = text("select id, started_at from inn8_raw.landings where tenant_id = :id")
        with self.engine.connect() as connection:
            began = {each.id: each.started_at for each in connection.execute(query, {"id": self.tenant_id})}
        self.past.forget()
        for entity, all_landed in self.landed.items():
            self.landed[entity] = [
                replace(each, landing=replace(each.landing, started_at=began[each.landing.id])) for each in all_landed
            ]

    # What is never wrong

    def _judge_mass_change(
        self, landed: Landed, days: frozenset[date] | None, before: tables.Seen, refusal: MassChangeError | None
    ) -> None:
        """Assert that a merge was refused if, and only if, it would have changed a column in too many rows."""
        entity = str(landed.landing.entity)
        is_first = landed.landing.id not in self._merged
        if refusal:
            assert is_first, "what was merged before may be merged again"
        is_newest = any(landed is each[-1] for each in self.landed.values() if each)
        if landed.records is None or not is_first or not is_newest:
            return
        found = mass_changes.find(entity, landed.records, before, days)
        if refusal and not any(each.startswith("security.") for each in refusal.findings):
            assert found, f"{entity}: refused, though no column changes in many rows"
        assert refusal or not found, f"{entity}: column {found} changed in too many rows"

    def _judge(self, entity: str, landed: Landed, result: SyncResult, before: tables.Seen, after: tables.Seen) -> None:
        old, new = before.of(entity), after.of(entity)
        others = [each for each in (*ENTITIES, "securities") if each not in (entity, "securities")]
        assert all(before.of(each).keys() == after.of(each).keys() for each in others), "another table changed"
        assert old.keys() <= new.keys(), "a row is gone"
        counts = result.counts
        assert counts.balance == 0
        assert landed.records is None or counts.fetched == len(landed.records)
        assert counts.inserted == len(new.keys() - old.keys())
        changed = {key for key in old if old[key] != new[key]}
        revived = {key for key in old if key in before.missing(entity) - after.missing(entity)}
        shown = before.hidden.get(entity, set()) - after.hidden.get(entity, set())
        assert len(changed | revived) <= counts.updated <= len(changed | revived | shown)
        assert result.missing == len(after.missing(entity) - before.missing(entity))
        assert result.removed == len(after.removed(entity) - before.removed(entity))
        assert after.removed(entity) - before.removed(entity) <= before.missing(entity), "removed after one fetch"
        for key in changed | revived | (new.keys() - old.keys()):
            self._sent.judge_version(entity, key, new[key])
        for key in after.missing(entity) - before.missing(entity):
            assert self._sent.confirmed(entity, key) <= landed.moment, f"{key}: older than what confirmed it"
        for key, row in after.of("securities").items():
            assert self._sent.has_security(key, row), f"security {key} was never sent so"
        self._sent.confirm(entity, landed.records or (), landed.moment, new)

    # What must be

    @contextmanager
    def proven(self, entity: str, landed: Landed, days: frozenset[date] | None) -> Iterator[None]:
        """Merge the newest landing within the context, and assert that the table is then exactly what INN8 has."""
        before = tables.read(self.engine, self.tenant_id)
        yield
        after = tables.read(self.engine, self.tenant_id)
        if not landed.records:
            assert landed.records == []
            assert after.rows == before.rows, "INN8 sent none, and a value changed"
            assert entity == "transactions" or after == before, f"INN8 sent no {entity}, and some were marked"
            return
        parents = {"portfolios": "clients", "transactions": "portfolios"}.get(entity)
        expected = oracle.expect(entity, landed.records, after.of(parents).keys() if parents else (), days)
        expectations.hold_rows(entity, expected, before, after, absence_counts=self._absence_counts(landed, expected))
        expectations.hold_rejects(entity, expected, before, after, proves_absence=landed.landing.proves_absence)
        if parents:
            shown = tables.shown_owners(self.engine, self.tenant_id)
            owners.hold(entity, landed.records, days, expected, before, after, shown)
        if entity == "transactions":
            expectations.hold_securities(landed.records, after, HISTORY)

    def _absence_counts(self, landed: Landed, expected: Expected) -> bool:
        stands_on_two = expectations.stands_on_two_pages(landed.records or [], self.page_size)
        assert landed.landing.has_duplicates == (self.server.options.paging and stands_on_two)
        return landed.landing.proves_absence and not expected.has_unreadable

    def heal(self) -> None:
        """End all faults and close the circuits."""
        self.server.faults.clear()
        self.server.app.on_request = None
        with self.engine.begin() as connection:
            connection.execute(text("delete from inn8.circuits where tenant_id = :id"), {"id": self.tenant_id})


def _options(landing: Landing, *, may_repeat: bool, is_sure: bool) -> MergeOptions:
    """Return the options of a merge; `is_sure` lifts all bounds."""
    return MergeOptions(
        TRANSFORM_VERSION,
        full_window=HISTORY if landing.window else None,
        may_repeat=may_repeat,
        reject_limit=RejectLimit(percent=100 if is_sure else 50),
        removal_limit=RemovalLimit(is_overridden=is_sure),
        change_limit=ChangeLimit(is_overridden=is_sure),
        lock_seconds=5.0,
    )


def _terminate(connection: Connection, _landing: Landing) -> None:
    connection.execute(text("select pg_terminate_backend(pg_backend_pid())"))
