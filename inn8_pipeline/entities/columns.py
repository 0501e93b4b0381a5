"""Functions that make the columns of a declaration, one for each kind of column."""

from inn8_pipeline.entities.types import (
    DAY_COLUMN,
    DAY_PROPERTY,
    UNKNOWN,
    Column,
    Folding,
    Format,
    Kind,
    Property,
)


def text(name: str, source: str, comment: str, *, is_required: bool = False, is_personal: bool = False) -> Column:
    """Return a text column, written as sent; null if INN8 sent none."""
    return Column(
        name,
        Property(source, Kind.TEXT, is_required=is_required),
        comment,
        is_nullable=not is_required,
        is_personal=is_personal,
    )


def formatted(name: str, source: Property, form: Format, comment: str) -> Column:
    """Return a text column with personal data in a format; empty, never null, if INN8 sent none."""
    return Column(name, source, comment, is_nullable=False, is_personal=True, format=form)


def choice(name: str, source: str, choices: tuple[str, ...], folding: Folding = Folding.CASE) -> Column:
    """Return a column whose values are listed. Any other value, null included, becomes `unknown`."""
    comment = f"{', '.join(choices)}; {UNKNOWN} if INN8 sent none of these."
    return Column(name, Property(source, Kind.CHOICE, choices=choices, folding=folding), comment, is_nullable=False)


def decimal(name: str, comment: str) -> Column:
    """Return a column of exact decimals, made from the property of the same name."""
    return Column(name, Property(name, Kind.DECIMAL), comment)


def date(name: str, source: str, comment: str) -> Column:
    """Return a column of calendar days."""
    return Column(name, Property(source, Kind.DATE), comment)


def day_of_trade(comment: str) -> Column:
    """Return the column that partitions an entity by day of trade."""
    return Column(DAY_COLUMN, Property(DAY_PROPERTY, Kind.DATE, is_required=True), comment, is_nullable=False)
