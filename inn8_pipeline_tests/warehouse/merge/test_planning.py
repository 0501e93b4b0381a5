"""Statistics for the planner, so that a first load does not read all parents for each of its rows."""

from sqlalchemy import text

from inn8_pipeline_tests.transform.builders import client, portfolio, transaction
from inn8_pipeline_tests.warehouse.syncs import Syncs

_KNOWN = "select reltuples::int as known from pg_class where oid = 'inn8.{}'::regclass"
PARENTS = [client(id=f"C-{number}") for number in range(100)]
CHILDREN = [portfolio(id=f"P-{number}", clientId=f"C-{number}") for number in range(100)]


def test_parents_that_have_just_come_are_analyzed_before_they_are_joined(syncs: Syncs) -> None:
    syncs.execute("analyze")  # of empty tables, as a migration by hand may do
    syncs.clients(PARENTS)
    syncs.portfolios(CHILDREN)
    syncs.transactions([transaction(portfolioId="P-7")])
    for table, rows in (("clients", 100), ("portfolios", 100), ("securities", 1)):
        assert syncs.query(_KNOWN.format(table)) == [{"known": rows}], table


def test_parents_that_the_planner_knows_are_not_analyzed_again(syncs: Syncs) -> None:
    syncs.clients(PARENTS)
    syncs.portfolios(CHILDREN)
    syncs.clients([*PARENTS, client(id="C-more")])
    syncs.portfolios(CHILDREN[:50])
    assert syncs.query(_KNOWN.format("clients")) == [{"known": 100}]


def test_a_merge_does_not_wait_for_who_analyzes_the_parents(syncs: Syncs) -> None:
    syncs.clients(PARENTS)
    with syncs.engine.begin() as other:
        other.execute(text("lock table inn8.clients in share update exclusive mode"))
        assert syncs.portfolios(CHILDREN).counts.inserted == 100
