"""The job `inn8_erase`: its runs show in the UI how far an erasure of `inn8 erase` has come, and how it ended.

The command executes the run in its own process, and hands it the erasure there (`offered`). A run has no id of a
client, because Dagster's storage would keep it, and no login that may erase: whoever runs the command has both. So a
run that is launched in the UI erases nothing, and says what to do.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import TYPE_CHECKING, Self

import dagster as dg

from inn8_pipeline.defs import names
from inn8_pipeline.defs.jobs.forms import EMPTY_FORM
from inn8_pipeline.defs.runs.progress import StepProgress
from inn8_pipeline.errors import Inn8Error
from inn8_pipeline.lazy_imports import lazy_module

if TYPE_CHECKING:
    from dagster_postgres import utils as dagster_postgres_utils
    from sqlalchemy import exc as sqlalchemy_errors

    from inn8_pipeline.warehouse.erasure.data_subject import ErasureCounts, OnProgress
else:
    dagster_postgres_utils = lazy_module("dagster_postgres.utils")
    sqlalchemy_errors = lazy_module("sqlalchemy.exc")

_NOT_HERE = (
    "Nothing was erased: a run has no client's id, because Dagster would keep it. At the terminal, `inn8 erase client "
    "ID` shows a preview; with --yes it erases, in a run of this job."
)
_BUG = (
    "The erasure failed with {}: a bug of the pipeline. The exception's text is not shown, because it could contain "
    "personal data; the command shows it. `inn8 erase client ID` without --yes shows what is still stored."
)


class Erasure:
    """An erasure that a command hands to a run, and how it ended.

    Attributes:
        has_begun: Whether the run has called it.
        erased: What was erased, if it succeeded.
        error: Why it failed, if it did.

    """

    def __init__(self, erase: "Callable[[OnProgress], ErasureCounts]") -> None:
        """Keep the function that erases, which calls what it is given as it comes further."""
        self._erase = erase
        self.has_begun = False
        self.erased: ErasureCounts | None = None
        self.error: Exception | None = None

    def carry_out(self, on_progress: "OnProgress") -> "ErasureCounts":
        """Erase, and keep what was erased, or the error.

        Raises:
            dagster.Failure: It failed. The failure has no text of an exception that could contain personal data.

        """
        self.has_begun = True
        with _Failures(self):
            self.erased = self._erase(on_progress)
        return self.erased


class _Failures:
    """Context manager that keeps an exception of an erasure, and raises a `dg.Failure` instead."""

    def __init__(self, erasure: Erasure) -> None:
        self._erasure = erasure

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception):
            self._erasure.error = error
            text = str(error) if isinstance(error, Inn8Error) else _BUG.format(type(error).__name__)
            raise dg.Failure(text, allow_retries=False) from None


_offered: ContextVar[Erasure | None] = ContextVar("offered", default=None)


@contextmanager
def offered(erasure: Erasure) -> Iterator[None]:
    """Let a run of the job that this process executes within the block carry out the erasure."""
    token = _offered.set(erasure)
    try:
        yield
    finally:
        _offered.reset(token)


def job(executor: dg.ExecutorDefinition) -> dg.JobDefinition:
    """Return the job."""

    @dg.job(
        name=names.ERASE_JOB,
        executor_def=executor,
        description=(
            "The erasures of `inn8 erase client ID --yes`: how far each has come, and what it has erased, in counts. "
            "Do not launch it here: a run has no client's id, because Dagster would keep it."
        ),
    )
    def erasing() -> None:
        erase_client()

    return erasing


@dg.op(
    config_schema=EMPTY_FORM,
    out=dg.Out(dg.Nothing),
    description="Erases the client that the command names; the metadata has the counts.",
)
def erase_client(context: dg.OpExecutionContext) -> None:
    """Carry out the erasure of this process's command, and log its progress."""
    erasure = _offered.get()
    if erasure is None:
        raise dg.Failure(_NOT_HERE, allow_retries=False)
    erased = erasure.carry_out(_Progress(_Lines(context.log.info)))
    context.add_output_metadata(
        {
            **{f"rows_of_{table}": rows for table, rows in erased.rows.items()},
            **{f"past_versions_of_{table}": versions for table, versions in erased.versions.items()},
            "rejects": erased.rejects,
            **{f"records_of_{entity}": records for entity, records in erased.records.items()},
            "pages": erased.pages,
            "still_sent": ", ".join(map(str, erased.still_sent)) or "nothing",
        }
    )


class _Progress:
    """Logs when something begins, and how far it has come if it takes long."""

    def __init__(self, log: Callable[[str], object]) -> None:
        self._log = log
        self._doing = ""
        self._steps = StepProgress("", log)

    def __call__(self, doing: str, done: int, total: int) -> None:
        if doing != self._doing:
            self._doing = doing
            self._log(f"{doing.capitalize()}.")
            self._steps = StepProgress(doing, self._log, "")
        self._steps(done, total or None)


class _Lines:
    """Writes lines into the run's log until Dagster's storage fails, which must not end the erasure."""

    def __init__(self, log: Callable[[str], object]) -> None:
        self._log = log
        self._is_lost = False

    def __call__(self, line: str) -> None:
        if self._is_lost:
            return
        try:
            self._log(line)
        except (dagster_postgres_utils.DagsterPostgresException, sqlalchemy_errors.SQLAlchemyError):
            self._is_lost = True
