"""Everything that uses Dagster: assets, jobs, schedules, checks, sensors and the resources that they need.

Start with `build`, which assembles the definitions, and `assets`, whose steps call `inn8_pipeline.sync`. The packages
that `defs` is built on do not import Dagster.
"""
