"""The worker's application with short timeouts of the queue, for tests that cannot wait for minutes."""

from inn8_pipeline.defs.runs import executors

executors.OFFERED_AGAIN_SECONDS = 5
executors.AGAIN_SECONDS = 2
executors.SWEEP_SECONDS = 1

from inn8_pipeline.defs.worker import app  # noqa: E402 (it reads these)

__all__ = ["app"]
