"""One declaration per entity of INN8, and the values that describe its records.

The modules `clients`, `portfolios` and `transactions` declare one entity each; the rest of the pipeline is derived from
the declarations in `ENTITIES`. docs/contributing.md says how to add one.
"""

from inn8_pipeline.entities.clients import CLIENTS
from inn8_pipeline.entities.notations import (
    COMMA,
    DATE_NOTATIONS,
    DECIMAL_NOTATIONS,
    DOTNET,
    EPOCH_MILLISECONDS_PER_UNIT,
    INSTANT,
    NOTATIONS_OF_INSTANTS,
    POINT,
    Notation,
)
from inn8_pipeline.entities.portfolios import PORTFOLIOS
from inn8_pipeline.entities.records import (
    MAX_DECIMAL_PLACES,
    MAX_DIGITS,
    MAX_ID_LENGTH,
    MAX_PAGE_SIZE,
    PAGE_SIZE,
    ReasonCode,
    Reject,
    Window,
)
from inn8_pipeline.entities.registry import ENTITIES
from inn8_pipeline.entities.table_columns import AS_OF_DATE, TECHNICAL, TableColumn, table_columns, value_columns
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
    "AS_OF_DATE",
    "CLIENTS",
    "COMMA",
    "DATE_NOTATIONS",
    "DAY_COLUMN",
    "DAY_PROPERTY",
    "DECIMAL_NOTATIONS",
    "DOTNET",
    "ENTITIES",
    "EPOCH_MILLISECONDS_PER_UNIT",
    "ID_PROPERTY",
    "INSTANT",
    "MAX_DECIMAL_PLACES",
    "MAX_DIGITS",
    "MAX_ID_LENGTH",
    "MAX_PAGE_SIZE",
    "NOTATIONS_OF_INSTANTS",
    "PAGE_SIZE",
    "POINT",
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
    "Notation",
    "Property",
    "ReasonCode",
    "Reference",
    "Reject",
    "TableColumn",
    "Window",
    "table_columns",
    "value_columns",
]
