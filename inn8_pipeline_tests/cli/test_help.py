"""The help of each command: its examples, no markup, and no library loaded for it."""

import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from inn8_pipeline.cli import main
from inn8_pipeline.cli.support.options import EntityName
from inn8_pipeline_tests.cli.test_usage import invoke

COMMANDS = [
    "demo",
    "dev",
    "sync",
    "backfill",
    "log",
    "diff",
    "rejects",
    "drift",
    "plausibility",
    "show",
    "export",
    "dbt",
    "erase",
    "doctor",
    "alert",
    "pause",
    "resume",
    "report",
    "metrics",
    "probe",
    "contract",
    "db",
    "sandbox",
]


def test_the_help_loads_no_library_but_click_and_none_of_the_work() -> None:
    loaded = loaded_by_help([])
    assert HEAVY.isdisjoint(loaded)
    assert sorted(each for each in loaded if each.startswith("inn8_pipeline.")) == [
        "inn8_pipeline.cli",
        "inn8_pipeline.cli.support",
        "inn8_pipeline.cli.support.group",
        "inn8_pipeline.cli.support.standard_streams",
        "inn8_pipeline.errors",
        "inn8_pipeline.errors.base",
        "inn8_pipeline.errors.settings",
        "inn8_pipeline.lazy_imports",
        "inn8_pipeline.sandbox",
        "inn8_pipeline.sandbox.errors",
    ]


@pytest.mark.parametrize(
    "command", ["sync", "backfill", "log", "diff", "rejects", "drift", "show", "erase", "doctor", "db", "demo", "dev"]
)
def test_the_help_of_a_command_loads_no_library_for_the_work(command: str) -> None:
    assert HEAVY.isdisjoint(loaded_by_help([command]))


def test_the_help_of_a_sync_loads_the_declarations_and_settings_but_neither_contract_nor_warehouse_nor_sandbox() -> (
    None
):
    loaded = loaded_by_help(["sync"])
    parts = {".".join(each.split(".")[:2]) for each in loaded if each.startswith("inn8_pipeline.")}
    assert parts == {
        f"inn8_pipeline.{each}"
        for each in ("cli", "entities", "errors", "lazy_imports", "sandbox", "settings", "extract")
    }
    assert {"inn8_pipeline.sandbox.postgres", "inn8_pipeline.extract.endpoint", "ssl", "tomllib"}.isdisjoint(loaded)


HEAVY = {
    "dagster",
    "opentelemetry",
    "pandas",
    "pyarrow",
    "rich",
    "sqlalchemy",
    "psycopg",
    "httpx",
    "alembic",
    "uvicorn",
    "msgspec",
}


def loaded_by_help(command: list[str]) -> set[str]:
    """Return the modules that are loaded once the help of a command was shown."""
    program = (
        f"import sys; from inn8_pipeline.cli import main; main({[*command, '--help']}, standalone_mode=False); "
        "print('loaded', *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    return set(done.stdout.splitlines()[-1].split()[1:])


def test_every_command_is_listed() -> None:
    context = click.Context(main)
    assert main.list_commands(context) == sorted(COMMANDS, key=main.list_commands(context).index)
    assert main.get_command(context, "no-such-command") is None


def every_command(command: click.Command = main, name: str = "") -> Iterator[str]:
    """Yield the names of all commands and subcommands."""
    if not isinstance(command, click.Group):
        yield name
        return
    context = click.Context(command)
    for each in command.list_commands(context):
        found = command.get_command(context, each)
        assert found is not None
        yield from every_command(found, f"{name} {each}".strip())


@pytest.mark.parametrize("command", list(every_command()))
def test_the_help_of_a_command_has_examples_of_it(command: str) -> None:
    shown = invoke(*command.split(), "--help")
    assert shown.exit_code == 0
    assert f"  inn8 {command}" in shown.output.split("Example", 1)[1]


@pytest.mark.parametrize("command", sorted({"", *COMMANDS, *every_command()}))
def test_the_help_of_a_command_shows_no_markup(command: str) -> None:
    assert "\\b" not in invoke(*command.split(), "--help").output


@pytest.mark.parametrize("command", list(every_command()))
def test_a_command_that_takes_an_entity_takes_the_singular_and_the_plural(command: str) -> None:
    found: click.Command = main
    for name in command.split():
        assert isinstance(found, click.Group)
        found = found.get_command(click.Context(found), name) or found
    named = [each.type for each in found.params if each.human_readable_name.lower() in {"entity", "entities"}]
    assert all(isinstance(each, EntityName) for each in named), named
