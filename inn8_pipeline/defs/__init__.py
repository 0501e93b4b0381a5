"""Everything that uses Dagster: assets, jobs, schedules, checks, sensors and the resources that they need.

Start with `build`, which puts the definitions together, and `assets`, whose steps call `inn8_pipeline.sync`. The
packages below `defs` know nothing of Dagster.
"""
