"""Write and read JSON: numbers exactly as given, the `id` of a record first, names in camelCase or PascalCase.

Nothing is shared with the pipeline on purpose: a mistake in common code would go unnoticed.
"""

import json
import re
from decimal import Decimal
from typing import Any

from inn8_pipeline.sandbox.errors import NonFiniteNumberError

# A quote within a string is escaped, so this matches names only.
_NAME = re.compile(rb'"([a-z])([A-Za-z0-9]*)":')


def quoted(text: str) -> str:
    """Return `text` as a JSON string. Lone surrogates are escaped, because UTF-8 cannot encode them."""
    plain = json.dumps(text, ensure_ascii=False)
    return plain if plain.isprintable() else json.dumps(text)


def render(value: object) -> str:
    """Return `value` as JSON. A Decimal becomes a number with the same digits.

    Raises:
        NonFiniteNumberError: A number is NaN or infinite.

    """
    match value:
        case dict():
            return "{" + ",".join(f"{quoted(str(name))}:{render(item)}" for name, item in value.items()) + "}"
        case list() | tuple():
            return "[" + ",".join(map(render, value)) + "]"
        case Decimal():
            if not value.is_finite():
                raise NonFiniteNumberError
            return str(value)
        case str():
            return quoted(value)
        case _:
            return json.dumps(value, allow_nan=False)


def render_record(record: dict[str, Any]) -> bytes:
    """Return a record as JSON with its `id` first, by which `has_id` recognises it."""
    ordered = {"id": record["id"], **record} if "id" in record else record
    return render(ordered).encode()


def parse(text: bytes) -> Any:  # noqa: ANN401 (JSON may be anything)
    """Parse JSON. Every number becomes a Decimal with the digits that were sent."""
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


def has_id(rendered: bytes, record_id: object) -> bool:
    """Return whether the rendered record has this id."""
    head = f'{{"id":{render(record_id)}'.encode()
    return rendered.startswith((head + b",", head + b"}"))


def pascal_case(body: bytes) -> bytes:
    """Return the JSON with all property names in PascalCase."""
    return _NAME.sub(lambda name: b'"' + name[1].upper() + name[2] + b'":', body)
