"""A reader recovers no personal data of other tenants from the rows that `EXPLAIN` estimates.

The statistics of the planner are those of all tenants, and it uses them for the conditions of every reader.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from inn8_pipeline.entities import ENTITIES
from inn8_pipeline.warehouse.schema import access
from inn8_pipeline.warehouse.schema.tables import metadata
from inn8_pipeline_tests.transform.builders import client, portfolio, transaction
from inn8_pipeline_tests.warehouse.logins import Session, new_login, session
from inn8_pipeline_tests.warehouse.syncs import TENANT, Syncs

GUESSES = ["Nobody", "A", "Z", *(f"Frequent {number}" for number in range(65))]
PERSONAL = [(entity.name, column) for entity in ENTITIES for column in entity.personal_columns()]


@pytest.fixture
def reader(owned: Syncs) -> Iterator[Session]:
    """Yield a session of a login that may read the rows of a tenant which has none."""
    owned.transactions([transaction()])
    with new_login(owned.url) as login:
        access.grant_reader(owned.engine, login, "nobody")
        with session(owned.url, login) as opened:
            yield opened


def fill(syncs: Syncs, table: str, column: str) -> None:
    """Copy the row of the table 6,500 times, with 65 values of the column."""
    kept = {"id", "external_id", column}
    others = ", ".join(each.name for each in metadata.tables[f"inn8.{table}"].c if each.name not in kept)
    syncs.execute(
        f"insert into inn8.{table} (external_id, {column}, {others})"
        f" select 'X-' || i, 'Frequent ' || i % 65, {others} from inn8.{table}, generate_series(1, 6500) i"
    )
    syncs.execute(f"update inn8.{table} set {column} = {column} || '', updated_at = now() where external_id like 'X-%'")


def scans(plan: dict[str, Any], table: str) -> Iterator[int]:
    """Yield the estimated rows of each scan of the tables of this name: that of the rows and that of past versions."""
    if plan.get("Relation Name") == table:
        yield plan["Plan Rows"]
    for each in plan.get("Plans", ()):
        yield from scans(each, table)


def estimates(reader: Session, view: str, table: str, condition: str) -> set[tuple[int, ...]]:
    """Return the estimates of a condition, with each of the guesses in turn."""
    statement = f"explain (format json) select 1 from {view} where {condition}"
    plans = [reader.rows(statement.format(guess))[0]["QUERY PLAN"][0]["Plan"] for guess in GUESSES]
    return {tuple(scans(plan, table)) for plan in plans}


@pytest.mark.parametrize(("table", "column"), PERSONAL)
def test_the_estimates_are_those_of_a_value_that_nobody_has(
    owned: Syncs, reader: Session, table: str, column: str
) -> None:
    fill(owned, table, column)
    owned.execute(f"analyze inn8.{table}, inn8_history.{table}")
    for view in (f"inn8.{table.removesuffix('s')}_details", f"inn8.{table.removesuffix('s')}_history"):
        for condition in (f"{column} = '{{}}'", f"{column} < '{{}}'"):
            found = estimates(reader, view, table, condition)
            assert (len(found), () in found) == (1, False), (view, condition)


def test_no_statistics_of_personal_columns_are_kept(owned: Syncs) -> None:
    owned.portfolios([portfolio(accountNumber="7")])
    owned.clients([client(fullName="Sipho Dlamini")])
    owned.execute("analyze")
    known = owned.query(
        """
        select tablename, attname from pg_stats where schemaname in ('inn8', 'inn8_history')
         and tablename in ('clients', 'portfolios', 'transactions')
        """
    )
    kept = {(row["tablename"], row["attname"]) for row in known}
    assert ("clients", "status") in kept
    assert kept.isdisjoint(PERSONAL)
    assert TENANT in str(owned.query("select most_common_vals::text from pg_stats where attname = 'tenant_id'"))
