"""Answer the README's five questions of an operator by what it says, and run every query of the pages.

`make docs-check` runs it.
"""

import json
import re
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
import sqlalchemy

from inn8_pipeline.cli.support.group import EXIT_FAILED, EXIT_PARTIAL
from inn8_pipeline.entities import PORTFOLIOS, table_columns
from inn8_pipeline.sandbox.postgres.embedded import EmbeddedPostgres
from inn8_pipeline_tests.docs.conftest import DATABASES, Desk, set_up
from inn8_pipeline_tests.docs.listed import MAY_BE_EMPTY
from inn8_pipeline_tests.docs.pages import ROOT, Typed, queries

README = (ROOT / "README.md").read_text(encoding="utf-8")
INVALID = 3
MARCH = date(2026, 3, 1), date(2026, 3, 31)


@pytest.fixture(scope="module")
def desk(postgres: EmbeddedPostgres) -> Iterator[Desk]:
    """Yield a desk where everything was synced as the README says for the real INN8, with some records rejected."""
    with set_up(postgres, INVALID) as made:
        made.install()
        made.export(PGDATABASE=DATABASES[0])
        made.type("inn8 sync --full", codes={EXIT_PARTIAL})
        yield made


def answers(question: str) -> list[str]:
    """Return the texts in backticks of the README's line for the question, those of the question first."""
    lines = [line for line in README.splitlines() if line.startswith(f"| {question}")]
    assert len(lines) == 1, f"README.md has {len(lines)} lines for: {question}"
    return re.findall(r"`([^`]+)`", lines[0])


def query(desk: Desk, sql: str) -> list[Any]:
    engine = sqlalchemy.create_engine(desk.values["WAREHOUSE"])
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(sql).all()
    engine.dispose()
    return [tuple(row) for row in rows]


def test_was_last_nights_sync_complete(desk: Desk) -> None:
    command, option, *_ = answers("Was last night's sync complete?")
    today = json.loads(desk.type("inn8 log --json"))[0]["started_at"][:10]
    assert "--day 2026-11-25" in option
    of_today = desk.type(f"inn8 log {option.replace('2026-11-25', today)}")
    assert re.match(
        rf"NOT complete: {3 * INVALID} rejects open, all other records written \(clients, portfolios, "
        r"transactions PartialSuccess at [^)]+\)\. No Success in (\d+) of \1 syncs of 3 entities; ",
        of_today,
    )
    of_night = desk.type(command)
    assert of_night.startswith("NOT complete: "), "the sync may be of this morning, and none of the night"


def test_which_records_were_rejected_and_why(desk: Desk) -> None:
    listing, showing, sql = answers("Which records were rejected, and why?")
    said = desk.type(listing)
    for reason in ("fullName is missing", "clientId names no known client", "amount has more than 10 decimal places"):
        assert reason in said
    rejected = query(desk, sql)
    assert len(rejected) == 3 * INVALID
    assert ("clients", "CL-X00001", "fullName is missing") in rejected
    number = query(desk, "select id from inn8.rejected_records where external_id = 'CL-X00001'")[0][0]
    assert "invalid1@example.com" in desk.type(showing.replace("ID", str(number)))


def test_what_inn8_sent_for_a_transaction(desk: Desk) -> None:
    _, showing, sql = answers("What did INN8 send for transaction `TX`?")
    sent = desk.world.records("transactions", *MARCH)[0]
    (found,) = query(desk, sql.replace("TX", sent["id"]))
    assert found[0] == json.loads(json.dumps(sent, default=float))
    said = "".join(desk.type(showing.replace("TX", sent["id"])).split())
    assert "".join(json.dumps(sent["security"]["name"]).split()) in said
    assert f'"amount":{sent["amount"]}' in said


def test_march_is_loaded_again(desk: Desk) -> None:
    command, *_ = answers("How do I load March again?")
    assert desk.world.change_fraction("transactions", 0.2, salt="march")
    sent = {record["id"]: record["description"] for record in desk.world.records("transactions", *MARCH)}
    sql = "select external_id, description from inn8.transactions where trade_date between '{}' and '{}'"
    assert dict(query(desk, sql.format(*MARCH))) != sent
    desk.type(command, codes={EXIT_PARTIAL})
    assert dict(query(desk, sql.format(*MARCH))) == sent


def test_what_account_type_means(desk: Desk) -> None:
    column, command = answers("What does `account_type` mean?")[:2]
    meaning = next(each.comment for each in table_columns(PORTFOLIOS) if each.name == column)
    assert meaning in desk.type(command)
    assert f"| `{column}` | `text` |  | {meaning} |" in (ROOT / "docs" / "dictionary.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def past(desk: Desk) -> None:
    """Let everything have been loaded two months ago, and change an amount and a phone number today."""
    engine = sqlalchemy.create_engine(desk.values["WAREHOUSE"])
    with engine.begin() as connection:
        connection.exec_driver_sql("set local session_replication_role = replica")
        for table in ("clients", "portfolios", "transactions"):
            connection.exec_driver_sql(f"update inn8.{table} set valid_from = valid_from - interval '2 months'")
        connection.exec_driver_sql("set local session_replication_role = origin")
        connection.exec_driver_sql("analyze")
        for change, view in (
            ("transactions set amount = amount + 1", "transaction"),
            ("clients set phone = ''", "client"),
        ):
            connection.exec_driver_sql(f"update inn8.{change} where id = (select min(id) from inn8.{view}_details)")
    engine.dispose()


@pytest.fixture(scope="module")
def failed_sync(desk: Desk) -> None:
    """Leave a sync in the log that failed, because INN8 refused the secret."""
    desk.type("INN8_CLIENT_SECRET=wrong inn8 sync clients", codes={EXIT_FAILED})


@pytest.fixture(scope="module")
def paused(desk: Desk) -> Iterator[None]:
    """Pause an entity until the queries were asked."""
    desk.type("inn8 pause clients --reason 'INN8 renames its advisers'")
    yield
    desk.type("inn8 resume clients")


@pytest.mark.usefixtures("failed_sync", "past", "paused")
@pytest.mark.parametrize("asked", queries(), ids=str)
def test_every_query_of_the_pages_finds_something(desk: Desk, asked: Typed) -> None:
    sql = asked.text.replace("'TX'", f"'{desk.world.records('transactions', *MARCH)[0]['id']}'")
    assert query(desk, sql) or any(table in sql for table in MAY_BE_EMPTY)
