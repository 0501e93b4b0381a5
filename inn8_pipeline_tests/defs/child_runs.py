"""Runs in child processes that a test starts; none is left when the test ends."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.process import BaseProcess

from inn8_pipeline.defs.partitions import range_tags
from inn8_pipeline.entities import TRANSACTIONS, Entity
from inn8_pipeline_tests.defs import killed_processes
from inn8_pipeline_tests.defs.killed_processes import KillPoint
from inn8_pipeline_tests.defs.pipelines import Pipeline

SECONDS = 60


@contextmanager
def begun(
    pipeline: Pipeline, entity: Entity, kill_point: KillPoint | None = None, tags: Mapping[str, str] | None = None
) -> Iterator[BaseProcess]:
    """Yield a run in a process of its own, of all days unless the tags say which; none of it is left at the end."""
    of_days = range_tags(pipeline.window) if entity is TRANSACTIONS else {}
    arguments = (str(entity), settings(), of_days if tags is None else tags, kill_point)
    child = killed_processes.SERVER.Process(target=killed_processes.run, args=arguments)
    child.start()
    try:
        yield child
    finally:
        child.join(SECONDS)
        child.kill()
        child.join()


def settings() -> dict[str, str]:
    """Return the settings of this process, as the test's fixtures have set them."""
    return {name: value for name, value in os.environ.items() if name.startswith(("DAGSTER_", "INN8_"))}
