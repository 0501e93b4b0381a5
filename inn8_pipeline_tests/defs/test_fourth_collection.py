"""A fourth collection, declared outside of the package, works from the fetch to tables, log, views, erasure and CLI."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import dagster as dg
import pytest
import sqlalchemy
from click.testing import CliRunner
from sqlalchemy import Engine

from inn8_pipeline.cli import main
from inn8_pipeline.cli.support import data_dictionary
from inn8_pipeline.defs.build import build
from inn8_pipeline.defs.checks import asset_checks
from inn8_pipeline.defs.partitions import range_tags
from inn8_pipeline.entities import CLIENTS, ENTITIES, PORTFOLIOS, Entity
from inn8_pipeline.settings import Environment, read_sync
from inn8_pipeline.transform.redaction import redact
from inn8_pipeline.warehouse.database import connect
from inn8_pipeline.warehouse.erasure import erase
from inn8_pipeline.warehouse.erasure.data_subject import DataSubject
from inn8_pipeline.warehouse.schema import entity_ddl, migrations
from inn8_pipeline.warehouse.schema.tables import history_of, metadata, table_of
from inn8_pipeline_tests.defs.pipelines import KEYS, SECRET, TENANT
from inn8_pipeline_tests.entities.fees import FEES
from inn8_pipeline_tests.extract.servers import Inn8, Seen, reply, serving
from inn8_pipeline_tests.transform.builders import client, portfolio

DAYS = 5
DAY = datetime.now(UTC).date() - timedelta(days=3)
"""The day of a fee: one of the last five days, also if a new day begins while the tests run."""
Record = dict[str, object]


def fee(**changes: object) -> Record:
    return {
        "id": "F-1",
        "portfolioId": "P-1",
        "type": "Advice",
        "tradeDate": DAY.isoformat(),
        "amount": "12.3456789012",
        "tax": 1.85,
        **changes,
    }


@dataclass(frozen=True)
class Stage:
    """A pipeline that knows fees, and the INN8 that sends them. `days` are those of its transactions and fees."""

    inn8: Inn8
    engine: Engine
    instance: dg.DagsterInstance
    definitions: dg.Definitions
    days: list[date]

    def send(self, entity: Entity, *records: Record) -> None:
        def answer(seen: Seen) -> bytes:
            first, last = seen.query.get("fromDate", ""), seen.query.get("toDate", "9")
            return reply(
                json.dumps([each for each in records if first <= str(each.get("tradeDate", first)) <= last]).encode()
            )

        self.inn8.on(entity.path, answer)

    def sync(self, entity: Entity) -> str:
        """Run the entity's job, and return the status of its sync log."""
        job = self.definitions.resolve_job_def(KEYS.job_name(entity))
        tags = range_tags(read_sync(Environment()).full_window()) if entity.has_days else {}
        run = job.execute_in_process(instance=self.instance, tags=tags, raise_on_error=False)
        evaluations = [each for each in run.get_asset_check_evaluations() if each.check_name == "sync_log"]
        return str(evaluations[-1].metadata["status"].value)

    def rows(self, query: str) -> list[Any]:
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(sqlalchemy.text(query)).mappings()]

    def ask(self, *arguments: str) -> str:
        """Ask the command line, and return what it prints on standard output."""
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 0, result.output
        return result.stdout


@pytest.fixture
def stage(instance: dg.DagsterInstance, warehouse_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """Yield a pipeline that knows fees, with tables created from the declaration and two clients."""
    today = datetime.now(UTC).date()
    days = [today - timedelta(days=ago) for ago in reversed(range(DAYS))]
    with serving() as inn8, ENTITIES.registered(FEES):
        variables = {
            "INN8_BASE_URL": inn8.url,
            "INN8_CLIENT_ID": "fullview",
            "INN8_CLIENT_SECRET": SECRET,
            "INN8_TENANT_ID": TENANT,
            "INN8_DATABASE_URL": warehouse_url,
            "INN8_TRANSACTIONS_FROM": days[0].isoformat(),
        }
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        engine = connect(warehouse_url)
        with engine.begin() as connection:
            connection.execute(sqlalchemy.text("set local role inn8_owner"))
            entity_ddl.create(connection, FEES)
        stage = Stage(inn8, engine, instance, build(Environment()), days)
        stage.send(CLIENTS, client(), client(id="C-2"))
        stage.send(PORTFOLIOS, portfolio(), portfolio(id="P-2", clientId="C-2"))
        assert [stage.sync(entity) for entity in (CLIENTS, PORTFOLIOS)] == ["Success"] * 2
        try:
            yield stage
        finally:
            for table in (history_of(FEES), table_of(FEES)):
                metadata.remove(table)


def test_fees_come_in_exactly_with_their_parents_and_their_choice(stage: Stage) -> None:
    stage.send(FEES, fee(), fee(id="F-2", type="levy", amount=None))
    assert stage.sync(FEES) == "Success"
    (first, second) = stage.rows("select * from inn8.fee_details order by external_id")
    assert (first["amount"], first["tax"]) == (Decimal("12.3456789012").quantize(Decimal("1e-10")), Decimal("1.85"))
    assert (first["fee_type"], second["fee_type"]) == ("advice", "unknown")
    assert (first["portfolio_external_id"], first["trade_date"]) == ("P-1", DAY)
    assert first["client_id"] == stage.rows("select id from inn8.clients where external_id = 'C-1'")[0]["id"]
    assert first["last_synced_at"] is not None


def test_what_inn8_sent_can_be_read_record_by_record(stage: Stage) -> None:
    stage.send(FEES, fee())
    stage.sync(FEES)
    (row,) = stage.rows("select record::text, trade_date from inn8_raw.fees")
    assert (json.loads(row["record"]), row["trade_date"]) == (fee(), DAY)


def test_a_fee_that_is_invalid_or_has_no_portfolio_is_rejected_and_heals(stage: Stage) -> None:
    stage.send(FEES, fee(), fee(id="F-2", portfolioId="P-9"), fee(id="F-3", amount="much"))
    assert stage.sync(FEES) == "PartialSuccess"
    found = stage.rows("select external_id, reason from inn8.open_rejects where entity = 'fees' order by 1")
    assert [tuple(each.values()) for each in found] == [
        ("F-2", "portfolioId names no known portfolio"),
        ("F-3", "amount is not a number"),
    ]
    stage.send(FEES, fee(), fee(id="F-2"), fee(id="F-3"))
    assert stage.sync(FEES) == "Success"


def test_a_fee_that_is_no_longer_sent_is_missing_then_removed(stage: Stage) -> None:
    stage.send(FEES, fee(), fee(id="F-2", tradeDate=stage.days[-1].isoformat()))
    stage.sync(FEES)
    stage.send(FEES, fee())
    found = []
    for _ in range(2):
        stage.sync(FEES)
        found += stage.rows("select missing_since, removed_at from inn8.fees where external_id = 'F-2'")
    assert found[0]["missing_since"] is not None
    assert [row["removed_at"] is not None for row in found] == [False, True]


def test_a_reader_sees_the_fees_of_its_tenant_alone(stage: Stage) -> None:
    stage.send(FEES, fee())
    stage.sync(FEES)
    with stage.engine.begin() as connection:
        for statement in (
            "create role fees_reader nologin",
            "grant inn8_reader to fees_reader",
            "grant fees_reader to current_user",
            "insert into inn8.tenant_readers (tenant_id, role_name) values ('other', 'fees_reader')",
        ):
            connection.execute(sqlalchemy.text(statement))
        counted = []
        for tenant in ("other", TENANT):
            connection.execute(sqlalchemy.text("update inn8.tenant_readers set tenant_id = :t"), {"t": tenant})
            connection.execute(sqlalchemy.text("set local role fees_reader"))
            counted.append(connection.scalar(sqlalchemy.text("select count(*) from inn8.fee_details")))
            counted.append(connection.scalar(sqlalchemy.text("select count(*) from inn8_raw.fees")))
            counted.append(connection.scalar(sqlalchemy.text("select count(*) from inn8.fee_history")))
            counted.append(connection.scalar(sqlalchemy.text("select count(*) from inn8.fees_as_of(now())")))
            connection.execute(sqlalchemy.text("reset role"))
        connection.rollback()
    assert counted == [0] * 4 + [1] * 4


def test_it_has_a_history(stage: Stage) -> None:
    stage.send(FEES, fee())
    stage.sync(FEES)
    stage.send(FEES, fee(tax=2))
    stage.sync(FEES)
    (past, now) = stage.rows("select tax, valid_from, valid_to, reason from inn8.fee_history order by valid_from")
    assert (past["tax"], past["reason"], past["valid_to"]) == (Decimal("1.85"), "updated", now["valid_from"])
    query = "select tax, client_id, portfolio_external_id from inn8.fees_as_of('{}')"
    assert [stage.rows(query.format(each["valid_from"]))[0]["tax"] for each in (past, now)] == [Decimal("1.85"), 2]


def test_the_dictionary_and_postgres_explain_it(stage: Stage) -> None:
    page = data_dictionary.dictionary()
    assert "## inn8.fees" in page
    assert "## inn8.fee_details (view)" in page
    assert "| `tax` | `numeric(38, 10)` | yes | Tax on the fee, exact. |" in page
    migrations.upgrade(stage.engine)
    (row,) = stage.rows("select obj_description('inn8.fees'::regclass) as sentence")
    assert row["sentence"] == FEES.description


def test_erasing_a_client_erases_its_fees(stage: Stage) -> None:
    stage.send(FEES, fee(), fee(id="F-2", portfolioId="P-2"))
    stage.sync(FEES)
    erased = erase.erase(stage.engine, DataSubject(TENANT, "C-1"), redact, may_be_sent=True)
    assert erased.rows["fees"] == 1
    assert [row["external_id"] for row in stage.rows("select external_id from inn8.fees")] == ["F-2"]
    assert [json.loads(row["record"])["id"] for row in stage.rows("select record::text from inn8_raw.fees")] == ["F-2"]


def test_the_command_line_backfills_and_shows_it(stage: Stage) -> None:
    stage.send(FEES, fee())
    done = json.loads(
        stage.ask("backfill", "fees", "--from", f"{stage.days[0]}", "--to", f"{stage.days[-1]}", "--json")
    )
    assert (done["status"], done["syncs"][0]["entity"]) == ("Success", "fees")
    shown = json.loads(stage.ask("show", "fee", "F-1", "--json"))
    assert shown["row"]["tax"] == "1.8500000000"
    assert [each["external_id"] for each in shown["related"]["portfolio"]] == ["P-1"]
    assert list(json.loads(stage.ask("show", "portfolio", "P-1", "--json"))["related"]) == [
        "transactions by month",
        "fees by month",
    ]


def test_it_has_its_assets_its_job_and_its_place_in_the_tick(stage: Stage) -> None:
    keys = {key.to_user_string() for key in stage.definitions.resolve_asset_graph().get_all_asset_keys()}
    assert {"raw_fees", "fees"} <= keys
    context = dg.build_schedule_context(
        instance=stage.instance,
        scheduled_execution_time=datetime(2026, 10, 5, 12, tzinfo=UTC),
        repository_def=stage.definitions.get_repository_def(),
    )
    days = f"(the last {read_sync(Environment()).lookback_days} days of trade)"
    described = [
        str(stage.definitions.resolve_schedule_def(KEYS.name(name)).description)
        for name in ("every_15_minutes", "weekly_sweep")
    ]
    assert f"clients, portfolios, transactions {days}, fees {days} every" in described[0]
    assert "transactions, fees again" in described[1]
    for name, count in ((KEYS.name("every_15_minutes"), 4), (KEYS.name("weekly_sweep"), 2)):
        requests = stage.definitions.resolve_schedule_def(name).evaluate_tick(context).run_requests or []
        selected = [{key.to_user_string() for key in request.asset_selection or ()} for request in requests]
        assert {"raw_fees", "fees"} in selected
        assert len({request.run_key for request in requests}) >= count


def test_far_fewer_fees_than_on_the_same_weekday_before_fail_the_check_row_drop(stage: Stage) -> None:
    stage.send(FEES, *(fee(id=f"F-{day}", tradeDate=f"{day}") for day in stage.days))
    assert stage.sync(FEES) == "Success"
    weeks_before = """
        insert into inn8.sync_coverage overriding system value
        select (jsonb_populate_record(c, jsonb_build_object(
                 'id', c.id + 1000 * week, 'trade_date', c.trade_date - 7 * week
               ))).*
          from inn8.sync_coverage c, generate_series(1, 5) week where c.entity = 'fees';
        insert into inn8.fees overriding system value
        select (jsonb_populate_record(f, jsonb_build_object(
                 'id', f.id + 1000 * week, 'external_id', f.external_id || week, 'trade_date', f.trade_date - 7 * week
               ))).*
          from inn8.fees f, generate_series(1, 5) week
    """
    with stage.engine.begin() as connection:
        connection.execute(sqlalchemy.text(weeks_before))
    usual = dict(asset_checks.outcomes(KEYS, FEES, stage.engine))["row_drop"]
    assert (usual.passed, usual.metadata["count"], usual.metadata["usual"]) == (True, 1, 1)
    with stage.engine.begin() as connection:
        statement = "update inn8.fees set missing_since = now() where trade_date = cast(:day as date)"
        connection.execute(sqlalchemy.text(statement), {"day": usual.metadata["of"]})
    dropped = dict(asset_checks.outcomes(KEYS, FEES, stage.engine))["row_drop"]
    assert (dropped.passed, dropped.metadata["count"]) == (False, 0)
    assert "more than 50 % are missing" in dropped.advice
