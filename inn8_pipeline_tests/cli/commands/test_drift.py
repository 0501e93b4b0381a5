"""`inn8 drift values` lists what the contract does not list, in the terminal only."""

import json

from inn8_pipeline_tests.cli.conftest import Terminal
from inn8_pipeline_tests.transform.builders import client, portfolio, transaction
from inn8_pipeline_tests.warehouse.syncs import TENANT, Syncs


def values(terminal: Terminal, entity: str) -> list[tuple[str, str, int]]:
    found = terminal.ask("drift", "values", entity, "--json")
    assert found.exit_code == 0
    return [(row["property"], row["value"], row["records"]) for row in json.loads(found.stdout)]


def test_every_unlisted_value_of_the_landings_is_listed_with_its_number_of_records(warehouse_url: str) -> None:
    terminal = Terminal({"INN8_DATABASE_URL": warehouse_url, "INN8_TENANT_ID": TENANT})
    with Syncs(warehouse_url) as syncs:
        sent = [
            client(id=f"C-{number}", status=status) for number, status in enumerate(("Sipho", "Sipho", "thandi", "x"))
        ]
        syncs.clients([client(status="ACTIVE"), *sent])
        syncs.clients([client(status="ACTIVE"), *sent[:3], client(id="C-3", status=None)])
        syncs.portfolios([portfolio(type="Living-Annuity", status="\x1b[31mred")])
        days = ("0001-01-01T00:00:00", "0001-01-01", None, "2026-10-08")
        syncs.transactions([transaction(id=str(number), settlementDate=day) for number, day in enumerate(days)])
    assert values(terminal, "clients") == [("status", "Sipho", 2), ("status", "thandi", 1)]
    assert values(terminal, "portfolios") == [("status", "\x1b[31mred", 1)]
    assert values(terminal, "transactions") == [("settlementDate", "0001-01-01", 2)]
    shown = terminal.ask("drift", "values", "portfolios").stdout
    assert "\x1b" not in shown
    assert r"\x1b[31mred" in shown


def test_a_collection_without_unlisted_values_says_so(warehouse_url: str) -> None:
    terminal = Terminal({"INN8_DATABASE_URL": warehouse_url, "INN8_TENANT_ID": TENANT})
    with Syncs(warehouse_url) as syncs:
        syncs.clients([client()])
    assert terminal.ask("drift", "values", "clients").stdout == "INN8 sends no unlisted values of clients.\n"
