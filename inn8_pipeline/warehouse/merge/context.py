"""The context of one merge: its connection, landing and parameters, and the methods that execute its statements."""

from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any

import psycopg
from sqlalchemy import Connection

from inn8_pipeline.entities import Entity, Window
from inn8_pipeline.warehouse.database import Statement, execute, raw
from inn8_pipeline.warehouse.landing.store import Landing
from inn8_pipeline.warehouse.merge.plan import MergePlan


@dataclass(frozen=True)
class MergeContext:
    """One merge: its transaction, its landing, and the days that it may write.

    Attributes:
        days: The days that the landing may write; None for entities without days.
        full_window: Every day that INN8 may have records for; None for entities without days.
        is_late: A fetch that began later was merged before, for any day of the entity.
        is_superseded: Fetches that began later were merged for every day that this landing covers.
        transform_version: The version of the transform. A digest that was stored by another one never matches.
        changed_at: From when the changes of the merge are valid; None until the first change.
        merged_at: When the transaction began, `created_at` of the rows that it inserts; None until the first change.

    """

    connection: Connection
    plan: MergePlan
    landing: Landing
    days: frozenset[date] | None
    full_window: Window | None
    is_late: bool
    is_superseded: bool
    transform_version: int
    changed_at: datetime | None = None
    merged_at: datetime | None = None

    @property
    def entity(self) -> Entity:
        """The entity that is merged."""
        return self.landing.entity

    @cached_property
    def parameters(self) -> dict[str, object]:
        """The parameters that every statement of the merge may use in addition to those of its call."""
        window = self.landing.window
        return {
            "tenant": self.landing.tenant_id,
            "entity": self.entity.name,
            "landing": self.landing.id,
            "started_at": self.landing.started_at,
            "changed_at": self.changed_at,
            "days": None if self.days is None else sorted(self.days),
            "from_date": window and window.from_date,
            "to_date": window and window.to_date,
            "digest_version": self.transform_version.to_bytes(4),
        }

    def run(self, statement: Statement, **more: object) -> psycopg.Cursor[dict[str, Any]]:
        """Execute a statement with `parameters` and those of the call; rows are dictionaries by column name."""
        return execute(self.connection, statement, **self.parameters, **more)

    def count(self, statement: Statement, **more: object) -> int:
        """Return the one number that a statement selects."""
        row = self.run(statement, **more).fetchone()
        return 0 if row is None else int(next(iter(row.values())))

    def cursor(self) -> psycopg.Cursor[Any]:
        """Return a cursor for COPY."""
        return raw(self.connection).cursor()

    def is_wanted(self, day: date | None) -> bool:
        """Return True if records of this day are merged: it was requested, and no newer fetch was merged for it."""
        return self.days is None or day in self.days
