"""`inn8 db heal-clock`: the command that FutureLandingError names, run as the message has it."""

import json

import pytest

from inn8_pipeline.entities import CLIENTS
from inn8_pipeline.errors import FutureLandingError
from inn8_pipeline_tests.cli.conftest import Terminal
from inn8_pipeline_tests.transform.builders import client
from inn8_pipeline_tests.warehouse.syncs import TENANT, Syncs


def test_the_command_that_the_error_names_lets_syncs_go_on(warehouse_url: str) -> None:
    terminal = Terminal({"INN8_DATABASE_URL": warehouse_url, "INN8_TENANT_ID": TENANT})
    with Syncs(warehouse_url) as syncs:
        syncs.clients([client()])
        syncs.execute("update inn8_raw.landings set started_at = started_at + interval '30 days'")
        with pytest.raises(FutureLandingError) as caught:
            syncs.land(CLIENTS, [client()])
        assert "`inn8 db heal-clock`" in str(caught.value)
        healed = terminal.ask("db", "heal-clock")
        assert (healed.exit_code, "1 landings began in the future" in healed.stdout) == (0, True)
        assert syncs.clients([client()]).counts.fetched == 1
    assert json.loads(terminal.ask("db", "heal-clock", "--json").stdout) == {"landings": 0, "instants": 0}
    again = terminal.ask("db", "heal-clock")
    assert (again.exit_code, again.stdout) == (0, "No time is in the future: nothing was changed.\n")
