"""Row counts, samples, and whether an entity was ever merged."""

from inn8_pipeline.entities import PORTFOLIOS, TRANSACTIONS
from inn8_pipeline.warehouse.queries import tables
from inn8_pipeline_tests.transform.builders import client, transaction
from inn8_pipeline_tests.warehouse.syncs import TENANT, Syncs


def test_rows_are_counted_and_the_newest_are_sampled(owned: Syncs) -> None:
    owned.clients([client(), client(id="C-2")])
    with tables.reading(owned.engine, "testing") as connection:
        counts = tables.row_counts(connection, TENANT)
        assert (counts["inn8.clients"], counts["inn8.portfolios"], counts["inn8_raw.landings"]) == (2, 1, 3)
        assert [row["external_id"] for row in tables.sample(connection, TENANT, "clients", 1)] == ["C-2"]


def test_an_entity_counts_as_merged_after_its_first_merge_not_after_a_fetch(owned: Syncs) -> None:
    owned.land(TRANSACTIONS, [transaction()])
    with tables.reading(owned.engine, "testing") as connection:
        assert tables.has_merged(connection, TENANT, PORTFOLIOS)
        assert not tables.has_merged(connection, TENANT, TRANSACTIONS)
