-- Databases that the postgres image creates in addition to POSTGRES_DB when its volume is empty.
CREATE DATABASE dagster;
