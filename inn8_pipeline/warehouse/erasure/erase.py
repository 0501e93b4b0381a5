"""One person's data, erased everywhere: rows, rejects, and the records in the pages as INN8 sent them.

Here belong the transaction, its locks and what follows it; what is a person's is `person`'s. How records are cut out
of a page is handed in: that is `transform`'s.
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
    entities_of_clients,
)
from inn8_pipeline.warehouse.landing.store import hold_pages
from inn8_pipeline.warehouse.schema import access, migrations
from inn8_pipeline.warehouse.schema.tables import SCHEMA, landings, pages, rejected_records


def look(engine: Engine, subject: DataSubject, cut: Cut) -> ErasureCounts:
    """Count what `erase` would erase, as it stands now; nothing is locked or changed."""
    with snapshot(engine, "looking for one person's data") as connection:
        migrations.check(connection)
        return DataSubjectSearch(connection, subject, cut).count()


def erase(
    engine: Engine, subject: DataSubject, cut: Cut, *, may_be_sent: bool = False, wait_seconds: float = 600.0
) -> ErasureCounts:
    """Erase the client, in one transaction in which nothing else writes; then vacuum.

    `StillSentError` where INN8 would bring it back and that was not allowed, `SyncLockedError` where a fetch or a sync
    goes on for longer than that; then nothing is changed. `NotVacuumedError` where all is erased but the vacuum failed.
    """
    with transaction(engine, "erasing one person's data") as connection:
        access.require_owner(connection, "erase")
        _take_locks(connection, subject.tenant_id, wait_seconds)
        search = DataSubjectSearch(connection, subject, cut)
        erased = search.count_and_rewrite()
        if erased.still_sent and not may_be_sent:
            raise StillSentError(tuple(map(str, erased.still_sent)))
        search.delete()
    _vacuum(engine)
    return erased


_VACUUM = sql.SQL("vacuum (analyze) {}")


def _vacuum(engine: Engine) -> None:
    # With ANALYZE: the planner's statistics hold values too.
    names = [(SCHEMA, entity.name) for entity in entities_of_clients()]
    names += [(table.schema or SCHEMA, table.name) for table in (rejected_records, landings, pages)]
    statement = _VACUUM.format(sql.SQL(", ").join(sql.Identifier(*name) for name in names))
    try:
        with guarded("vacuuming after an erasure"), engine.connect() as connection:
            execute(connection.execution_options(isolation_level="AUTOCOMMIT"), statement)
    except DatabaseError as error:
        raise NotVacuumedError(error.condition, statement.as_string()) from None


def _take_locks(connection: Connection, tenant_id: str, wait_seconds: float) -> None:
    locks.take_all(connection, tenant_id, wait_seconds)
    hold_pages(connection, tenant_id, for_pruning=True)
