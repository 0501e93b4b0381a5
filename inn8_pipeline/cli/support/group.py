"""How commands are found and how they fail: imported when called; an error of ours is one message and an exit code.

Nothing heavier than click is imported here.
"""

import importlib
from typing import Any

import click

from inn8_pipeline.errors import Inn8Error, SettingsError
from inn8_pipeline.sandbox.errors import SandboxError

EXIT_FAILED = 1
EXIT_SETTINGS = 2
EXIT_PARTIAL = 3


class Failed(click.ClickException):
    """A message on standard error, and the exit code."""

    def __init__(self, message: str, exit_code: int = EXIT_FAILED) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]  # click declares it for the class, and reads the instance's


def examples(*lines: str, notes: str = "") -> str:
    """Return an epilog of a command's help: its examples, one a line, then notes. click wraps neither."""
    title = "Example" if len(lines) == 1 else "Examples"
    block = "\n".join(("\b", title, *(f"  {line}" for line in lines)))
    return f"{block}\n\n{notes}" if notes else block


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

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        """Return the names of the commands, in the order of the help."""
        return list(self._lines)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a command; None if there is none of that name."""
        if cmd_name not in self._lines:
            return None
        command: click.Command = importlib.import_module(f"{self._package}.{cmd_name}").command
        return command

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
