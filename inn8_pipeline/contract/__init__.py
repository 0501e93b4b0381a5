"""The contract: how INN8's API looks on the wire, as far as one installation may differ from another.

`DEFAULT` is the contract that the pipeline is built against. A contract file (docs/contract.md) changes single keys of
it. `reading` parses the file, `writing` prints a contract as one.
"""

from inn8_pipeline.contract.model import (
    DEFAULT,
    CollectionContract,
    Contract,
    PagingContract,
    PropertyContract,
    TokenContract,
    TotalContract,
    WindowContract,
)

__all__ = [
    "DEFAULT",
    "CollectionContract",
    "Contract",
    "PagingContract",
    "PropertyContract",
    "TokenContract",
    "TotalContract",
    "WindowContract",
]
