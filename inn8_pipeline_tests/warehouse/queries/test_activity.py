"""The report has what the syncs did, and no personal data."""

import re
from datetime import timedelta
from pathlib import Path

from inn8_pipeline.settings import now
from inn8_pipeline.warehouse.database import snapshot
from inn8_pipeline.warehouse.merge.results import Status
from inn8_pipeline.warehouse.queries import activity
from inn8_pipeline.warehouse.queries.activity import Activity
from inn8_pipeline.warehouse.sync_log import store
from inn8_pipeline.warehouse.sync_log.entry import LoggedSync, SyncLogEntry
from inn8_pipeline_tests.cli.conftest import Terminal
from inn8_pipeline_tests.transform.builders import client, transaction
from inn8_pipeline_tests.warehouse.syncs import TENANT, Syncs


def read(syncs: Syncs, days_ago: int) -> Activity:
    with snapshot(syncs.engine, "reading what syncs did") as connection:
        return activity.read(connection, [TENANT], now().date() - timedelta(days=days_ago))


def test_the_report_counts_syncs_by_day_and_status_lags_rejects_and_drift_without_personal_data(
    owned: Syncs, tmp_path: Path
) -> None:
    owned.transactions([transaction(), transaction(id="T-2", fees="x")])
    owned.clients([client(loyaltyTier="gold"), client(id="C-2", fullName=7)])
    # Not now: in the first seconds of a day some of the syncs would have begun on the day before.
    ended_at = now().replace(hour=12)
    statuses = (Status.SUCCESS, Status.SUCCESS, Status.FAILED)
    with owned.engine.begin() as connection:
        for number, status in enumerate(statuses):
            begun_at = ended_at - timedelta(seconds=2 + number)
            entry = SyncLogEntry(status, begun_at, ended_at, description="Why Thandi.")
            store.write(connection, LoggedSync(TENANT, "clients", f"run-{number}", entry))
    owned.execute("update inn8.sync_log_entries set started_at = started_at - interval '3 days' where run_id = 'run-2'")
    found = read(owned, 29)
    days = [(each.entity, each.success, each.failed, each.syncs) for each in found.days]
    assert days == [("clients", 0, 1, 1), ("clients", 2, 0, 2)]
    assert found.days[1].median_seconds == 2.5
    assert [each.syncs for each in read(owned, 1).days] == [2]
    assert [(each.entity, each.of, each.number) for each in found.lags] == [("transactions", "later", 1)]
    rejects = [(each.entity, each.name, each.of, each.number) for each in found.rejects]
    assert rejects == [
        ("clients", "wrong_type", "1 d", 1),
        ("transactions", "wrong_type", "1 d", 1),
    ]
    assert [(each.name, each.is_accepted) for each in found.drift] == [("loyaltyTier", False)]
    file = tmp_path / "report.html"
    terminal = Terminal({"INN8_DATABASE_URL": owned.url, "INN8_TENANT_ID": TENANT})
    written = terminal.ask("report", "--output", str(file), "--days", "5")
    assert (written.exit_code, str(file) in written.stdout) == (0, True)
    html = file.read_text(encoding="utf-8")
    assert "3 syncs, 67 % of them without anything to look at; 1 failed." in html
    assert "loyaltyTier" in html
    assert re.search(r"(?:src|href|url)\s*[=(]|<script", html) is None
    for personal in ("Thandi", "thandi@", "Long Street", "000123", "Debit order", "gold", "555 0134"):
        assert personal not in html, personal
