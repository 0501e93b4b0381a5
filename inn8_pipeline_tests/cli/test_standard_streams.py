"""The standard streams of a command: closed, full, of another encoding; and what records may write to a terminal."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from inn8_pipeline.cli.support.output import console, print_json
from inn8_pipeline.cli.support.standard_streams import printable
from inn8_pipeline.cli.support.tables import rows_table

HOSTILE = "\x1b[2Jgone\x9b1m\u202e[red]x[/]\nnext"


def shell(redirected: str, tmp_path: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run `inn8` with these arguments and redirections of a shell."""
    command = f"{shlex.quote(sys.executable)} -m inn8_pipeline.cli {redirected}"
    environment = {**os.environ, "XDG_DATA_HOME": str(tmp_path), **variables}
    done = subprocess.run(
        ["/bin/bash", "-c", command], env=environment, capture_output=True, check=False, encoding="utf-8"
    )
    assert "Traceback" not in done.stdout + done.stderr
    assert "Exception ignored" not in done.stderr
    return done


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ("--help >/dev/full", 1),
        ("--help >&-", 0),
        ("--help 2>&-", 0),
        ("--help 2>/dev/full", 0),
        ("no-such-command 2>&-", 2),
        ("no-such-command 2>/dev/full", 2),
        ("sync 2>&-", 2),
        ("sync <&- >&- 2>&-", 2),
        ("--help | true; exit ${PIPESTATUS[0]}", 1),
        ("show client $'\\xff'", 2),
        ("sync $'cli\\xffents'", 2),
        ("$'\\xff'", 2),
    ],
)
def test_closed_and_full_streams_and_odd_arguments_end_with_the_right_code(
    arguments: str, code: int, tmp_path: Path
) -> None:
    assert shell(arguments, tmp_path).returncode == code


def test_a_full_standard_output_is_named_on_standard_error(tmp_path: Path) -> None:
    assert "standard output cannot be written (No space left on device)" in shell("--help >/dev/full", tmp_path).stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_a_terminal_of_another_encoding_gets_escapes_for_characters_that_it_lacks(encoding: str) -> None:
    program = """
from inn8_pipeline.cli.support import standard_streams
standard_streams.prepare()
from inn8_pipeline.cli.support.output import console, print_json
from inn8_pipeline.cli.support.tables import rows_table
print_json({"name": "東京"})
console().print(rows_table([{"Value": "東京"}], ("Value",), "Łódź …"))
"""
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode(encoding).count("\\u6771\\u4eac") == 2


def test_a_warning_of_a_library_ends_no_command(tmp_path: Path) -> None:
    settings = {
        "INN8_BASE_URL": "https://api.inn8.example",
        "INN8_CLIENT_ID": "fullview",
        "INN8_CLIENT_SECRET": "a-well-kept-secret",
        "INN8_DATABASE_URL": "postgresql://x@127.0.0.1:1/x",
        "DAGSTER_POSTGRES_URL": "postgresql+psycopg2://x@127.0.0.1:1/x",
    }
    done = shell("sync clients", tmp_path, PYTHONWARNINGS="error", **settings)
    assert done.returncode == 1
    assert "Dagster's storage cannot be used" in done.stderr


def test_a_warning_is_shown_and_not_raised_though_the_environment_makes_errors_of_warnings() -> None:
    program = """
import warnings
from inn8_pipeline.cli.support import standard_streams
standard_streams.prepare()
warnings.warn("a library is old", stacklevel=1)
print("goes on")
"""
    environment = {**os.environ, "PYTHONWARNINGS": "error"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (0, b"goes on\n")
    assert b"a library is old" in done.stderr


def test_the_version_is_shown(tmp_path: Path) -> None:
    assert shell("--version", tmp_path).stdout.startswith("inn8 ")


def test_control_characters_of_records_are_shown_and_not_interpreted(capsys: pytest.CaptureFixture[str]) -> None:
    console().print(rows_table([{"Column": "name", "Value": HOSTILE}], ("Column", "Value")))
    print_json({"name": HOSTILE})
    shown = capsys.readouterr().out
    assert shown.replace("\n", "").isprintable()
    assert "\\x1b[2Jgone\\x9b1m\\u202e[red]x[/]\\nnext" in shown
    assert "\\u001b[2Jgone\\u009b1m\\u202e[red]x[/]\\nnext" in shown


def test_text_that_a_terminal_only_shows_stays_as_it_is() -> None:
    assert printable("Łódź, 東京, O'Neil — 5 %\nnext") == "Łódź, 東京, O'Neil — 5 %\nnext"
