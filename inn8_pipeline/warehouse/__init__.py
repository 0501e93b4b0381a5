"""Everything about Postgres: tables and migrations, landings, the merge, queries and erasure.

Its input is DataFrames and bytes, its output counts and rows; it imports neither Dagster nor HTTP. Read `merge.session`
first, which has the steps of a merge in their order, then `landing.store` and `schema.tables`.
"""
