"""JSON text as the sandbox writes and reads it: numbers exactly as given, a record's `id` first, names in either case.

Its own, and not the pipeline's, so that a fault of one is not forgiven by the other.
"""

import json
import re
from decimal import Decimal
from typing import Any

from inn8_pipeline.sandbox.errors import NoJsonError

# A quote inside a string is escaped, so what this matches is always a name.
_NAME = re.compile(rb'"([a-z])([A-Za-z0-9]*)":')


def quoted(text: str) -> str:
    """Return `text` as a JSON string; lone surrogates are escaped, because UTF-8 has none."""
    plain = json.dumps(text, ensure_ascii=False)
    return plain if plain.isprintable() else json.dumps(text)


def render(value: object) -> str:
    """Return `value` as JSON. A Decimal becomes a number with the digits that it has; NaN is no JSON (ValueError)."""
    match value:
        case dict():
            return "{" + ",".join(f"{quoted(str(name))}:{render(item)}" for name, item in value.items()) + "}"
        case list() | tuple():
            return "[" + ",".join(map(render, value)) + "]"
        case Decimal():
            if not value.is_finite():
                raise NoJsonError
            return str(value)
        case str():
            return quoted(value)
        case _:
            return json.dumps(value, allow_nan=False)


def render_record(record: dict[str, Any]) -> bytes:
    """Return a record as JSON with its `id`, where it has one, in front: by that it is found again."""
    ordered = {"id": record["id"], **record} if "id" in record else record
    return render(ordered).encode()


def parse(text: bytes) -> Any:  # noqa: ANN401 (JSON may be anything)
    """Read JSON; every number becomes a Decimal, with the digits that were sent."""
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


def has_id(rendered: bytes, record_id: object) -> bool:
    """Tell whether the rendered record bears this id."""
    head = f'{{"id":{render(record_id)}'.encode()
    return rendered.startswith((head + b",", head + b"}"))


def pascal_case(body: bytes) -> bytes:
    """Return the JSON with all property names in PascalCase."""
    return _NAME.sub(lambda name: b'"' + name[1].upper() + name[2] + b'":', body)
