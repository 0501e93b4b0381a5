"""The parts of a declaration of an entity: INN8's properties, the columns made from them, references to parents.

A declaration is data. The transform, the tables, the merge, the views, the catalog, the dictionary and the command line
are derived from it, so each fact about an entity is written once. This module does no I/O and imports nothing heavy.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from functools import cached_property

from inn8_pipeline.entities.notations import Notation

UNKNOWN = "unknown"
"""The value of a column for a choice that is null or not listed."""

ID_PROPERTY = "id"
"""INN8's name of the id, in every collection."""

DAY_PROPERTY = "tradeDate"
"""INN8's name of the day of trade, in every collection that has days."""

DAY_COLUMN = "trade_date"
"""Our name of the column with the day of trade."""


class Kind(Enum):
    """The kind of a property, which decides how its value is read."""

    ID = auto()  # a string, exactly as sent; never trimmed; a number is not accepted in its place
    TEXT = auto()
    CHOICE = auto()  # one of `choices`; anything else becomes "unknown"
    DATE = auto()  # YYYY-MM-DD; of an ISO date-time the date part as written
    DECIMAL = auto()  # JSON number or numeric string; 28 significant digits, 10 after the point
    OBJECT = auto()


class Folding(Enum):
    """The differences in spelling that are ignored when a value is compared with a choice."""

    CASE = auto()  # case, and blanks around the value
    LETTERS = auto()  # case, spaces, hyphens and underscores


class Format(Enum):
    """The form of a text column. `transform.rules.formats` has the function of each."""

    AS_SENT = auto()
    PHONE = auto()  # ten digits as (XXX) XXX-XXXX; anything else as sent; '' for null
    ADDRESS = auto()  # "street, city, state zipCode" of an object; '' for null


@dataclass(frozen=True, slots=True)
class Property:
    """One property of a record as INN8 spells it. Names are matched without regard to case.

    `notation`: how a date or a decimal is written; None for the built-in notation.
    """

    name: str
    kind: Kind
    is_required: bool = False
    choices: tuple[str, ...] = ()
    folding: Folding = Folding.CASE
    properties: tuple["Property", ...] = ()
    spellings: tuple[str, ...] = ()
    meanings: tuple[tuple[str, str], ...] = ()
    notation: Notation | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names that INN8 may use for it, the preferred one first."""
        return self.spellings or (self.name,)


@dataclass(frozen=True, slots=True)
class Column:
    """A column, the property that it is made from, and its description.

    `is_personal`: the values are personal data of a client.
    """

    name: str
    source: Property
    comment: str
    is_nullable: bool = True
    is_personal: bool = False
    format: Format = Format.AS_SENT

    @property
    def source_paths(self) -> tuple[str, ...]:
        """The properties that the column is made from, as paths within the record (`address.street`)."""
        if self.source.kind is Kind.OBJECT:
            return tuple(f"{self.source.name}.{each.name}" for each in self.source.properties)
        return (self.source.name,)


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key to another entity: it holds our key of the row whose external id the property has.

    A record with an unknown parent is rejected. `shown` names columns of the parent for the details view.
    """

    name: str
    source: Property
    parent: "Entity"
    comment: str
    shown: tuple[str, ...] = ()
    is_nullable: bool = False

    @property
    def staged(self) -> str:
        """The name of the staged column that holds the parent's external id (`client_external_id`)."""
        return _staged(self.name)

    @property
    def source_paths(self) -> tuple[str, ...]:
        """The property that holds the parent's id."""
        return (self.source.name,)


@dataclass(frozen=True, slots=True)
class Dimension:
    """A table filled from an object within the records of an entity: the securities that transactions name.

    A row has the attributes of the object in the record of the newest day of trade. `source` is the property that holds
    the object.
    """

    name: str
    source: str
    description: str
    columns: tuple[Column, ...]
    spellings: tuple[str, ...] = ()

    @property
    def object(self) -> Property:
        """The property that holds the object: its id, then what the columns are made from."""
        inner = (Property(ID_PROPERTY, Kind.ID, is_required=True), *(column.source for column in self.columns))
        return Property(self.source, Kind.OBJECT, properties=inner, spellings=self.spellings)


@dataclass(frozen=True, slots=True)
class DimensionReference:
    """A foreign key to a row of a dimension; null if the record has no such object."""

    name: str
    parent: Dimension
    comment: str
    shown: tuple[str, ...] = ()
    is_nullable: bool = True

    @property
    def source(self) -> Property:
        """The property that holds the object."""
        return self.parent.object

    @property
    def staged(self) -> str:
        """The name of the staged column that holds the object's id (`security_external_id`)."""
        return _staged(self.name)

    @property
    def source_paths(self) -> tuple[str, ...]:
        """The path of the property that holds the object's id, as a tuple of one."""
        return (f"{self.source.name}.{ID_PROPERTY}",)


AnyColumn = Column | Reference | DimensionReference


def _staged(key: str) -> str:
    return f"{key.removesuffix('_id')}_external_id"


@dataclass(frozen=True, eq=False)
class Entity:
    """One collection of INN8 and the table made from it. Entities are compared by identity; `str()` returns the name.

    Attributes:
        name: The collection, its table, its asset: `transactions`.
        singular: The name of one record on the command line: `transaction`.
        path: The path of the collection below the base URL.
        description: A sentence that says what a row of the table is.
        columns: The columns made from INN8's properties, in the table's order. `external_id` is not among them.
        window_parameters: The query parameters of the first and the last day of trade. An entity that has them is
            partitioned by day of trade, and has a column `trade_date` made from the property `tradeDate`.

    """

    name: str
    singular: str
    path: str
    description: str
    columns: tuple[AnyColumn, ...]
    window_parameters: tuple[str, str] | None = None

    def __post_init__(self) -> None:
        """Check that the declaration does not contradict itself.

        Raises:
            ValueError: It does. The module of the declaration then cannot be imported.

        """
        names = [column.name for column in self.columns]
        if len(set(names)) < len(names):
            message = f"{self.name} declares a column twice: {names}"
            raise ValueError(message)
        days = [column for column in self.columns if column.name == DAY_COLUMN]
        is_sound = all(
            day.source.name == DAY_PROPERTY and day.source.kind is Kind.DATE and day.source.is_required for day in days
        )
        if self.has_days != bool(days) or not is_sound:
            message = (
                f"{self.name}: window parameters go with a required date {DAY_PROPERTY} in the column {DAY_COLUMN}"
            )
            raise ValueError(message)

    def __str__(self) -> str:
        """Return the name."""
        return self.name

    @property
    def has_days(self) -> bool:
        """True if rows belong to days of trade: the entity is then fetched, merged and backfilled by day."""
        return self.window_parameters is not None

    @cached_property
    def properties(self) -> tuple[Property, ...]:
        """The properties of a record, the id first."""
        return (Property(ID_PROPERTY, Kind.ID, is_required=True), *(column.source for column in self.columns))

    @cached_property
    def references(self) -> tuple[Reference, ...]:
        """The columns with keys of other entities."""
        return tuple(column for column in self.columns if isinstance(column, Reference))

    @cached_property
    def dimension_references(self) -> tuple[DimensionReference, ...]:
        """The columns with keys of dimensions."""
        return tuple(column for column in self.columns if isinstance(column, DimensionReference))

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """The dimensions that its records fill."""
        return tuple(each.parent for each in self.dimension_references)

    @property
    def declarations(self) -> tuple["Entity | Dimension", ...]:
        """The declarations of its tables in the order in which these are written: its dimensions, then itself."""
        return (*self.dimensions, self)

    @property
    def tables(self) -> tuple[str, ...]:
        """The names of the tables, in the order in which they are written."""
        return tuple(each.name for each in self.declarations)

    def personal_columns(self) -> Iterator[str]:
        """Yield the names of the columns that hold personal data."""
        for column in self.columns:
            if isinstance(column, Column) and column.is_personal:
                yield column.name
