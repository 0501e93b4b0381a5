"""Something to try the pipeline on: an imitation of the INN8 API with seeded data, and an embedded Postgres.

It knows INN8 from the outside alone and shares no code with the pipeline: a mistake made in both would hide.
Known to the command line and to the tests; the pipeline itself never imports it.
"""
