"""The worker's application with a long timeout of the queue, for a test in which Dagster's time limit comes first."""

from inn8_pipeline.defs.runs import executors

executors.OFFERED_AGAIN_SECONDS = 400

from inn8_pipeline.defs.worker import app  # noqa: E402 (it reads this)

__all__ = ["app"]
