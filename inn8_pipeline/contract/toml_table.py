"""Read and check the values of a TOML table. Errors name the key and the problem."""

import re
from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, NoReturn

_POINTER = re.compile(r"(?:/(?:[^~/]|~[01])*)*")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_PATH = re.compile(r"(?:/[A-Za-z0-9._~%!$&'()*+,;=:@-]+)+/?")


class InvalidKeyError(ValueError):
    """A key of the file is unknown, or its value is not allowed."""

    def __init__(self, path: tuple[str, ...], problem: str) -> None:
        super().__init__(problem)
        self.path = path
        self.problem = problem


class TomlTable:
    """One table of the file. Read its values, then call `reject_unknown_keys` to reject any key that was not read."""

    def __init__(self, values: Mapping[str, Any], path: tuple[str, ...] = ()) -> None:
        self.path = path
        self._values = values
        self._read: set[str] = set()

    def __contains__(self, name: str) -> bool:
        """Return whether the file has the key."""
        return name in self._values

    def __iter__(self) -> Iterator[str]:
        """Yield the keys."""
        return iter(self._values)

    def table(self, name: str) -> "TomlTable":
        """Return the table of this name; an empty one if there is none."""
        value = self.get(name, {})
        if not isinstance(value, dict):
            self.reject(name, "must be a table")
        return TomlTable(value, (*self.path, name))

    def get(self, name: str, default: object) -> Any:  # noqa: ANN401 (whatever TOML holds)
        """Return the value without checking it."""
        self._read.add(name)
        return self._values.get(name, default)

    def text(self, name: str, default: str) -> str:
        """Return a string of one line."""
        value = self.get(name, default)
        if not isinstance(value, str) or not (value.isprintable() or not value):
            self.reject(name, "must be a text of one line")
        return value

    def choice(self, name: str, default: str, choices: Collection[str]) -> str:
        """Return one of the choices."""
        value = self.get(name, default)
        if value not in choices:
            self.reject(name, f"must be one of {', '.join(choices)}")
        return str(value)

    def whole(self, name: str, default: int, least: int, most: int) -> int:
        """Return a whole number between two bounds, both inclusive."""
        value = self.get(name, default)
        if type(value) is not int or not least <= value <= most:
            self.reject(name, f"must be a whole number from {least} to {most}")
        return value

    def wholes(self, name: str, default: tuple[int, ...], least: int, most: int) -> tuple[int, ...]:
        """Return a list of whole numbers, each between two bounds, both inclusive."""
        value = self.get(name, default)
        if not isinstance(value, list | tuple) or not all(
            type(each) is int and least <= each <= most for each in value
        ):
            self.reject(name, f"must be a list of whole numbers from {least} to {most}")
        return tuple(value)

    def flag(self, name: str, *, default: bool) -> bool:
        """Return true or false."""
        value = self.get(name, default)
        if not isinstance(value, bool):
            self.reject(name, "must be true or false")
        return value

    def pointer(self, name: str, default: str) -> str:
        """Return a JSON pointer (RFC 6901), such as `/data/items`; empty for the whole body."""
        value = self.text(name, default)
        if not _POINTER.fullmatch(value):
            self.reject(name, 'must be a JSON pointer, such as "/data"; "" is the whole body')
        return value

    def url_path(self, name: str, default: str) -> str:
        """Return a path below the base URL."""
        value = self.text(name, default)
        if not _PATH.fullmatch(value) or ".." in value:
            self.reject(name, f'must be a path below the base URL, such as "{default}"')
        return value

    def header(self, name: str, default: str) -> str:
        """Return the name of a header; empty for none."""
        value = self.text(name, default)
        if value and not _HEADER.fullmatch(value):
            self.reject(name, "must be the name of a header")
        return value

    def texts(self, name: str) -> dict[str, str]:
        """Return a table whose values are strings."""
        found = self.table(name)
        return {key: found.text(key, "") for key in found}

    def reject_unknown_keys(self) -> None:
        """Raise an InvalidKeyError if the table has a key that was not read."""
        for name in self._values:
            if name not in self._read:
                close = get_close_matches(name, sorted(self._read), n=1)
                hint = f" (did you mean {close[0]}?)" if close else ""
                self.reject(name, f"is unknown{hint}; the keys of this table are {', '.join(sorted(self._read))}")

    def reject_keys_other_than(self, known: Collection[str]) -> None:
        """Raise an InvalidKeyError if the table has a key that is not in `known`."""
        self._read.update(known)
        self.reject_unknown_keys()

    def reject(self, name: str, problem: str) -> NoReturn:
        """Raise an InvalidKeyError for a key of this table."""
        raise InvalidKeyError((*self.path, name), problem)
