"""How commands are found and how they fail: imported when called; an error of ours is one message and an exit code.

Nothing heavier than click is imported here.
"""

import errno
import importlib
import sys
from collections.abc import Iterable
from difflib import get_close_matches
from importlib.metadata import version
from typing import Any, Never

import click

from inn8_pipeline.cli.support import standard_streams
from inn8_pipeline.errors import Inn8Error, SettingsError
from inn8_pipeline.sandbox.errors import SandboxError

EXIT_FAILED = 1
EXIT_SETTINGS = 2
EXIT_PARTIAL = 3


class Failed(click.ClickException):
    """A message on standard error, and the exit code."""

    def __init__(self, message: str, exit_code: int = EXIT_FAILED) -> None:
        super().__init__(standard_streams.printable(message))
        self.exit_code = exit_code  # type: ignore[misc]  # click declares it for the class, and reads the instance's


def examples(*lines: str, notes: str = "") -> str:
    """Return an epilog of a command's help: its examples, one a line, then notes. click wraps neither."""
    title = "Example" if len(lines) == 1 else "Examples"
    block = "\n".join(("\b", title, *(f"  {line}" for line in lines)))
    return f"{block}\n\n{notes}" if notes else block


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return a sentence with the known name that is most like this one, or an empty text."""
    close = get_close_matches(name.lower(), list(known), n=1)
    return f" Did you mean {close[0]!r}?" if close else ""


def _report(error: OSError) -> Never:
    """End the program because its output was lost; without a message if its reader has closed the pipe."""
    if error.errno != errno.EPIPE:
        click.echo(
            f"Error: standard output cannot be written ({error.strerror}), so it is not complete. What the command did "
            "stands.",
            err=True,
        )
    sys.exit(EXIT_FAILED)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _version_option() -> click.Option:
    def show(ctx: click.Context, _: click.Parameter, value: bool) -> None:
        if value and not ctx.resilient_parsing:
            click.echo(f"inn8 {version('inn8-pipeline')}")
            ctx.exit()

    return click.Option(
        ["--version"], is_flag=True, is_eager=True, expose_value=False, callback=show, help="Show the version and exit."
    )


class LazyGroup(click.Group):
    """A group that lists its commands without importing them.

    Args:
        package: The package of the commands' modules; the command of the module `NAME` is its attribute `command`.
        commands: The commands' names, in the order of the help, each with its line there.
        attributes: What click.Group takes.

    """

    def __init__(self, *, package: str, commands: dict[str, str], **attributes: Any) -> None:  # noqa: ANN401 (click's own)
        super().__init__(**attributes)
        self._package = package
        self._lines = commands
        self.params.append(_version_option())

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        """Return the names of the commands, in the order of the help."""
        return list(self._lines)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a command; None if there is none of that name."""
        if cmd_name not in self._lines:
            return None
        command: click.Command = importlib.import_module(f"{self._package}.{cmd_name}").command
        return command

    def main(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 (click's signature)
        """Run the program whatever its standard streams are; exit code 1 if standard output cannot be written."""
        output = standard_streams.prepare()
        try:
            return super().main(*arguments, **options)
        finally:
            sys.stdout.flush()
            if output is not None and output.error is not None:
                _report(output.error)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Refuse arguments that are not UTF-8: no name or id can be."""
        if not all(_is_utf8(argument) for argument in args):
            raise click.UsageError("An argument is not UTF-8 text: nothing was done.", ctx)
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; suggest one where a name is mistyped."""
        if args and args[0] not in self._lines and not args[0].startswith("-"):
            ctx.fail(f"No such command {args[0]!r}.{suggestion(args[0], self._lines)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list of the help, without importing a command."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self._lines.items()))

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 (click's signature)
        """Run the command; an error of ours ends it with its message, without a traceback."""
        try:
            return super().invoke(ctx)
        except SettingsError as error:
            raise Failed(str(error), EXIT_SETTINGS) from None
        except (Inn8Error, SandboxError) as error:
            raise Failed(str(error)) from None
