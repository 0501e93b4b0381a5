"""Everything about Postgres: tables and migrations, landings, the merge, queries and erasure.

DataFrames and bytes come in, counts and rows go out; nothing here imports Dagster or HTTP. Start with
`merge.session`, which has the steps of a merge in their order, then `landing.store` and `schema.tables`.
"""
