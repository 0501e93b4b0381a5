"""Only ticks ask for pages conditionally, and the log and the plots have the number of pages that were not sent."""

from pathlib import Path

import pytest

from inn8_pipeline.defs import names
from inn8_pipeline.entities import CLIENTS
from inn8_pipeline_tests.defs.pipelines import TENANT, Pipeline

PAGES = 5


def test_the_pages_that_a_tick_did_not_get_again_are_in_the_sync_log_and_the_plots(
    pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract = tmp_path / "contract.toml"
    contract.write_text("paging = { conditional = 'etag' }")
    monkeypatch.setenv("INN8_CONTRACT_FILE", str(contract))
    monkeypatch.setenv("INN8_PAGE_SIZE", "5")
    pipeline.server.options.etags = True
    tick = {names.TICK_TAG: TENANT, names.SCHEDULED_TAG: f"{TENANT}/clients"}
    runs = [pipeline.run(CLIENTS, tags=tags) for tags in (tick, tick, {})]
    logged = "select unchanged_pages, status from inn8.sync_log order by id"
    assert pipeline.rows(logged) == [(0, "Success"), (PAGES - 2, "Success"), (0, "Success")]
    assert [pipeline.metadata(each, "raw_clients")["unchanged_pages"] for each in runs] == [0, PAGES - 2, 0]
    assert "5 pages (3 had not changed and were not sent)" in " ".join(pipeline.lines(runs[1].run_id))
    assert pipeline.server.app.stats.statuses[304] == PAGES - 2
