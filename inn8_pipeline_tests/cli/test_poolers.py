"""`inn8` through PgBouncer: whole syncs, and what `inn8 doctor` says of it."""

import json

import pytest

from inn8_pipeline.sandbox.world.world import World
from inn8_pipeline_tests.cli.conftest import Place, Terminal, count
from inn8_pipeline_tests.warehouse.poolers import NEEDED, pooled

pytestmark = NEEDED


def examined(terminal: Terminal) -> dict[str, tuple[bool, str]]:
    answer = terminal.ask("doctor", "--json")
    assert "Traceback" not in answer.stdout + answer.stderr
    return {each["check"]: (each["is_ok"], each["message"]) for each in json.loads(answer.stdout)}


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["session", "transaction"])
def test_a_whole_sync_runs_through_a_pooler_and_the_doctor_finds_nothing_wrong(
    place: Place, world: World, mode: str
) -> None:
    prepares = str(mode == "session").lower()
    with pooled(place.warehouse_url, mode) as url:
        terminal = place.terminal.but(INN8_DATABASE_URL=url, INN8_PREPARED_STATEMENTS=prepares)
        for _ in range(2):
            synced = terminal.run("sync", "--full")
            assert synced.returncode == 0, synced.stderr
        said = examined(terminal)
        assert {name for name, (is_ok, _) in said.items() if not is_ok} == set()
        assert ("INN8_DATABASE_URL: a pooler in transaction mode" in said["pooler"][1]) is (mode == "transaction")
        assert terminal.ask("log").exit_code == 0
    assert count(place.warehouse_url, "inn8.clients") == world.count("clients") > 0
    assert count(place.warehouse_url, "inn8.transactions") == world.count("transactions") > 0


@pytest.mark.parametrize(
    ("mode", "way_out"),
    [("transaction", "Set INN8_PREPARED_STATEMENTS=false, or"), ("statement", "Let the URL name the server itself")],
)
def test_the_doctor_says_what_to_set_for_a_pooler(place: Place, mode: str, way_out: str) -> None:
    with pooled(place.warehouse_url, mode) as url:
        is_ok, message = examined(place.terminal.but(INN8_DATABASE_URL=url))["pooler"]
    assert not is_ok
    assert message.startswith(f"INN8_DATABASE_URL leads through a pooler in {mode} mode, ")
    assert way_out in message


def test_the_doctor_finds_a_pooler_between_dagster_and_its_storage(place: Place) -> None:
    storage = place.terminal.variables["DAGSTER_POSTGRES_URL"]
    examined(place.terminal)  # creates Dagster's tables
    with pooled(storage, "transaction") as url:
        is_ok, message = examined(place.terminal.but(DAGSTER_POSTGRES_URL=url))["Dagster's storage"]
    assert not is_ok
    assert message.startswith("DAGSTER_POSTGRES_URL leads through a pooler in transaction mode, ")
