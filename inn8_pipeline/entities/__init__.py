"""One declaration per entity of INN8, and the values that describe its records.

Everything that is true of `clients`, `portfolios` or `transactions` is declared in the module of that name; the rest of
the pipeline is derived from the declarations in `ENTITIES`. How to add one: docs/contributing.md.
"""

from inn8_pipeline.entities.clients import CLIENTS
from inn8_pipeline.entities.portfolios import PORTFOLIOS
from inn8_pipeline.entities.records import (
    MAX_DECIMAL_PLACES,
    MAX_DIGITS,
    MAX_ID_LENGTH,
    PAGE_SIZE,
    ReasonCode,
    Reject,
    Window,
)
from inn8_pipeline.entities.registry import ENTITIES
from inn8_pipeline.entities.table_columns import TECHNICAL, TableColumn, table_columns, value_columns
from inn8_pipeline.entities.transactions import SECURITIES, TRANSACTIONS
from inn8_pipeline.entities.types import (
    DAY_COLUMN,
    DAY_PROPERTY,
    ID_PROPERTY,
    UNKNOWN,
    AnyColumn,
    Column,
    Dimension,
    DimensionReference,
    Entity,
    Folding,
    Format,
    Kind,
    Property,
    Reference,
)

__all__ = [
    "CLIENTS",
    "DAY_COLUMN",
    "DAY_PROPERTY",
    "ENTITIES",
    "ID_PROPERTY",
    "MAX_DECIMAL_PLACES",
    "MAX_DIGITS",
    "MAX_ID_LENGTH",
    "PAGE_SIZE",
    "PORTFOLIOS",
    "SECURITIES",
    "TECHNICAL",
    "TRANSACTIONS",
    "UNKNOWN",
    "AnyColumn",
    "Column",
    "Dimension",
    "DimensionReference",
    "Entity",
    "Folding",
    "Format",
    "Kind",
    "Property",
    "ReasonCode",
    "Reference",
    "Reject",
    "TableColumn",
    "Window",
    "table_columns",
    "value_columns",
]
