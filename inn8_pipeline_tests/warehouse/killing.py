"""Processes that merge and are killed or stopped in the middle; children of multiprocessing's fork server."""

import os
import signal
from multiprocessing.context import ForkServerContext
from multiprocessing.synchronize import Event
from typing import Any

import psycopg

from inn8_pipeline.transform import TRANSFORM_VERSION
from inn8_pipeline.warehouse.landing.store import Landing
from inn8_pipeline.warehouse.merge.options import MergeOptions
from inn8_pipeline_tests.warehouse.syncs import HISTORY, Syncs

SERVER = ForkServerContext()
SERVER.set_forkserver_preload([__name__])


def merge_until_killed(url: str, landing: Landing, step: int) -> None:
    """Merge, and die by SIGKILL right before the statement, COPY or commit of this number; counted from 1."""
    left = iter(range(step - 1, -1, -1))

    def dying(method: Any) -> Any:  # noqa: ANN401
        def call(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401
            if next(left) == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return method(*arguments, **named)

        return call

    psycopg.Cursor.execute = dying(psycopg.Cursor.execute)  # type: ignore[method-assign]
    psycopg.Cursor.copy = dying(psycopg.Cursor.copy)  # type: ignore[method-assign]
    psycopg.Connection.commit = dying(psycopg.Connection.commit)  # type: ignore[method-assign]
    with Syncs(url) as syncs:
        syncs.merge(landing)


def merge_when_allowed(url: str, landing: Landing, holds: Event, goes_on: Event) -> None:
    """Merge, but stop in the middle with the lock held until `goes_on` is set."""

    def stop() -> None:
        holds.set()
        assert goes_on.wait(60)

    with Syncs(url) as syncs:
        syncs.merge_with(landing, None, MergeOptions(TRANSFORM_VERSION, HISTORY), when_staged=stop)
