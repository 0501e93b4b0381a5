"""Connections to Postgres: engines, transactions, statements, and errors that never contain a value of a row.

`execute` runs the composed statements of the warehouse, and `transaction` opens its transactions.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event
from sqlalchemy.exc import DBAPIError

from inn8_pipeline.errors import DatabaseError, UnreachableDatabaseError, UnsuitableDatabaseError
from inn8_pipeline.warehouse import database_url

if TYPE_CHECKING:
    from inn8_pipeline.warehouse.database_url import DatabaseUrl

Statement = sql.SQL | sql.Composed
"""A statement as `psycopg.sql` composes it."""

CONNECT_SECONDS = 10
STATEMENT_MINUTES = 60
IDLE_MINUTES = 15
LEAST_VERSION = 17
MAX_CAUSE = 300
# SQLSTATEs of the server, the connection and missing rights (of class 42, which includes syntax errors, only these).
# Their messages name objects of the database, never the values of a row.
_WITHOUT_VALUES = ("08", "25", "28", "3D", "42501", "53", "55", "57", "58")

_REFUSALS = (
    ("28P01", "password authentication failed|no password supplied"),
    ("28000", "authentication failed|no pg_hba.conf entry|pg_hba.conf rejects|is not permitted to log in"),
    ("28000", 'role ".*" does not exist'),
    ("3D000", 'database ".*" does not exist'),
    ("42501", "permission denied for database"),
)
"""The SQLSTATEs and messages of Postgres and PgBouncer that let nobody in until somebody changes something."""
KEEPALIVES = {
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "60s",
}
"""The settings of a session by which Postgres notices in a minute or two that the client's machine is gone, while it
waits for the client or has sent it something. The defaults are two hours and 15 minutes. A Unix socket ignores them."""
_SESSION = {
    # Our statements and the driver rely on these settings. A role or a database may have other defaults.
    "search_path": "pg_catalog",
    "datestyle": "ISO, YMD",
    "intervalstyle": "postgres",
    "timezone": "UTC",
    "bytea_output": "hex",
    "standard_conforming_strings": "on",
    "array_nulls": "on",
    "transform_null_equals": "off",
    "row_security": "on",
    "default_transaction_isolation": "read committed",
    # Each plan is used once, so compiling it costs more than it saves.
    "jit": "off",
    # The staged rows of a sync are joined and counted several times.
    "work_mem": "64MB",
    # Every wait is bounded: for a lock (the merge sets its own bound), a statement, or an idle client in a transaction.
    "lock_timeout": "60s",
    "statement_timeout": f"{STATEMENT_MINUTES}min",
    "idle_in_transaction_session_timeout": f"{IDLE_MINUTES}min",
    "idle_session_timeout": "0",
    "transaction_timeout": "0",
    # Postgres releases the locks of a client whose machine is gone, also while it executes a statement (by default at
    # its end). Behind a pooler all of this is about the pooler's machine.
    **KEEPALIVES,
    "client_connection_check_interval": "10s",
}
_CONNECTION = {
    "connect_timeout": CONNECT_SECONDS,
    "application_name": "inn8_pipeline",
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}


def connect(url: str, *, variable: str = "INN8_DATABASE_URL", prepares_statements: bool = True) -> Engine:
    """Return an engine without a pool, so that no connection stays open between two syncs.

    Args:
        url: The URL as libpq reads it, with all of its parameters; the driver may be named or not.
        variable: The setting that has the URL, for messages.
        prepares_statements: Set it to False behind a pooler in transaction mode, where each transaction may get another
            session. Then no statement is prepared, and each transaction begins by applying our settings.

    Raises:
        SettingsError: The URL cannot be read, or has a parameter that libpq does not know.

    """
    address = database_url.parse(url, variable)
    engine = create_engine(
        _sqlalchemy_url(address),
        poolclass=NullPool,
        hide_parameters=True,
        use_native_hstore=False,
        connect_args={name: value for name, value in _CONNECTION.items() if name not in address.parameters}
        | {"client_encoding": "utf8", "prepare_threshold": 5 if prepares_statements else None},
    )

    @event.listens_for(engine, "do_connect")
    def open_connection(_dialect: Any, _record: Any, arguments: Any, parameters: Any) -> Any:  # noqa: ANN401
        return _open(address, arguments, parameters, is_session_ours=prepares_statements)

    if not prepares_statements:

        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            execute(connection, _set_all(is_local=True))

    return engine


def _sqlalchemy_url(address: "DatabaseUrl") -> URL:
    """Return the URL for SQLAlchemy. Host and port are query parameters, because there may be several."""
    parameters = dict(address.parameters)
    return URL.create(
        "postgresql+psycopg",
        username=parameters.pop("user", None),
        password=parameters.pop("password", None),
        database=parameters.pop("dbname", None),
        query=parameters,
    )


def _open(address: "DatabaseUrl", arguments: Any, parameters: Any, *, is_session_ours: bool) -> Any:  # noqa: ANN401
    """Open a connection, check that the pipeline can use the database, and apply our settings."""
    try:
        connection = psycopg.connect(*arguments, **parameters, autocommit=True)
    except psycopg.Error as error:
        raise _unreachable(address, error) from None
    try:
        _check(address, connection)
        if is_session_ours:
            connection.execute(_set_all(is_local=False))
        connection.autocommit = False
    except psycopg.Error as error:
        connection.close()
        raise _unreachable(address, error) from None
    except UnsuitableDatabaseError:
        connection.close()
        raise
    return connection


def _check(address: "DatabaseUrl", connection: "psycopg.Connection[Any]") -> None:
    """Raise `UnsuitableDatabaseError` unless the database can store what INN8 sends. No query is sent."""
    version = connection.info.server_version // 10_000
    if version < LEAST_VERSION:
        finding = f"{address.server} runs Postgres {version}"
        way_out = f"Postgres {LEAST_VERSION} or newer is needed: upgrade the server"
        raise UnsuitableDatabaseError(finding, way_out)
    encoding = connection.info.parameter_status("server_encoding")
    if encoding not in {None, "UTF8"}:  # a pooler may not pass it on
        finding = f"The database {connection.info.dbname} has the encoding {encoding}"
        way_out = "INN8 sends Unicode: make another one with `createdb --encoding=UTF8 --template=template0 NAME`"
        raise UnsuitableDatabaseError(finding, way_out)


def _set_all(*, is_local: bool) -> sql.Composed:
    """Return the statement that applies our settings, to the session or until the end of the transaction."""
    calls = [_SET.format(name, value, sql.Literal(is_local)) for name, value in _SESSION.items()]
    return sql.SQL("select {}").format(sql.SQL(", ").join([*calls, _SET_TEMP_BUFFERS.format(sql.Literal(is_local))]))


_SET = sql.SQL("set_config({}, {}, {})")
# The staged rows of a sync are joined and counted several times. A pooled session may already have used a temporary
# table. Postgres does not allow a change after that, so the setting keeps its value.
_SET_TEMP_BUFFERS = sql.SQL("set_config('temp_buffers', case when pg_my_temp_schema() = 0 then '64MB' end, {})")


def _unreachable(address: "DatabaseUrl", error: psycopg.Error) -> UnreachableDatabaseError:
    """Return the error of a connection that could not be opened. libpq's message is safe, as no row was read."""
    lines = str(error).splitlines() or [type(error).__name__]
    cause = address.without_password(lines[0].removeprefix("connection failed: "))
    sqlstate = error.sqlstate or sqlstate_of_refusal(str(error))
    return UnreachableDatabaseError(address.variable, address.server, cause[:MAX_CAUSE], sqlstate)


def sqlstate_of_refusal(message: str) -> str:
    """Return the SQLSTATE of a refusal to open a connection; empty if the message says nothing of a refusal.

    libpq gives no SQLSTATE for a connection that could not be opened, but only the message. It is in English unless the
    server's `lc_messages` say otherwise.
    """
    return next((sqlstate for sqlstate, pattern in _REFUSALS if re.search(pattern, message)), "")


@contextmanager
def guarded(action: str) -> Iterator[None]:
    """Raise errors of Postgres and of its driver as a `DatabaseError` that names the action.

    The message of Postgres is included only if it cannot contain values of a row.
    """
    try:
        yield
    except DBAPIError as error:
        raise _named(action, error.orig) from None
    except psycopg.Error as error:
        raise _named(action, error) from None


def _named(action: str, error: BaseException | None) -> DatabaseError:
    sqlstate = getattr(error, "sqlstate", None) or ""
    diagnostics = getattr(error, "diag", None)
    is_harmless = sqlstate.startswith(_WITHOUT_VALUES)
    cause = (diagnostics.message_primary or "") if diagnostics and is_harmless else ""
    # Celery sends an error by its positional arguments.
    return DatabaseError(action, type(error).__name__, sqlstate, cause)


@contextmanager
def transaction(engine: Engine, action: str) -> Iterator[Connection]:
    """Run one transaction: commit it at the end, roll it back on any error. A `DatabaseError` names the `action`."""
    with guarded(action), engine.begin() as connection:
        yield connection


@contextmanager
def snapshot(engine: Engine, action: str) -> Iterator[Connection]:
    """Run one read-only transaction whose statements all see the same state of the database.

    The mode is set by `BEGIN`. Behind a pooler in transaction mode `SET TRANSACTION` would be too late, because each
    transaction begins with a query that applies our settings.
    """
    options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with transaction(engine.execution_options(**options), action) as connection:
        yield connection


def execute(connection: Connection, statement: Statement, **parameters: object) -> "psycopg.Cursor[dict[str, Any]]":
    """Execute a composed statement with named parameters (`%(tenant)s`); rows are dictionaries by column name.

    The statement is composed by `psycopg.sql` from table metadata and literals of this code; every value is a named
    parameter of the call. Without parameters a `%` in the statement stands for itself.
    """
    return raw(connection).cursor(row_factory=dict_row).execute(statement, parameters or None)


def raw(connection: Connection) -> "psycopg.Connection[tuple[object, ...]]":
    """Return the psycopg connection of a SQLAlchemy connection, in the same transaction."""
    driver = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        message = f"{type(driver).__name__} is not a connection of psycopg 3"
        raise TypeError(message)
    return driver
