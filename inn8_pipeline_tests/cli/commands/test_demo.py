"""`inn8 demo` shows its result and leaves nothing behind."""

import fcntl
from pathlib import Path

from inn8_pipeline.sandbox.postgres.embedded import EmbeddedPostgres
from inn8_pipeline_tests.cli.conftest import Terminal

SMALL = ["--clients", "20", "--portfolios", "30", "--transactions", "400", "--days", "40", "--invalid", "3"]


def test_the_demo_shows_a_whole_sync_and_stops_everything(data_folder: Path) -> None:
    # Settings of servers that do not exist: the demo ignores them.
    elsewhere = {"INN8_BASE_URL": "http://127.0.0.1:1", "INN8_LOOKBACK_DAYS": "none", "DAGSTER_HOME": "/nowhere"}
    demo = Terminal({"XDG_DATA_HOME": str(data_folder), **elsewhere}).run("demo", *SMALL)
    assert (demo.returncode, demo.stderr) == (0, "")
    assert demo.stdout.count("PartialSuccess") == 4  # clients, portfolios, two pieces of transactions
    assert "Failed" not in demo.stdout
    for table, rows in {"inn8.clients": 20, "inn8.portfolios": 30, "inn8.rejected_records": 9}.items():
        assert [line.split() for line in demo.stdout.splitlines() if line.split()[:1] == [table]] == [
            [table, str(rows)]
        ]
    for shown in ("CL-000020", "PF-000030", "fullName is missing", "portfolioId names no known portfolio", "inn8 dev"):
        assert shown in demo.stdout
    folder = data_folder / "inn8_pipeline"
    assert sorted(path.name for path in folder.iterdir()) == ["demo", "demo.lock"]
    assert not (folder / "demo" / "data" / "postmaster.pid").exists()
    with EmbeddedPostgres(folder / "demo", durable=False) as postgres:
        assert not any(postgres._has_database(name) for name in ("inn8_demo", "inn8_demo_dagster"))  # noqa: SLF001


def test_a_second_demo_at_the_same_time_is_refused(data_folder: Path) -> None:
    lock = data_folder / "inn8_pipeline" / "demo.lock"
    lock.parent.mkdir()
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        second = Terminal({"XDG_DATA_HOME": str(data_folder)}).run("demo", *SMALL)
    assert second.returncode == 1
    assert "Another `inn8 demo` is running" in second.stderr
