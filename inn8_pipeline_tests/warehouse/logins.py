"""Logins of a test's own on the shared server, and what one of them may do."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import sqlalchemy
from psycopg import sql
from sqlalchemy import make_url


@contextmanager
def new_login(url: str, attributes: str = "") -> Iterator[str]:
    """Yield a login that can do nothing yet, by name; gone afterwards with all its rights."""
    name = make_login(url, attributes)
    try:
        yield name
    finally:
        administer(url, f"drop owned by {name}", f"drop role {name}")


def make_login(url: str, attributes: str = "") -> str:
    """Return a login that stays as long as its server."""
    name = f"login_{uuid.uuid4().hex[:12]}"
    administer(url, f"create role {name} login {attributes}")
    return name


def administer(url: str, *statements: str) -> None:
    """Run the statements as the login of the URL."""
    engine = sqlalchemy.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


def url_of(url: str, login: str) -> str:
    return make_url(url).set(username=login).render_as_string(hide_password=False)


class Session:
    """A session of a login. What fails is undone, and the session goes on."""

    def __init__(self, url: str, login: str) -> None:
        parts = make_url(url)
        self.connection = psycopg.connect(
            dbname=parts.database, host=str(parts.query["host"]), user=login, autocommit=True
        )

    def rows(self, statement: str | sql.Composable, *parameters: object) -> list[dict[str, Any]]:
        with self.connection.cursor(row_factory=psycopg.rows.dict_row) as cursor:
            return cursor.execute(statement, parameters or None).fetchall()  # type: ignore[arg-type]

    def refuses(self, statement: str) -> bool:
        """Return True if the login lacks the right to execute the statement. Raise any other error."""
        try:
            with self.connection.transaction(force_rollback=True):
                self.connection.execute(statement)
        except psycopg.errors.InsufficientPrivilege:
            return True
        return False


@contextmanager
def session(url: str, login: str) -> Iterator[Session]:
    opened = Session(url, login)
    try:
        yield opened
    finally:
        opened.connection.close()
