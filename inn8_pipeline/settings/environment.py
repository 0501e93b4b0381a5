"""One environment variable at a time: its text, from `NAME` or from the file that `NAME_FILE` names, and its value.

Docker and Kubernetes mount secrets as files, hence the second form.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfoNotFoundError

from inn8_pipeline.errors import SettingsError

T = TypeVar("T")


class Environment:
    """Variables by name, and how the text of one becomes a value."""

    def __init__(self, variables: Mapping[str, str] | None = None) -> None:
        """Read from `variables`, by default from the environment of this process."""
        self._variables = os.environ if variables is None else variables

    def read(self, name: str, example: str, default: str | None = None) -> str:
        """Return the text of a variable, without blanks at its ends.

        Raises:
            SettingsError: It is not set and has no default, or the file that holds it cannot be read.

        """
        text = self._variables.get(name, "").strip() or self._from_file(name)
        if text:
            return text
        if default is None:
            raise SettingsError(name, "is not set", example)
        return default

    def _from_file(self, name: str) -> str:
        file = self._variables.get(f"{name}_FILE", "").strip()
        if not file:
            return ""
        try:
            return Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            problem = f"names a file that cannot be read ({type(error).__name__})"
            raise SettingsError(f"{name}_FILE", problem, "/run/secrets/inn8") from None

    def parse(self, name: str, parse: Callable[[str], T], rule: str, example: str) -> T:
        """Return the value of a variable, or that of `example` where it is not set.

        Raises:
            SettingsError: `parse` raised ValueError; the message says that the variable must be `rule`.

        """
        text = self.read(name, example, default=example)
        try:
            return parse(text)
        except (ValueError, ZoneInfoNotFoundError):
            raise SettingsError(name, f"must be {rule}", example) from None

    def whole(self, name: str, default: int, least: int, most: int) -> int:
        """Return a whole number between two bounds, both inclusive."""
        return self.parse(name, lambda text: between(int(text), least, most), f"{least} to {most}", str(default))


def between(number: int, least: int, most: int) -> int:
    """Return the number; ValueError if it is not between the bounds, both inclusive."""
    if not least <= number <= most:
        raise ValueError
    return number
