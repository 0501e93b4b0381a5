"""The classes of a contract. Their defaults are the built-in contract."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import astuple, dataclass, field, replace
from datetime import timedelta

from inn8_pipeline.entities import PAGE_SIZE, Dimension, DimensionReference, Entity, Notation, Property, Window
from inn8_pipeline.entities.types import AnyColumn

PAGING_STYLES = ("link", "page", "offset", "cursor", "next_url", "single")
DEFAULT_PARAMETERS = {"page": "page", "offset": "offset", "cursor": "cursor"}
"""The default query parameter of each style that has one."""
DEFAULT_POINTERS = {"cursor": "/next", "next_url": "/next"}
"""The default JSON pointer to the next page, for each style that reads it from the body."""
CONDITIONAL = ("no", "etag", "last-modified")
DIGEST_BITS = 23
TRANSFORM_VERSIONS = 256
"""The transform's rules have a version below this. It shares a column of 31 bits with the digest of the contract."""


@dataclass(frozen=True, slots=True)
class TokenContract:
    """The token endpoint. The credentials are sent in the form (`body`) or as HTTP Basic authentication (`basic`)."""

    path: str = "/oauth/token"
    credentials: str = "body"
    scope: str = "api.read api.write"


@dataclass(frozen=True, slots=True)
class PagingContract:
    """How the pages of a collection are requested.

    Attributes:
        style: One of `PAGING_STYLES`.
        page_size: The number of records to request per page.
        page_size_parameter: The query parameter of the page size; empty if none is sent.
        parameter: The query parameter of the page number, offset or cursor; empty for the default of the style.
        first_page: The number of the first page.
        next: The JSON pointer to the cursor or the URL of the next page; empty for the default of the style.
        next_may_be_absent: Whether a response without a value at `next` is the last page, though nothing else says so.
        more: The JSON pointer to a boolean that says whether more pages follow; empty if there is none.
        end_statuses: The statuses with which the page after the last one is refused.
        conditional: The validator with which a tick asks for pages that may not have changed; one of `CONDITIONAL`.

    """

    style: str = "link"
    page_size: int = PAGE_SIZE
    page_size_parameter: str = "pageSize"
    parameter: str = ""
    first_page: int = 1
    next: str = ""
    next_may_be_absent: bool = False
    more: str = ""
    end_statuses: tuple[int, ...] = (404, 410)
    conditional: str = "no"

    @property
    def sent_parameter(self) -> str:
        """The query parameter of the page number, offset or cursor."""
        return self.parameter or DEFAULT_PARAMETERS.get(self.style, "")

    @property
    def next_pointer(self) -> str:
        """The JSON pointer to the cursor or the URL of the next page."""
        return self.next or DEFAULT_POINTERS.get(self.style, "")


@dataclass(frozen=True, slots=True)
class TotalContract:
    """The announced total: its unit (`records`, `pages`, or `none` to ignore it), and its header or JSON pointer."""

    unit: str = "records"
    header: str = "X-Total-Count"
    pointer: str = ""

    @property
    def name(self) -> str:
        """The name of the total for messages: that of its header, or its pointer."""
        return f"total at {self.pointer}" if self.pointer else self.header


@dataclass(frozen=True, slots=True)
class WindowContract:
    """The query parameters of a window of days of trade, and whether INN8 includes its first and its last day."""

    from_parameter: str = "fromDate"
    to_parameter: str = "toDate"
    from_inclusive: bool = True
    to_inclusive: bool = True

    def days(self, window: Window) -> Window:
        """Return the first and the last day to request, so that INN8 sends every day of the window."""
        return Window(
            window.from_date - timedelta(days=0 if self.from_inclusive else 1),
            window.to_date + timedelta(days=0 if self.to_inclusive else 1),
        )


@dataclass(frozen=True, slots=True)
class PropertyContract:
    """How INN8 sends one property.

    `names` are its possible names; the first one that has a value is used. `values` maps values that INN8 sends to
    choices of the declaration. `notation` is that of a date or a decimal; None for the built-in one.
    """

    names: tuple[str, ...]
    values: Mapping[str, str] = field(default_factory=dict)
    notation: Notation | None = None

    def digested(self) -> tuple[object, ...]:
        """Return what changes rows, as JSON can write it."""
        return (self.names, dict(self.values), *(astuple(self.notation) if self.notation else ()))


@dataclass(frozen=True, slots=True)
class CollectionContract:
    """One collection. `records_pointer` is the JSON pointer to the records; empty if the body is their array.

    `properties` has the properties that differ from the entity's declaration, by declared path (`address.zipCode`).
    """

    path: str
    records_pointer: str = ""
    paging: PagingContract = field(default_factory=PagingContract)
    total: TotalContract = field(default_factory=TotalContract)
    window: WindowContract | None = None
    properties: Mapping[str, PropertyContract] = field(default_factory=dict)

    def as_sent(self, entity: Entity) -> Entity:
        """Return the entity with the names and values of this contract. Only the transform uses it."""
        if not self.properties:
            return entity
        return replace(entity, columns=tuple(self._column(column) for column in entity.columns))

    def _column(self, column: AnyColumn) -> AnyColumn:
        if isinstance(column, DimensionReference):
            return replace(column, parent=self._dimension(column.parent))
        return replace(column, source=self._property(column.source, column.source.name))

    def _dimension(self, dimension: Dimension) -> Dimension:
        columns = tuple(
            replace(each, source=self._property(each.source, f"{dimension.source}.{each.source.name}"))
            for each in dimension.columns
        )
        found = self.properties.get(dimension.source)
        return replace(dimension, columns=columns, spellings=found.names if found else ())

    def _property(self, declared: Property, path: str) -> Property:
        found = self.properties.get(path)
        return replace(
            declared,
            spellings=found.names if found else (),
            meanings=tuple(found.values.items()) if found else (),
            notation=found.notation if found else None,
            properties=tuple(self._property(each, f"{path}.{each.name}") for each in declared.properties),
        )

    def transform_version(self, rules: int) -> int:
        """Return a version that changes with the transform's rules and with the names and values of this contract.

        Args:
            rules: The version of the transform's rules.

        """
        if not self.properties:
            return rules
        named = {path: each.digested() for path, each in self.properties.items()}
        digest = hashlib.sha256(json.dumps(named, sort_keys=True).encode()).digest()
        return rules + TRANSFORM_VERSIONS * (int.from_bytes(digest[:4]) >> (32 - DIGEST_BITS))


@dataclass(frozen=True, slots=True)
class Contract:
    """The whole contract. `headers` and `parameters` are added to each request of a collection."""

    token: TokenContract = field(default_factory=TokenContract)
    headers: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    collections: Mapping[str, CollectionContract] = field(default_factory=dict)

    def of(self, entity: Entity) -> CollectionContract:
        """Return the contract of the entity's collection."""
        return self.collections.get(entity.name) or default_of(entity)

    def spellings(self) -> dict[str, frozenset[str]]:
        """Return the names of each property in any collection, by the declared name in lower case."""
        found: dict[str, frozenset[str]] = {}
        for collection in self.collections.values():
            for name, each in collection.properties.items():
                found[name.lower()] = found.get(name.lower(), frozenset()).union(each.names)
        return found


def default_of(entity: Entity) -> CollectionContract:
    """Return the built-in contract of the entity's collection."""
    window = WindowContract(*entity.window_parameters) if entity.window_parameters else None
    return CollectionContract(entity.path, window=window)


DEFAULT = Contract()
