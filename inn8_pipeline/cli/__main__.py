"""Run `inn8` as `python -m inn8_pipeline.cli`, for environments whose scripts are not on the path."""

from inn8_pipeline.cli import main

main(prog_name="inn8")
