"""The numbers of an entity's health."""

from inn8_pipeline.entities import CLIENTS
from inn8_pipeline.warehouse.database import connect
from inn8_pipeline.warehouse.queries import health
from inn8_pipeline_tests.transform.builders import client
from inn8_pipeline_tests.warehouse.syncs import TENANT, Syncs, october


def test_the_health_is_read_through_a_pooler_in_transaction_mode(syncs: Syncs, warehouse_url: str) -> None:
    syncs.clients([client()])
    engine = connect(warehouse_url, prepares_statements=False)
    last_merge = health.examine(engine, TENANT, CLIENTS, october(1, 10)).last_merge
    assert last_merge is not None
