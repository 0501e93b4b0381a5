"""`python -m inn8_pipeline.cli` runs `inn8` where its script is not on the path."""

from inn8_pipeline.cli import main

main(prog_name="inn8")
