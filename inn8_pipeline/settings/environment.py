"""Read and parse an environment variable. Its text comes from `NAME`, or from the file that `NAME_FILE` names.

The second form is for Docker and Kubernetes, which mount secrets as files.
"""

import os
import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfoNotFoundError

from inn8_pipeline.errors import SettingsError

T = TypeVar("T")
_FILE_EXAMPLE = "/run/secrets/inn8"


class Environment:
    """The environment variables from which the settings are read."""

    def __init__(self, variables: Mapping[str, str] | None = None) -> None:
        """Read from `variables`; by default, from the environment of this process."""
        self._variables = os.environ if variables is None else variables

    def read(self, name: str, example: str, default: str | None = None) -> str:
        """Return the text of a variable, without leading and trailing blanks.

        Raises:
            SettingsError: It is not set and has no default, or is not one line of UTF-8, or its file is unreadable.

        """
        text = _one_line(name, self._variables.get(name, ""), example) or self._from_file(name)
        if text:
            return text
        if default is None:
            raise SettingsError(name, "is not set", example)
        return default

    def _from_file(self, name: str) -> str:
        variable = f"{name}_FILE"
        file = _one_line(variable, self._variables.get(variable, ""), _FILE_EXAMPLE)
        if not file:
            return ""
        try:
            # Windows editors write a byte order mark, which is not part of a secret.
            text = Path(file).read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            problem = f"names a file that cannot be read ({type(error).__name__})"
            raise SettingsError(variable, problem, _FILE_EXAMPLE) from None
        return _one_line(variable, text, _FILE_EXAMPLE)

    def parse(self, name: str, parse: Callable[[str], T], rule: str, example: str) -> T:
        """Return the parsed value of a variable, or of `example` if it is not set.

        Raises:
            SettingsError: `parse` raised a ValueError. The message says that the variable must be `rule`.

        """
        text = self.read(name, example, default=example)
        try:
            return parse(text)
        except (
            ValueError,
            OSError,
            ZoneInfoNotFoundError,
        ):  # OSError: the name of a time zone is that of a folder, or too long
            raise SettingsError(name, f"must be {rule}", example) from None

    def whole(self, name: str, default: int, least: int, most: int) -> int:
        """Return the value of a variable as a whole number between two inclusive bounds."""
        return self.parse(name, lambda text: between(int(text), least, most), f"{least} to {most}", str(default))

    def whole_or_none(self, name: str, example: int, least: int, most: int) -> int | None:
        """Return the same, or None if the variable is not set; `example` is only for the message."""
        return self.whole(name, example, least, most) if self.read(name, str(example), default="") else None


def _one_line(name: str, text: str, example: str) -> str:
    """Return the text without leading and trailing blanks, or raise a SettingsError that does not quote it."""
    stripped = text.strip()
    # If a variable is not UTF-8, Python puts surrogates into its text.
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in stripped):
        raise SettingsError(name, "must be one line of UTF-8 text without control characters", example)
    return stripped


def between(number: int, least: int, most: int) -> int:
    """Return the number; raise ValueError if it is not between the two inclusive bounds."""
    if not least <= number <= most:
        raise ValueError
    return number


def truth(text: str) -> bool:
    """Return the truth value of a text such as true, yes, 1 or off; raise ValueError for any other text."""
    known = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    if text.lower() not in known:
        raise ValueError
    return known[text.lower()]
