"""Check that the program, the subcommand and the options of a command exist. Nothing is run except `--help`."""

import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from inn8_pipeline.cli import main
from inn8_pipeline_tests.docs.listed import KNOWN_BY_HELP, NOT_HERE, OF_THE_MACHINE, RUN, STAND_INS
from inn8_pipeline_tests.docs.pages import ROOT


def _webserver() -> click.Command:
    from dagster_webserver.cli import create_dagster_webserver_cli

    command: click.Command = create_dagster_webserver_cli()  # type: ignore[no-untyped-call]
    return command


def _daemon() -> click.Command:
    from dagster._daemon.cli import create_dagster_daemon_cli

    return create_dagster_daemon_cli()


_CLICK: dict[str, Callable[[], click.Command]] = {
    "inn8": lambda: main,
    "dagster-webserver": _webserver,
    "dagster-daemon": _daemon,
}
OURS = (*_CLICK, "make")
"""Programs whose commands are recognized among the texts in backticks."""


def fault(words: Sequence[str]) -> str:
    """Return what is wrong with a simple command; empty if nothing is."""
    program, arguments = words[0], [_filled_in(word) for word in words[1:]]
    if program in _CLICK:
        return _fault_for_click(_CLICK[program](), program, arguments)
    if program == "make":
        return _fault_for_make(arguments)
    if program in KNOWN_BY_HELP:
        return _fault_by_help(program, arguments)
    return "" if program in {*RUN, *OF_THE_MACHINE, *NOT_HERE} else f"{program} is neither run nor listed"


def _filled_in(word: str) -> str:
    name, separator, value = word.rpartition("=")
    return name + separator + STAND_INS.get(value, (value, ""))[0]


def _fault_for_click(command: click.Command, program: str, arguments: list[str]) -> str:
    context = None
    while isinstance(command, click.Group):
        if not arguments:
            return ""
        context = click.Context(command, parent=context, info_name=program)
        found = command.get_command(context, arguments[0])
        if found is None:
            return f"{program} has no command {arguments[0]}"
        program, command, arguments = f"{program} {arguments[0]}", found, arguments[1:]
    try:
        # A command without arguments is only mentioned, so its required arguments may be missing.
        command.make_context(program, [*arguments], parent=context, resilient_parsing=not arguments)
    except click.exceptions.Exit:
        return ""  # --help
    except click.UsageError as error:
        return error.format_message()
    return ""


def _fault_for_make(arguments: Sequence[str]) -> str:
    targets = re.findall(r"^([\w./$()-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    known = {target.replace("$(READY)", ".venv/.ready") for target in targets}
    wanted = [word for word in arguments if "=" not in word and not word.startswith("-")]
    return ", ".join(f"there is no target {target}" for target in wanted if target not in known)


def _fault_by_help(program: str, arguments: Sequence[str]) -> str:
    path = shutil.which(program)
    if path is None:
        return ""
    subcommands = [word for word in arguments[:2] if re.fullmatch(r"[a-z][a-z-]+", word)]
    help_text = subprocess.run([path, *subcommands, "--help"], capture_output=True, text=True, check=False, timeout=60)
    options = [word.partition("=")[0] for word in arguments if word.startswith("-")]
    unknown = [each for each in options if each not in help_text.stdout + help_text.stderr]
    return ", ".join(f"{Path(path).name} has no option {each}" for each in unknown)
