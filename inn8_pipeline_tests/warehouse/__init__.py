"""Tests of the warehouse on a real Postgres, with JSON as INN8 would send it."""
