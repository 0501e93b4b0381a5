"""The contract with INN8: the paths, names, paging and totals of its API, which may differ between installations.

`DEFAULT` is the built-in contract. A contract file (docs/contract.md) overrides single keys of it. `reading` parses
such a file, and `writing` prints a contract as one.
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
