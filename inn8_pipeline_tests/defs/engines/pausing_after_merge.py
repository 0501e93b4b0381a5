"""The worker's application with short timeouts, whose merge waits after its commit until the test lets it go on.

Two files in the working folder of the worker say so.
"""

import time
from pathlib import Path

from inn8_pipeline import sync
from inn8_pipeline.warehouse.merge.results import SyncResult
from inn8_pipeline.warehouse.merge.session import merge_landing
from inn8_pipeline_tests.defs.engines.deployment import COMMITTED, GO_ON
from inn8_pipeline_tests.defs.engines.short_timeouts import app

__all__ = ["app"]


def merge_and_wait(*arguments: object, **named: object) -> SyncResult:
    """Merge as usual, and wait once the transaction is committed."""
    result = merge_landing(*arguments, **named)  # type: ignore[arg-type]
    Path(COMMITTED).touch()
    while not Path(GO_ON).exists():
        time.sleep(0.1)
    return result


sync.merge_landing = merge_and_wait  # type: ignore[attr-defined]
