"""A simulated INN8 API with generated data and faults, and an embedded Postgres, for `inn8 demo`, `inn8 dev` and tests.

It shares no code with the pipeline on purpose: a mistake in common code would go unnoticed. Only the command line, the
tests and the benchmarks import it.
"""
