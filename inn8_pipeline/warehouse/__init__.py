"""Where the data is kept: tables and migrations, landings, the merge, rejects, removal, what each day was merged from.

Here belongs all SQL. Nothing here knows Dagster, HTTP or how a record is read: DataFrames and bytes come in, counts go
out. In reading order: `tables`, `landing`, `staging`, `merge` (which tells the whole story), `rejects`, `removal`,
`coverage`.
"""
