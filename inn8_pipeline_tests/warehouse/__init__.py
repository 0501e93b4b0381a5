"""The warehouse: every promise about the rows, on real Postgres, driven by JSON as INN8 would send it."""
