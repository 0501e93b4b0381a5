"""Spans as the traced code sees them. `NO_SPAN` does nothing; the module imports nothing of OpenTelemetry.

An attribute is a number, an id of ours, a day, or the name of a class: never the text of an error, a URL or a value of
a record.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

Attributes = Mapping[str, str | int | float | bool | None]
"""The attributes of a span by name. Those that are None are left out."""


class Span(Protocol):
    """A part of a sync, with a start, an end and attributes. Its methods may be called in any thread."""

    def child(self, name: str) -> "AbstractContextManager[Span]":
        """Begin a span inside this one. It ends with the block; its status is that of an error if one leaves it."""

    def add(
        self, name: str, began_ns: int, ended_ns: int, attributes: Attributes, error: type[BaseException] | None = None
    ) -> None:
        """Add a span inside this one that has ended, because of this error if there was one."""

    def set(self, attributes: Attributes) -> None:
        """Set attributes."""


class _NoSpan:
    """A span that nobody exports."""

    def child(self, name: str) -> AbstractContextManager[Span]:  # noqa: ARG002 (the interface)
        return nullcontext(self)

    def add(
        self, name: str, began_ns: int, ended_ns: int, attributes: Attributes, error: type[BaseException] | None = None
    ) -> None: ...

    def set(self, attributes: Attributes) -> None: ...


NO_SPAN: Span = _NoSpan()
