"""The module that Dagster loads: `workspace.yaml` names it. `defs.build` builds the definitions."""

import dagster as dg

from inn8_pipeline.defs.build import build
from inn8_pipeline.settings import Environment


@dg.definitions
def defs() -> dg.Definitions:
    """Return the definitions, from the environment as it is when Dagster loads them."""
    return build(Environment())
