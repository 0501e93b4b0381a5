"""Deployments for tests of minutes, collected only where they are named: `make test-celery`, `make test-backfills`."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from inn8_pipeline_tests.defs.conftest import NewPipeline
from inn8_pipeline_tests.defs.engines.deployment import Deployment, deployed

collect_ignore = ["test_backfills.py", "test_celery.py", "test_celery_hosts.py"]

Deploy = Callable[..., Deployment]


@pytest.fixture
def deploy(new_pipeline: NewPipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deploy]:
    """Return a function that deploys the test's pipeline on a world with this number of days."""
    with ExitStack() as stack:

        def new(days: int, application: str, max_runtime: int) -> Deployment:
            pipeline = new_pipeline(days=days, transactions=16 * days)
            return stack.enter_context(deployed(pipeline, tmp_path, monkeypatch, application, max_runtime))

        yield new
