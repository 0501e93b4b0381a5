"""What Dagster loads: names everything, builds nothing. `workspace.yaml` points here."""

import dagster as dg

from inn8_pipeline.defs.build import build
from inn8_pipeline.settings import Environment


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions, from the environment as it is when Dagster asks for them."""
    return build(Environment())
