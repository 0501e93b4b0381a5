"""What every statement of one merge refers to, and how it is executed."""

from dataclasses import dataclass
from datetime import date
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
    """One merge under way: its transaction, its landing, and which days it may write.

    Attributes:
        days: The days that the landing may write; None for entities without days.
        history: Every day that INN8 may have records for; None for entities without days.
        is_late: A fetch begun later has been merged for something.
        is_superseded: A fetch begun later has been merged for everything that this landing covers.

    """

    connection: Connection
    plan: MergePlan
    landing: Landing
    days: frozenset[date] | None
    history: Window | None
    is_late: bool
    is_superseded: bool

    @property
    def entity(self) -> Entity:
        """The entity that is merged."""
        return self.landing.entity

    @cached_property
    def parameters(self) -> dict[str, object]:
        """The parameters that every statement of the merge may name, beside those of its own call."""
        window = self.landing.window
        return {
            "tenant": self.landing.tenant_id,
            "entity": self.entity.name,
            "landing": self.landing.id,
            "started_at": self.landing.started_at,
            "days": None if self.days is None else sorted(self.days),
            "from_date": window and window.from_date,
            "to_date": window and window.to_date,
        }

    def run(self, statement: Statement, **more: object) -> psycopg.Cursor[dict[str, Any]]:
        """Execute a statement with `parameters` and more; rows are dictionaries by column name."""
        return execute(self.connection, statement, **self.parameters, **more)

    def count(self, statement: Statement, **more: object) -> int:
        """Return the one number that a statement selects."""
        row = self.run(statement, **more).fetchone()
        return int(next(iter(row.values()))) if row else 0

    def cursor(self) -> psycopg.Cursor[Any]:
        """Return a cursor for COPY."""
        return raw(self.connection).cursor()

    def is_wanted(self, day: date | None) -> bool:
        """Return whether a record of this day is merged: it was asked for, and no newer fetch was merged for it."""
        return self.days is None or day in self.days
