"""The command group of `inn8`: import a command when it is called, and report an error of ours as one message.

This module imports nothing heavier than click.
"""

import errno
import gc
import importlib
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Never

import click

from inn8_pipeline.cli.support import standard_streams
from inn8_pipeline.errors import Inn8Error, SettingsError
from inn8_pipeline.lazy_imports import lazy_module
from inn8_pipeline.sandbox.errors import SandboxError

if TYPE_CHECKING:
    import difflib
    from importlib import metadata

    from inn8_pipeline.cli.support import output
else:
    output = lazy_module("inn8_pipeline.cli.support.output")
    difflib = lazy_module("difflib")
    metadata = lazy_module("importlib.metadata")

YOUNG_OBJECTS = 10_000
"""How many new objects start a search for garbage. By Python's own value, 700, the imports of a sync start 590 of them,
which find nothing and take 0.3 s."""
_ERROR = "Error: "
"""What click prints before a message."""
EXIT_FAILED = 1
EXIT_SETTINGS = 2
EXIT_PARTIAL = 3


class Failed(click.ClickException):
    """A failure that ends the command with a message on standard error and an exit code."""

    def __init__(self, message: str, exit_code: int = EXIT_FAILED) -> None:
        super().__init__(standard_streams.printable(message))
        self.exit_code = exit_code  # type: ignore[misc]  # click declares it on the class but reads the instance's value


def examples(*lines: str, notes: str = "") -> str:
    """Return the epilog of a command's help: examples, one per line, then notes. Click does not rewrap the examples."""
    title = "Example" if len(lines) == 1 else "Examples"
    block = "\n".join(("\b", title, *(f"  {line}" for line in lines)))
    return f"{block}\n\n{notes}" if notes else block


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return a sentence that suggests the known name most similar to this one; empty if none is similar."""
    close = difflib.get_close_matches(name.lower(), list(known), n=1)
    return f" Did you mean {close[0]!r}?" if close else ""


def _report(error: OSError) -> Never:
    """Exit because the output could not be written, without a message if the reader has closed the pipe."""
    if error.errno != errno.EPIPE:
        click.echo(
            f"Error: standard output cannot be written ({error.strerror}), so it is incomplete. The command itself has "
            "taken effect.",
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
            click.echo(f"inn8 {metadata.version('inn8-pipeline')}")
            ctx.exit()

    return click.Option(
        ["--version"], is_flag=True, is_eager=True, expose_value=False, callback=show, help="Show the version and exit."
    )


class LazyGroup(click.Group):
    """A click group that lists its commands without importing them.

    Args:
        package: The package that contains the commands' modules. A module's attribute `command` is its command.
        commands: The commands' names, in the order of the help, and the line that the help shows for each.
        attributes: Arguments of `click.Group`.

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
        """Import and return a command; None if there is none of that name."""
        if cmd_name not in self._lines:
            return None
        command: click.Command = importlib.import_module(f"{self._package}.{cmd_name}").command
        return command

    def main(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 (click's signature)
        """Run the command even if standard streams are closed; exit with code 1 if its output cannot be written."""
        written = standard_streams.prepare()
        gc.set_threshold(YOUNG_OBJECTS, *gc.get_threshold()[1:])
        try:
            return super().main(*arguments, **options)
        finally:
            sys.stdout.flush()
            if written is not None and written.error is not None:
                _report(written.error)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments; reject those that are not UTF-8, because no name or id can be."""
        if not all(_is_utf8(argument) for argument in args):
            raise click.UsageError("An argument is not UTF-8 text: nothing was done.", ctx)
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or suggest a similar name."""
        if args and args[0] not in self._lines and not args[0].startswith("-"):
            ctx.fail(f"No such command {args[0]!r}.{suggestion(args[0], self._lines)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list of commands in the help, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self._lines.items()))

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 (click's signature)
        """Run the command; for an error of ours, print its message without a traceback and exit."""
        try:
            return self._invoke(ctx)
        except click.ClickException as error:
            if sys.stderr.isatty():
                text = output.fitted(f"{_ERROR}{error.format_message()}", on_stderr=True).removeprefix(_ERROR)
                error.format_message = lambda: text  # type: ignore[method-assign]
            raise

    def _invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 (click's signature)
        try:
            return super().invoke(ctx)
        except SettingsError as error:
            raise Failed(str(error), EXIT_SETTINGS) from None
        except (Inn8Error, SandboxError) as error:
            raise Failed(str(error)) from None
