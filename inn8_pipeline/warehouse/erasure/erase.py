"""Erase one person's data everywhere: rows, rejects, and the records in the stored pages.

This module manages the transaction, its locks and the vacuum after it; `data_subject` finds and deletes the data. The
caller passes the function that removes records from a page (`transform.redaction.redact`).
"""

from psycopg import sql
from sqlalchemy import Connection, Engine

from inn8_pipeline.errors import DatabaseError, NotVacuumedError, StillSentError
from inn8_pipeline.warehouse import locks
from inn8_pipeline.warehouse.database import execute, guarded, snapshot, transaction
from inn8_pipeline.warehouse.erasure.data_subject import (
    Cut,
    DataSubject,
    DataSubjectSearch,
    ErasureCounts,
    OnProgress,
    ignore_progress,
)
from inn8_pipeline.warehouse.erasure.ownership import entities_of_clients
from inn8_pipeline.warehouse.landing.pages import hold_pages
from inn8_pipeline.warehouse.schema import access, migrations
from inn8_pipeline.warehouse.schema.tables import (
    HISTORY_SCHEMA,
    SCHEMA,
    landings,
    last_fetches,
    page_validators,
    pages,
    rejected_records,
)


def look(engine: Engine, subject: DataSubject, cut: Cut, *, on_progress: OnProgress = ignore_progress) -> ErasureCounts:
    """Count what `erase` would delete now. Take no lock and change nothing."""
    with snapshot(engine, "looking for one person's data") as connection:
        migrations.check(connection)
        return DataSubjectSearch(connection, subject, cut, on_progress).count()


def erase(  # noqa: PLR0913 (all but three are optional, and by name)
    engine: Engine,
    subject: DataSubject,
    cut: Cut,
    *,
    may_be_sent: bool = False,
    wait_seconds: float = 600.0,
    on_progress: OnProgress = ignore_progress,
) -> ErasureCounts:
    """Erase a client in one transaction that locks out all fetches and merges of the tenant; then vacuum the tables.

    Args:
        engine: The warehouse, as a login that is a member of the owner.
        subject: The client.
        cut: The function that removes records from a page.
        may_be_sent: Erase even if INN8 still sends the client. The next sync then stores it again.
        wait_seconds: How long to wait for each fetch and merge that is in progress.
        on_progress: Called when something begins, and after each step of it: a page that was looked through, a
            deletion, the vacuum of a table.

    Raises:
        NotOwnerError: The login is not a member of the owner. Nothing was changed.
        StillSentError: INN8 still sends the client, and `may_be_sent` is not set. Nothing was changed.
        SyncLockedError: A fetch or a merge took longer than `wait_seconds`. Nothing was changed.
        NotVacuumedError: Everything is erased, but the vacuum failed.

    """
    with transaction(engine, "erasing one person's data") as connection:
        access.require_owner(connection, "erase")
        on_progress("waiting for syncs to end", 0, 0)
        _take_locks(connection, subject.tenant_id, wait_seconds)
        search = DataSubjectSearch(connection, subject, cut, on_progress)
        erased = search.count_and_rewrite()
        if erased.still_sent and not may_be_sent:
            raise StillSentError(tuple(map(str, erased.still_sent)))
        search.delete()
    _vacuum(engine, on_progress)
    return erased


_VACUUM = sql.SQL("vacuum (analyze) {}")
_OTHER_TABLES = (rejected_records, landings, pages, page_validators, last_fetches)
"""The tables that may have something of a person, beside those of the entities."""


def _vacuum(engine: Engine, on_progress: OnProgress) -> None:
    # ANALYZE too, because the statistics of the planner contain values of rows.
    names = [(schema, entity.name) for entity in entities_of_clients() for schema in (SCHEMA, HISTORY_SCHEMA)]
    names += [(table.schema or SCHEMA, table.name) for table in _OTHER_TABLES]
    done = 0
    try:
        with guarded("vacuuming after an erasure"), engine.connect() as connection:
            alone = connection.execution_options(isolation_level="AUTOCOMMIT")
            for done, name in enumerate(names):
                on_progress("vacuuming the tables", done, len(names))
                execute(alone, _vacuum_of(name))
    except DatabaseError as error:
        raise NotVacuumedError(error.condition, _vacuum_of(*names[done:]).as_string()) from None


def _vacuum_of(*names: tuple[str, str]) -> sql.Composed:
    return _VACUUM.format(sql.SQL(", ").join(sql.Identifier(*name) for name in names))


def _take_locks(connection: Connection, tenant_id: str, wait_seconds: float) -> None:
    locks.take_all(connection, tenant_id, wait_seconds)
    hold_pages(connection, tenant_id, for_pruning=True)
