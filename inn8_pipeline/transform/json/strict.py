"""One record, read exactly: either all its values, or the one reason why it is faulty.

For the records that the quick decoder did not take. Nothing here knows of pages or frames.
"""

from contextlib import suppress
from datetime import date
from typing import Any

from inn8_pipeline.entities import Kind, Property, ReasonCode
from inn8_pipeline.transform.json.field_names import FieldNames
from inn8_pipeline.transform.values import (
    FaultyValueError,
    Pairs,
    read_choice,
    read_date,
    read_decimal,
    read_id,
    read_text,
)


def read_record(value: object, spelling: FieldNames) -> Any:  # noqa: ANN401 (a record of the spelling's own type)
    """Return the record, or raise FaultyValueError with the first fault in the order of the contract's properties."""
    if not isinstance(value, Pairs):
        raise FaultyValueError(ReasonCode.NOT_AN_OBJECT, "the record is not a JSON object")
    return _read_object(value, spelling)


def read_key(value: object, spelling: FieldNames) -> tuple[str | None, date | None]:
    """Return the id and the trade date of a faulty record, each None where it cannot be read."""
    found = _last_values(value, spelling) if isinstance(value, Pairs) else {}
    external_id: str | None = None
    trade_date: date | None = None
    with suppress(FaultyValueError):
        external_id = read_id(found.get("id"), "id")
    with suppress(FaultyValueError):
        trade_date = read_date(found.get("tradeDate"), "tradeDate")
    return external_id, trade_date


def _read_object(pairs: Pairs, spelling: FieldNames) -> Any:  # noqa: ANN401
    found = _last_values(pairs, spelling)
    return spelling.record_type(
        **{each.name: _read(found.get(each.name), each, spelling) for each in spelling.properties}
    )


def _last_values(pairs: Pairs, spelling: FieldNames) -> dict[str, object]:
    """Return the values by the contract's names: of a property given twice, in whatever spelling, the last counts."""
    matched = ((spelling.find(name), value) for name, value in pairs)
    return {found.name: value for found, value in matched if found is not None}


def _read(value: object, each: Property, spelling: FieldNames) -> object:  # noqa: PLR0911 (one for each kind)
    name = spelling.path + each.name
    if value is None:
        if each.is_required:
            raise FaultyValueError(ReasonCode.MISSING_FIELD, f"{name} is missing")
        return None
    match each.kind:
        case Kind.ID:
            return read_id(value, name)
        case Kind.TEXT:
            return read_text(value, name)
        case Kind.CHOICE:
            return read_choice(value, name)
        case Kind.DATE:
            return read_date(value, name).isoformat()
        case Kind.DECIMAL:
            return read_decimal(value, name)
        case Kind.OBJECT:
            if not isinstance(value, Pairs):
                raise FaultyValueError(ReasonCode.WRONG_TYPE, f"{name} is not an object")
            return _read_object(value, spelling.children[each.name])
