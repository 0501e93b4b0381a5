"""The definitions that Dagster loads. `workspace.yaml` points here."""

import dagster as dg

from inn8_pipeline.defs.build import build
from inn8_pipeline.settings import Environment


@dg.definitions
def defs() -> dg.Definitions:
    """Return the definitions, built from the environment when Dagster asks for them."""
    return build(Environment())
