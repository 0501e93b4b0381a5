"""`inn8 erase`: a preview by default; the output has counts and never a value."""

import json
import re

from inn8_pipeline.entities import PORTFOLIOS
from inn8_pipeline_tests.cli.conftest import Terminal
from inn8_pipeline_tests.transform.builders import client, portfolio
from inn8_pipeline_tests.warehouse.syncs import TENANT, Syncs


def test_a_client_is_erased_only_with_yes_and_once_inn8_no_longer_sends_it(warehouse_url: str) -> None:
    terminal = Terminal({"INN8_DATABASE_URL": warehouse_url, "INN8_TENANT_ID": TENANT})
    with Syncs(warehouse_url) as syncs:
        syncs.with_parents()
        preview = terminal.ask("erase", "client", "C-1")
        assert (preview.exit_code, "  rows of portfolios: 1, and past versions: 0\n" in preview.stdout) == (0, True)
        assert "INN8 still sends it (clients, portfolios)" in preview.stdout
        drawing = terminal.but(FORCE_COLOR="1", COLUMNS="200")
        assert re.search(r"looking through.*\n?.* 3 of 3", drawing.ask("erase", "client", "C-1").stderr)
        assert preview.stdout.endswith("Nothing was changed. To erase it, add --yes --still-sent.\n")
        counted = json.loads(terminal.ask("erase", "client", "C-1", "--json").stdout)
        assert (counted["is_erased"], counted["rows"]["clients"], counted["still_sent"]) == (
            False,
            1,
            ["clients", "portfolios"],
        )
        refused = terminal.ask("erase", "client", "C-1", "--yes")
        assert (refused.exit_code, refused.stdout) == (1, "")
        assert "Nothing was erased." in refused.stderr
        assert syncs.ids("clients") == ["C-1"]

        syncs.merge(syncs.land(PORTFOLIOS, [portfolio(id="P-2", clientId="C-2")]))
        syncs.clients([client(id="C-2", fullName="Sipho Dlamini")])
        done = drawing.ask("erase", "client", "C-1", "--yes")
        assert re.search(r"stored pages.*\n(.*\n)*.*deleting.*\n(.*\n)*.*vacuuming the tables", done.stderr)
        assert (done.exit_code, done.stdout.splitlines()[0]) == (0, "Erased:")
        assert syncs.ids("clients") == ["C-2"]
        assert "Thandi" not in json.dumps([preview.stdout, done.stdout])
        for arguments in (("C-1",), ("c-2",), ("c-2", "--yes"), ("c-2", "--yes", "--json")):
            unknown = terminal.ask("erase", "client", *arguments)
            assert unknown.exit_code == 1, "a mistyped id must not pass for an erased client"
            assert ("Ids are compared exactly: case and blanks matter." in unknown.stdout) == (
                "--json" not in arguments
            )
        assert syncs.ids("clients") == ["C-2"]
