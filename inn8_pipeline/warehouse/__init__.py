"""Everything about Postgres: tables and migrations, landings, the merge, queries and erasure.

It takes DataFrames and bytes, returns counts and rows, and imports neither Dagster nor an HTTP client. Read
`merge.session` first, which has the steps of a merge in order, then `landing.writer` and `schema.tables`.
"""
