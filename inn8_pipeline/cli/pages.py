"""Pages of the documentation that are made from the code: the data dictionary, as Markdown."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Table

_HEAD = """# The data dictionary

Every table and column, from the same sentences as the comments in Postgres and the column descriptions in the Dagster
UI. Made by `inn8 db dictionary > docs/dictionary.md`; not to be edited by hand.
"""


def dictionary() -> str:
    """The whole page."""
    from inn8_pipeline.warehouse.tables import metadata

    tables = metadata.tables.values()
    return "\n".join([_HEAD, *(line for table in tables for line in _table(table))])


def _table(table: "Table") -> Iterator[str]:
    from inn8_pipeline.warehouse.plan import type_of

    yield f"## {table.fullname}\n"
    yield f"{table.comment}\n"
    yield "| column | type | null | meaning |"
    yield "|---|---|---|---|"
    for column in table.columns:
        kind = type_of(column).replace(' collate "c"', "")
        yield f"| `{column.name}` | `{kind}` | {'yes' if column.nullable else ''} | {column.comment} |"
    yield ""
