"""Learn how INN8 spells the names of properties, and build msgspec record types with that spelling.

A record type knows one spelling of each property and forbids all other names, so the fast decoder never ignores a name
that has not been examined. An examined name that is not a declared property is added to the type and ignored from then
on.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Annotated, Any

import msgspec

from inn8_pipeline.entities import MAX_ID_LENGTH, Kind, Property
from inn8_pipeline.transform.values import Pairs

MAX_IGNORED = 64
"""How many unknown names of an object the fast decoder skips. With more, records are read one by one."""

MAX_REPORTED = 100
"""How many unknown names of an object are reported."""

# Only names that look like property names are reported: an object may be a map with e-mail addresses as its keys.
_REPORTABLE_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]{0,63}")
_NULL = msgspec.Raw(b"null")
_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_ID_LENGTH)]


class FieldNames:
    """The names of one type of object (a client, its address) as the server spells them, unknown ones included."""

    def __init__(self, properties: tuple[Property, ...], path: str = "") -> None:
        self.properties = properties
        self.path = path
        self.children = {
            each.name: FieldNames(each.properties, f"{path}{each.name}.")
            for each in properties
            if each.kind is Kind.OBJECT
        }
        self._by_folded = {name.lower(): each for each in properties for name in each.names}
        self._names = {each.name: each.names[0] for each in properties}
        self._ignored: list[str] = []
        self._reported: set[str] = set()
        self.record_type = self._build()

    def find(self, name: str) -> Property | None:
        """Return the property of this name in any case, or None. Names of properties are ASCII."""
        return self._by_folded.get(name.lower()) if name.isascii() else None

    def unknown(self) -> Iterator[str]:
        """Yield the paths ("address.country") of the unknown properties seen so far."""
        for name in self._reported:
            yield self.path + name
        for child in self.children.values():
            yield from child.unknown()

    def learn(self, pairs: Pairs, peers: Callable[[], Iterable[Any]]) -> bool:
        """Learn the names of a record that the record type does not accept; return whether the type changed.

        `peers` yields the records of the same page that were read. A new spelling replaces the known one only if none
        of them has the property, so a single record with another spelling does not slow down all others.
        """
        changed = False
        for name, value in pairs:
            found = self.find(name)
            if found is None:
                changed |= self._ignore(name)
                continue
            if found.name in self.children and isinstance(value, Pairs):
                changed |= self.children[found.name].learn(value, partial(_present, found.name, peers))
            if self._names[found.name] != name and not any(True for _ in _present(found.name, peers)):
                self._names[found.name] = name
                changed = True
        if changed:
            self.record_type = self._build()
        return changed

    def _ignore(self, name: str) -> bool:
        if len(self._reported) < MAX_REPORTED and _REPORTABLE_NAME.fullmatch(name):
            self._reported.add(name)
        # msgspec accepts no name that JSON would have to escape.
        has_no_escape = name.isprintable() and not {'"', "\\"} & set(name)
        if name in self._ignored or len(self._ignored) >= MAX_IGNORED or not has_no_escape:
            return False
        self._ignored.append(name)
        return True

    def _build(self) -> type[msgspec.Struct]:
        required = [(each.name, self._type(each)) for each in self.properties if each.is_required]
        optional = [(each.name, self._type(each) | None, None) for each in self.properties if not each.is_required]
        ignored = {f"ignored_{number}": name for number, name in enumerate(self._ignored)}
        return msgspec.defstruct(
            "Record",
            [*required, *optional, *((field, msgspec.Raw, _NULL) for field in ignored)],
            rename={**self._names, **ignored},
            forbid_unknown_fields=True,
            gc=False,
        )

    def _type(self, each: Property) -> Any:  # noqa: ANN401 (a type form for msgspec)
        match each.kind:
            case Kind.ID:
                return _Id
            case Kind.OBJECT:
                return self.children[each.name].record_type
            case Kind.DECIMAL:
                # Untyped, so that the decoder's float_hook returns a number with a point or an exponent as its text.
                return Any
            case Kind.DATE if each.notation is not None:
                return int | str
            case _:
                return str


def _present(name: str, records: Callable[[], Iterable[Any]]) -> Iterator[Any]:
    return (value for value in (getattr(record, name) for record in records()) if value is not None)
