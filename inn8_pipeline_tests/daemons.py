"""Helpers for tests of Dagster's daemon: our `dagster.yaml` with some lines changed, and waiting for a condition.

The daemon also evaluates the schedules, and a tick can fall into any test. With `UNSCHEDULED` their runs stay queued.
"""

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from inn8_pipeline.defs import names

DAGSTER_YAML = Path(__file__).parents[1] / "dagster.yaml"
LONG = 120
UNSCHEDULED = {"tag_concurrency_limits": f"\n      - key: {names.SCHEDULED_TAG}\n        limit: 0"}
"""Runs of a tick or a sweep wait for ever."""


def configure(home: Path, **changes: object) -> None:
    """Write our dagster.yaml into the folder, with another value in each line that begins with one of these names."""
    text = DAGSTER_YAML.read_text(encoding="utf-8")
    for name, value in changes.items():
        text, count = re.subn(rf"(?m)^([ -]*{name}):(?: .+)?$", rf"\g<1>: {value}", text)
        assert count == 1, f"{count} lines of {name}"
    (home / DAGSTER_YAML.name).write_text(text, encoding="utf-8")


def until(condition: Callable[[], Any], seconds: float = LONG) -> Any:  # noqa: ANN401 (whatever the condition finds)
    """Wait until the condition returns something true, and return that."""
    ends_at = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < ends_at, "it did not come to pass in time"
        time.sleep(0.3)
    return found
