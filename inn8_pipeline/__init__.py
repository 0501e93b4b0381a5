"""Bring INN8 clients, portfolios and transactions into Postgres with Dagster, every 15 minutes, exactly.

Read in this order: `entities` (what INN8 sends), `extract` (how it is fetched), `transform` (what is made of it),
`warehouse` (where it is stored), `sync` (fetch and merge), `defs` (how Dagster runs it), `cli` (the command `inn8`).
Importing the package reads no environment, opens no connection and writes no file.
"""
