"""The programs that are compared: their databases, their commands, and the SQL that grows their tables."""

import shutil
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from benchmarks.stage import DAYS, PYTHON, Stage
from inn8_pipeline.cli.support.folders import write_instance

HERE: Final = Path(__file__).parent

# Copies of all transactions, on days before the sandbox's first. Foreign keys are not checked: the parents exist.
GROW_OURS = (
    "set session_replication_role = replica",
    """
    insert into inn8.transactions (tenant_id, external_id, portfolio_id, security_id, transaction_type, trade_date,
           settlement_date, quantity, price, amount, fees, currency, description, as_of_at)
    select tenant_id, 'OLD-' || n || '-' || external_id, portfolio_id, security_id, transaction_type,
           trade_date - {days} * n, settlement_date, quantity, price, amount, fees, currency, description, as_of_at
      from inn8.transactions, generate_series({first}, {last}) n
     where external_id not like 'OLD-%'
    """,
)
# dlt chooses the columns, and their types.
GROW_DLT = (
    """
    do $$ declare columns text; day_type text; begin
      select string_agg(quote_ident(column_name), ', ')
             filter (where column_name not in ('id', 'trade_date', '_dlt_id')),
             max(data_type) filter (where column_name = 'trade_date')
        into columns, day_type
        from information_schema.columns where table_schema = 'inn8' and table_name = 'transactions';
      execute format(
        'insert into inn8.transactions (id, trade_date, _dlt_id, %1$s)
         select ''OLD-'' || n || ''-'' || id, (trade_date::date - {days} * n)::%2$s,
                ''OLD-'' || n || ''-'' || _dlt_id, %1$s
           from inn8.transactions, generate_series({first}, {last}) n where id not like ''OLD-%%''',
        columns, day_type);
    end $$
    """,
)


@dataclass(frozen=True, slots=True)
class Contestant(ABC):
    """One program with a database of its own."""

    name: str
    title: str

    @abstractmethod
    def prepare(self, stage: Stage) -> None:
        """Create its database anew, with the tables that it does not create itself."""

    @abstractmethod
    def command(self, stage: Stage, from_date: date, to_date: date) -> Sequence[str]:
        """Return the command that syncs all clients and portfolios, and the transactions of these days."""

    @abstractmethod
    def grow(self, first: int, last: int) -> Sequence[str]:
        """Return SQL that adds numbered copies of all transactions, each on earlier days than the one before."""

    def environment(self, stage: Stage) -> dict[str, str]:
        """Return its environment variables."""
        return stage.environment() | stage.sandbox.variables

    def _recreate(self, stage: Stage) -> None:
        stage.warehouse.drop_database(self.name)
        stage.warehouse.ensure_database(self.name)


@dataclass(frozen=True, slots=True)
class Ours(Contestant):
    """`inn8 sync`, with Dagster's storage on the other server."""

    def prepare(self, stage: Stage) -> None:
        """Create the tables, and let Dagster create its own."""
        self._recreate(stage)
        for arguments in (("db", "upgrade"), ("log",)):
            subprocess.run(
                [PYTHON, "-m", "inn8_pipeline.cli", *arguments],
                env=self.environment(stage), stdout=subprocess.DEVNULL, check=True,
            )  # fmt: skip

    def command(self, stage: Stage, from_date: date, to_date: date) -> Sequence[str]:  # noqa: ARG002
        """Return `inn8 sync` with a range of days."""
        days = ("--from", from_date.isoformat(), "--to", to_date.isoformat())
        return (PYTHON, "-m", "inn8_pipeline.cli", "sync", *days)

    def environment(self, stage: Stage) -> dict[str, str]:
        """Return the settings as a user would set them."""
        return {
            **Contestant.environment(self, stage),
            "INN8_DATABASE_URL": stage.warehouse.url(self.name),
            "INN8_TRANSACTIONS_FROM": stage.sandbox.first_date.isoformat(),
            "DAGSTER_POSTGRES_URL": stage.storage.url("dagster", driver="psycopg2"),
            "DAGSTER_HOME": str(write_instance(stage.folder / "dagster")),
            "DAGSTER_DISABLE_TELEMETRY": "yes",
        }

    def grow(self, first: int, last: int) -> Sequence[str]:
        """Return the statements for our tables."""
        return [each.format(days=DAYS, first=first, last=last) for each in GROW_OURS]


@dataclass(frozen=True, slots=True)
class Floor(Contestant):
    """The bare script, on our tables."""

    def prepare(self, stage: Stage) -> None:
        """Create our tables."""
        self._recreate(stage)
        variables = {**self.environment(stage), "INN8_DATABASE_URL": stage.warehouse.url(self.name)}
        command = [PYTHON, "-m", "inn8_pipeline.cli", "db", "upgrade"]
        subprocess.run(command, env=variables, stdout=subprocess.DEVNULL, check=True)

    def command(self, stage: Stage, from_date: date, to_date: date) -> Sequence[str]:
        """Return the command of the script."""
        script = str(HERE / "floor.py")
        return (PYTHON, script, stage.conninfo(self.name), from_date.isoformat(), to_date.isoformat())

    def grow(self, first: int, last: int) -> Sequence[str]:
        """Return the statements for our tables."""
        return [each.format(days=DAYS, first=first, last=last) for each in GROW_OURS]


@dataclass(frozen=True, slots=True)
class Dlt(Contestant):
    """dlt, with one of two configurations of its REST source, or with Arrow tables made by hand."""

    kind: str = "documented"
    settings: tuple[tuple[str, str], ...] = ()

    def prepare(self, stage: Stage) -> None:
        """Delete dlt's state; it creates its own tables."""
        self._recreate(stage)
        shutil.rmtree(self._pipelines(stage), ignore_errors=True)

    def command(self, stage: Stage, from_date: date, to_date: date) -> Sequence[str]:
        """Return the command, run by the Python with dlt."""
        program = ("dlt_arrow.py",) if self.kind == "arrow" else ("dlt_program.py", self.kind)
        return (
            stage.other_python, str(HERE / program[0]), *program[1:], str(self._pipelines(stage)),
            str(stage.warehouse.socket_folder), self.name, from_date.isoformat(), to_date.isoformat(),
        )  # fmt: skip

    def environment(self, stage: Stage) -> dict[str, str]:
        """Return the settings of this configuration, with dlt's telemetry off."""
        variables: Mapping[str, str] = {
            "RUNTIME__DLTHUB_TELEMETRY": "false",
            "RUNTIME__LOG_LEVEL": "ERROR",
            "PYTHONPATH": str(HERE.parent),
        }
        return {**Contestant.environment(self, stage), **variables, **dict(self.settings)}

    def grow(self, first: int, last: int) -> Sequence[str]:
        """Return the statements for the columns that dlt created."""
        return [each.format(days=DAYS, first=first, last=last) for each in GROW_DLT]

    def _pipelines(self, stage: Stage) -> Path:
        return stage.folder / self.name


QUICK = (
    ("EXTRACT__WORKERS", "4"),
    ("NORMALIZE__WORKERS", "2"),
    ("LOAD__WORKERS", "4"),
    ("DATA_WRITER__DISABLE_COMPRESSION", "true"),
    ("DATA_WRITER__BUFFER_MAX_ITEMS", "20000"),
    # Several files for each table, so that each worker has one.
    ("DATA_WRITER__FILE_MAX_ITEMS", "50000"),
)

CONTESTANTS: Final[tuple[Contestant, ...]] = (
    Ours("ours", "this pipeline"),
    Floor("floor", "floor: a bare script"),
    Dlt("dlt_arrow", "dlt, Arrow tables by hand", kind="arrow", settings=QUICK),
    Dlt("dlt_quick", "dlt, quickest settings", kind="quick", settings=QUICK),
    Dlt("dlt", "dlt, as documented"),
)
