"""The SQL that is generated from a declaration creates the same views as the migrations."""

import pytest
from psycopg import sql

from inn8_pipeline.entities import ENTITIES, Entity
from inn8_pipeline.warehouse.database import execute
from inn8_pipeline.warehouse.schema import entity_ddl
from inn8_pipeline.warehouse.schema.views import details_view, raw_view
from inn8_pipeline_tests.transform.builders import client, portfolio, transaction
from inn8_pipeline_tests.warehouse.syncs import Syncs


def populate(syncs: Syncs) -> None:
    """Sync rows of each kind: present, missing, with an open reject, hidden with their parent."""
    syncs.clients([client(), client(id="C-2"), client(id="C-3")])
    syncs.portfolios([portfolio(), portfolio(id="P-2", clientId="C-2"), portfolio(id="P-3")])
    syncs.transactions([transaction(), transaction(id="T-2", portfolioId="P-2"), transaction(id="T-3", security=None)])
    syncs.clients([client(), client(id="C-2", fullName=1)])
    syncs.portfolios([portfolio(), portfolio(id="P-2", clientId="C-9")])
    syncs.transactions([transaction(), transaction(id="T-2", portfolioId="P-2"), transaction(id="T-3", amount="x")])


@pytest.mark.parametrize("entity", ENTITIES, ids=str)
def test_the_generated_views_show_the_same_rows_as_those_of_the_migrations(syncs: Syncs, entity: Entity) -> None:
    populate(syncs)
    statements = [each.as_string() for each in entity_ddl.statements(entity)]
    for view in (details_view(entity), raw_view(entity)):
        name = ".".join(f'"{part}"' for part in view.name.split("."))
        (query,) = (each.partition(" as ")[2] for each in statements if each.startswith(f"create view {name} as"))
        columns = ", ".join(each if each != "record" else "record::text" for each in view.columns)
        rows = f"select {columns} from {view.name} order by 1, 2, 3, 4, 5"
        written = f"select {columns} from ({query}) v order by 1, 2, 3, 4, 5"
        with syncs.engine.connect() as connection:
            found = [execute(connection, sql.SQL(each)).fetchall() for each in (rows, written)]
        assert found[0] == found[1]
        assert found[0]
