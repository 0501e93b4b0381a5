"""A whole pipeline for a test: a served world, a warehouse, Dagster's definitions and an instance that keeps its runs.

This module starts runs and reads their results; `truth` computes the expected ones.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy
from dagster._core.execution.execution_result import ExecutionResult
from sqlalchemy import Engine

from inn8_pipeline.defs import names
from inn8_pipeline.defs.partitions import range_tags
from inn8_pipeline.entities import ENTITIES, TRANSACTIONS, Entity, Window
from inn8_pipeline.sandbox.api.server import SandboxServer
from inn8_pipeline.sandbox.world.world import World

SECRET = "the-c1ient-secret-of-these-tests"
TENANT = "t1"
KEYS = names.Tenant(TENANT)
"""The names of the tenant's assets and jobs."""
DAYS = 3

Metadata = dict[str, Any]


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One row of the check's history; `day` is None for the run's own."""

    run_id: str
    day: str | None
    state: str
    severity: str
    description: str
    metadata: Metadata

    @property
    def status(self) -> str:
        return str(self.metadata.get("status"))


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A world, its server, a warehouse, definitions and an instance. `window` has all days of the world."""

    server: SandboxServer
    instance: dg.DagsterInstance
    definitions: dg.Definitions
    engine: Engine
    home: Path
    storage_url: str
    tenant: names.Tenant = KEYS

    @property
    def world(self) -> World:
        return self.server.world

    @property
    def window(self) -> Window:
        return Window(self.world.first_date, self.world.last_date)

    def run(
        self,
        entity: Entity,
        *,
        only: list[str] | None = None,
        config: Mapping[str, bool] | None = None,
        window: Window | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> ExecutionResult:
        """Execute the job of the entity, of `only` some assets; return the result, even if the run failed."""
        job = self.definitions.resolve_job_def(self.tenant.job_name(entity))
        days = range_tags(window or self.window) if entity is TRANSACTIONS else {}
        return job.execute_in_process(
            instance=self.instance,
            tags=dict(tags if tags is not None else days),
            asset_selection=[dg.AssetKey(name) for name in only] if only else None,
            run_config={"ops": {self.tenant.name(f"merge_{entity}"): {"config": dict(config)}}} if config else None,
            raise_on_error=False,
        )

    def run_all(self) -> dict[Entity, ExecutionResult]:
        """Sync all entities, and return their results."""
        return {entity: self.run(entity) for entity in ENTITIES}

    def log(self, entity: Entity, run_id: str | None = None) -> list[LogEntry]:
        """Return the history of the entity's sync log, newest first: of one run, or all."""
        check = dg.AssetCheckKey(self.tenant.key(entity), names.SYNC_LOG)
        rows = self.instance.event_log_storage.get_asset_check_execution_history(check, limit=1000)
        return [_entry(row) for row in rows if run_id in {None, row.run_id}]

    def entry(self, entity: Entity, run_id: str) -> LogEntry:
        """Return the run's own entry, which must be the only one that is for no single day."""
        (found,) = [entry for entry in self.log(entity, run_id) if entry.day is None]
        return found

    def events(self, run_id: str, kind: dg.DagsterEventType) -> list[dg.DagsterEvent]:
        """Return the run's events of this kind, oldest first."""
        records = self.instance.get_records_for_run(run_id, of_type=kind).records
        return [record.event_log_entry.get_dagster_event() for record in records]

    def lines(self, run_id: str, level: int = 0) -> list[str]:
        """Return the lines of the run's log, from this level on."""
        return [each.user_message for each in self.instance.all_logs(run_id) if int(each.level) >= level]

    def metadata(self, result: ExecutionResult, table: str) -> Metadata:
        """Return the metadata of the table's materialization."""
        (made,) = [
            event.materialization
            for event in result.get_asset_materialization_events()
            if event.asset_key == self.tenant.key(table)
        ]
        return {name: value.value for name, value in made.metadata.items()}

    def rows(self, query: str) -> list[Any]:
        """Return the rows of a query of the warehouse."""
        with self.engine.connect() as connection:
            return list(connection.execute(sqlalchemy.text(query)).all())

    def change(self, statement: str) -> None:
        """Change the warehouse without the pipeline."""
        with self.engine.begin() as connection:
            connection.execute(sqlalchemy.text(statement))

    def storage_text(self) -> Iterator[str]:
        """Return every row of every table of Dagster's storage, and every file that Dagster wrote."""
        engine = sqlalchemy.create_engine(self.storage_url)
        with engine.connect() as connection:
            tables = connection.execute(sqlalchemy.text("select tablename from pg_tables where schemaname = 'public'"))
            for (table,) in tables.all():
                yield from connection.scalars(sqlalchemy.text(f"select t::text from {table} t"))
        engine.dispose()
        for path in self.home.rglob("*"):
            if path.is_file():
                yield path.read_text(encoding="utf-8", errors="replace")


def _entry(row: Any) -> LogEntry:  # noqa: ANN401 (a class of Dagster's inside)
    evaluation = row.evaluation if row.status.value != "PLANNED" else None
    return LogEntry(
        run_id=row.run_id,
        day=row.partition,
        state=row.status.value,
        severity=evaluation.severity.value if evaluation else "",
        description=(evaluation.description or "") if evaluation else "",
        metadata={name: each.value for name, each in evaluation.metadata.items()} if evaluation else {},
    )


def day_names(window: Window) -> list[str]:
    """Return the days as Dagster names its partitions."""
    return [day.isoformat() for day in window.days()]
