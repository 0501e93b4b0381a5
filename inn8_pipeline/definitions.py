"""The module that Dagster loads, as `workspace.yaml` says. `defs.build` builds the definitions."""

import dagster as dg

from inn8_pipeline.defs.build import build
from inn8_pipeline.settings import Environment


@dg.definitions
def defs() -> dg.Definitions:
    """Return the definitions, built from the environment at the time when Dagster loads them."""
    return build(Environment())
