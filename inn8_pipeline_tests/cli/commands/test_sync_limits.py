"""A sync that a limit stops or holds back, and the command that its message names as the way out."""

import json
import re
import shlex
from dataclasses import dataclass

import pytest

from inn8_pipeline.sandbox.world.world import Collection, World
from inn8_pipeline_tests.cli.conftest import Place, count


def named_command(message: str) -> list[str]:
    """Return the arguments of the `inn8 sync` that a message names as the way out."""
    found = re.search(r"`inn8 (sync [^`]*--allow-[^`]*)`", message)
    assert found, message
    return shlex.split(found.group(1))


def change_all(world: World, collection: Collection, **changes: object) -> None:
    for record in list(world.records(collection)):
        world.put(collection, {**record, **changes})


@dataclass(frozen=True)
class Change:
    """What the preview of a mass change must show: the column, its old and new values, and the number of rows."""

    column: str
    old: str
    new: str
    rows: int


@pytest.mark.slow
def test_a_mass_change_fails_and_the_command_that_its_message_names_lets_it_through(place: Place, world: World) -> None:
    assert place.terminal.run("sync").returncode == 0
    for record in list(world.records("clients")):
        world.put("clients", {name: value for name, value in record.items() if name != "phoneNumber"})
    change_all(world, "transactions", currency="USD")
    clients = count(place.warehouse_url, "inn8.clients where phone <> ''")
    transactions = count(place.warehouse_url, "inn8.transactions where currency <> 'USD'")
    changes = {
        "clients": Change("phone", r"'[^'\n]+'", "''", clients),
        "transactions": Change("currency", r"'\w+'", "'USD'", transactions),
    }
    failed = place.terminal.run("sync")
    assert (failed.returncode, failed.stdout.count("Failed")) == (1, 2), failed
    for entity, change in changes.items():
        (message,) = [line for line in failed.stderr.splitlines() if f"The sync of {entity} would have changed" in line]
        command = named_command(message)
        assert ("--from" in command) == ("--to" in command) == (entity == "transactions")
        preview_shows_the_change_and_writes_nothing(place, entity, change, command)
        assert place.terminal.run(*command).returncode == 0
        assert unchanged_rows(place, entity, change) == 0
    assert place.terminal.run("sync").returncode == 0


def unchanged_rows(place: Place, entity: str, change: Change) -> int:
    new = f"is distinct from {change.new}"
    return count(place.warehouse_url, f"inn8.{entity} where {change.column} {new}")


def preview_shows_the_change_and_writes_nothing(place: Place, entity: str, change: Change, command: list[str]) -> None:
    logged, before = place.terminal.ask("log", "--json").stdout, unchanged_rows(place, entity, change)
    assert before == change.rows
    preview = place.terminal.run(*command, "--dry-run")
    assert (preview.returncode, preview.stderr) == (0, ""), preview
    values = rf"  - {change.column}: {change.old}\n  \+ {change.column}: {change.new}\n"
    assert len(re.findall(rf"{entity} [\w-]+: updated\n{values}", preview.stdout)) == min(change.rows, 20)
    assert f"{entity}: {change.rows:,} updated\n" in preview.stdout
    (sync,) = json.loads(place.terminal.run(*command, "--dry-run", "--json").stdout)["syncs"]
    listed = [each for each in sync["changes"] if each["column_name"] == change.column]
    assert (len(listed), {each["reason"] for each in listed}) == (change.rows, {"updated"})
    written = "rows would change.\nDry run, nothing was written. The sync log would say:\n"
    assert f"\n{change.rows:,} {written}" in preview.stdout
    assert re.search(rf"{entity} [^\n]*Success +\d+ +0 +{change.rows} ", preview.stdout), preview
    assert unchanged_rows(place, entity, change) == before
    assert place.terminal.ask("log", "--json").stdout == logged


@pytest.mark.slow
def test_too_many_rejects_fail_and_the_command_that_their_message_names_stores_them(place: Place, world: World) -> None:
    change_all(world, "clients", fullName=None)
    failed = place.terminal.run("sync", "clients")
    assert failed.returncode == 1
    assert place.terminal.run(*named_command(failed.stderr)).returncode == 3
    assert count(place.warehouse_url, "inn8.rejected_records") == 30


@pytest.mark.slow
def test_removals_that_are_held_back_are_marked_by_a_sync_that_allows_them(place: Place, world: World) -> None:
    place.terminal.run("sync", "clients")
    for record in list(world.records("clients"))[:10]:
        world.remove("clients", record["id"])
    assert place.terminal.run("sync", "clients").returncode == 3
    assert place.terminal.run("sync", "clients", "--allow-removals").returncode == 0
    assert count(place.warehouse_url, "inn8.clients where missing_since is not null") == 10
