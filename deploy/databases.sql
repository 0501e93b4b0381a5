-- The databases that the postgres image makes beside POSTGRES_DB, once, when its volume is empty.
CREATE DATABASE dagster;
