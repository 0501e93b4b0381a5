"""Generate the data dictionary (docs/dictionary.md) from the tables, the views and their comments."""

from collections.abc import Iterator

from sqlalchemy import Table

from inn8_pipeline.warehouse.merge.plan import type_of
from inn8_pipeline.warehouse.schema.tables import metadata
from inn8_pipeline.warehouse.schema.views import View, views

_HEAD = """# The data dictionary

Every table, view and column, from the same sentences as the comments in Postgres and the column descriptions in the
Dagster UI. Made by `inn8 db dictionary > docs/dictionary.md`; not to be edited by hand.
"""

_VIEWS_HEAD = """# The views

What readers have: `inn8 db grant-reader` lets a login see its tenants' rows of them.
"""


def dictionary() -> str:
    """Return the data dictionary as Markdown."""
    tables = (line for table in metadata.tables.values() for line in _table(table))
    described = (line for view in views() for line in _view(view))
    return "\n".join([_HEAD, *tables, _VIEWS_HEAD, *described])


def _table(table: Table) -> Iterator[str]:
    yield f"## {table.fullname}\n"
    yield f"{table.comment}\n"
    yield "| column | type | null | meaning |"
    yield "|---|---|---|---|"
    for column in table.columns:
        type_name = type_of(column).replace(' collate "c"', "")
        yield f"| `{column.name}` | `{type_name}` | {'yes' if column.nullable else ''} | {column.comment} |"
    yield ""


def _view(view: View) -> Iterator[str]:
    yield f"## {view.name} (view)\n"
    yield f"{view.comment}\n"
    yield "| column | meaning |"
    yield "|---|---|"
    for name, sentence in view.columns.items():
        yield f"| `{name}` | {sentence} |"
    yield ""
