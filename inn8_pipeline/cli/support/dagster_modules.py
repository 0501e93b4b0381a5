"""Modules that import Dagster, loaded when a command first uses one: `dagster_modules.runs.execute(…)`.

Importing Dagster takes 1.0 s of CPU time, and loading the definitions 0.5 s more. Help texts, shell completion and
messages about wrong settings do not need it and take 0.1 to 0.6 s.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inn8_pipeline import definitions
    from inn8_pipeline.cli.instance import erasures, instance, runs, shared_instance, storage_checks, workers
    from inn8_pipeline.cli.local import open_runs
    from inn8_pipeline.defs import names, resources
    from inn8_pipeline.defs.instance import mutes, pauses
    from inn8_pipeline.defs.runs import progress
    from inn8_pipeline.defs.sync_log import copy_from_dagster, dry_runs
    from inn8_pipeline.defs.watching import findings
else:
    _PACKAGES = {
        "definitions": "inn8_pipeline",
        "copy_from_dagster": "inn8_pipeline.defs.sync_log",
        "dry_runs": "inn8_pipeline.defs.sync_log",
        "erasures": "inn8_pipeline.cli.instance",
        "findings": "inn8_pipeline.defs.watching",
        "instance": "inn8_pipeline.cli.instance",
        "mutes": "inn8_pipeline.defs.instance",
        "names": "inn8_pipeline.defs",
        "open_runs": "inn8_pipeline.cli.local",
        "pauses": "inn8_pipeline.defs.instance",
        "progress": "inn8_pipeline.defs.runs",
        "resources": "inn8_pipeline.defs",
        "runs": "inn8_pipeline.cli.instance",
        "shared_instance": "inn8_pipeline.cli.instance",
        "storage_checks": "inn8_pipeline.cli.instance",
        "workers": "inn8_pipeline.cli.instance",
    }

    def __getattr__(name: str) -> object:
        """Import the module of this name, and keep it as an attribute."""
        if name not in _PACKAGES:
            raise AttributeError(name)
        module = importlib.import_module(f"{_PACKAGES[name]}.{name}")
        globals()[name] = module
        return module


__all__ = [
    "copy_from_dagster",
    "definitions",
    "dry_runs",
    "erasures",
    "findings",
    "instance",
    "mutes",
    "names",
    "open_runs",
    "pauses",
    "progress",
    "resources",
    "runs",
    "shared_instance",
    "storage_checks",
    "workers",
]
