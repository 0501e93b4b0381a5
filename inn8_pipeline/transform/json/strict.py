"""Read one record that the fast decoder did not accept: return all its values, or the reason why it is invalid."""

from contextlib import suppress
from datetime import date
from typing import Any

from inn8_pipeline.entities import DAY_PROPERTY, Kind, Property, ReasonCode
from inn8_pipeline.transform.json.field_names import FieldNames
from inn8_pipeline.transform.values import (
    InvalidValueError,
    Pairs,
    read_choice,
    read_date,
    read_decimal,
    read_id,
    read_text,
    require_date,
    require_utf8,
)


def read_record(value: object, names: FieldNames) -> Any:  # noqa: ANN401 (of the type that `names` built)
    """Return the record.

    Raises:
        InvalidValueError: A value is invalid; of several, the first in the order in which the properties are declared.

    """
    require_utf8(value)
    if not isinstance(value, Pairs):
        raise InvalidValueError(ReasonCode.NOT_AN_OBJECT, "the record is not a JSON object")
    return _read_object(value, names)


def read_id_and_day(value: object, names: FieldNames) -> tuple[str | None, date | None]:
    """Return the id and the trade date of an invalid record, each None if it cannot be read."""
    found = _last_values(value, names) if isinstance(value, Pairs) else {}
    external_id: str | None = None
    trade_date: date | None = None
    with suppress(InvalidValueError):
        external_id = read_id(found.get("id"), "id")
    with suppress(InvalidValueError):
        notation = next((each.notation for each in names.properties if each.name == DAY_PROPERTY), None)
        trade_date = read_date(found.get(DAY_PROPERTY), DAY_PROPERTY, notation)
    return external_id, trade_date


def _read_object(pairs: Pairs, names: FieldNames) -> Any:  # noqa: ANN401
    found = _last_values(pairs, names)
    return names.record_type(**{each.name: _read(found.get(each.name), each, names) for each in names.properties})


def _last_values(pairs: Pairs, names: FieldNames) -> dict[str, object]:
    """Return the values by declared name. Of a property given twice, in whatever case, the last one counts.

    Of a property with several names the first one counts that has a value: a server that renames it may send both.
    """
    last = {name.lower(): value for name, value in pairs if names.find(name) is not None}
    found: dict[str, object] = {}
    for each in names.properties:
        sent = [last[name.lower()] for name in each.names if name.lower() in last]
        if sent:
            found[each.name] = next((value for value in sent if value is not None), None)
    return found


def _read(value: object, each: Property, names: FieldNames) -> object:  # noqa: PLR0911 (one for each kind)
    name = names.path + each.name
    if value is None:
        if each.is_required:
            raise InvalidValueError(ReasonCode.MISSING_FIELD, f"{name} is missing")
        return None
    match each.kind:
        case Kind.ID:
            return read_id(value, name)
        case Kind.TEXT:
            return read_text(value, name)
        case Kind.CHOICE:
            return read_choice(value, name)
        case Kind.DATE:
            return _read_date(value, each, name)
        case Kind.DECIMAL:
            return read_decimal(value, name, each.notation)
        case Kind.OBJECT:
            if not isinstance(value, Pairs):
                raise InvalidValueError(ReasonCode.WRONG_TYPE, f"{name} is not an object")
            return _read_object(value, names.children[each.name])


def _read_date(value: object, each: Property, name: str) -> object:
    """Return the text of a valid date as sent. An empty one is kept if the date is optional: the rules report it."""
    day = read_date(value, name, each.notation)
    if each.is_required:
        require_date(day, name)
    return value
