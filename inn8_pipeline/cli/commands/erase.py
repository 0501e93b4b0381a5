"""`inn8 erase`: preview, and with `--yes` erase, one client's data in every table and every stored page."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import click

from inn8_pipeline.cli.support import dagster_modules
from inn8_pipeline.cli.support.group import EXIT_FAILED, examples
from inn8_pipeline.cli.support.options import json_option, tenant_of, tenant_option
from inn8_pipeline.cli.support.output import print_json, print_text, silence
from inn8_pipeline.lazy_imports import lazy_module
from inn8_pipeline.settings import Environment, read_contract, read_owner_database, read_sync

if TYPE_CHECKING:
    from rich import progress as rich_progress

    from inn8_pipeline.cli.support import progress_display
    from inn8_pipeline.transform import redaction
    from inn8_pipeline.warehouse.erasure import data_subject, erase
else:
    # They import rich and SQLAlchemy, which the help of a command and a usage error do not need (0.2 instead of 0.8 s).
    progress_display = lazy_module("inn8_pipeline.cli.support.progress_display")
    data_subject = lazy_module("inn8_pipeline.warehouse.erasure.data_subject")
    erase = lazy_module("inn8_pipeline.warehouse.erasure.erase")
    redaction = lazy_module("inn8_pipeline.transform.redaction")


@click.group(
    name="erase",
    epilog=examples(
        "inn8 erase client CL-000001           preview: nothing is changed", "inn8 erase client CL-000001 --yes"
    ),
)
def command() -> None:
    """Erase one client's data: its rows, its rejects, and its records in the pages that INN8 sent."""


@command.command(epilog=examples("inn8 erase client CL-000001", "inn8 erase client CL-000001 --tenant cape --yes"))
@click.argument("external_id")
@tenant_option
@click.option("--yes", is_flag=True, help="Erase. Without this option, print a preview only.")
@click.option(
    "--still-sent", is_flag=True, help="Erase even if INN8 still sends the client. The next syncs would load it again."
)
@json_option
def client(external_id: str, tenant_id: str | None, yes: bool, still_sent: bool, as_json: bool) -> None:
    """Erase the client EXTERNAL_ID, its portfolios and everything that belongs to them, permanently.

    The pages that INN8 sent are rewritten without its records. Backups and archived WAL are not changed. Syncs wait
    until the erasure has ended. It connects with INN8_OWNER_DATABASE_URL, or with INN8_DATABASE_URL if that is not set.
    """
    environment = Environment()
    tenant = tenant_of(environment, tenant_id)
    database, wait_seconds = read_owner_database(environment), read_sync(environment).lock_seconds
    cut = partial(redaction.redact, spellings=read_contract(environment, tenant.tenant_id).spellings())
    engine, subject = database.engine(), data_subject.DataSubject(tenant.tenant_id, external_id)
    with _progress() as on_progress:
        if yes:
            silence()
            carry_out = partial(erase.erase, engine, subject, cut, may_be_sent=still_sent, wait_seconds=wait_seconds)
            erased = dagster_modules.erasures.carry_out(
                environment, tenant.tenant_id, lambda report: carry_out(on_progress=report), on_progress
            )
        else:
            erased = erase.look(engine, subject, cut, on_progress=on_progress)
    if as_json:
        print_json(_as_json(erased, is_done=yes))
    else:
        for line in _lines(erased, is_done=yes):
            print_text(line)
    if erased.is_nothing:
        sys.exit(EXIT_FAILED)


@contextmanager
def _progress() -> "Iterator[data_subject.OnProgress]":
    """Show what is done and how far it has come, a line for each."""
    with progress_display.progress() as shown:
        tasks: dict[str, rich_progress.TaskID] = {}

        def update(doing: str, done: int, total: int) -> None:
            if doing not in tasks:
                for task in tasks.values():
                    shown.update(task, completed=shown.tasks[task].total)
                tasks[doing] = shown.add_task(doing, total=None, note="")
            note = f"{done:,} of {total:,}" if total else ""
            shown.update(tasks[doing], completed=done, total=total or None, note=note)

        yield update


def _as_json(erased: "data_subject.ErasureCounts", *, is_done: bool) -> dict[str, object]:
    """Return the report as JSON: counts only, never a value."""
    return {
        "is_erased": is_done and not erased.is_nothing,
        "rows": {str(table): rows for table, rows in erased.rows.items()},
        "versions": {str(table): versions for table, versions in erased.versions.items()},
        "rejects": erased.rejects,
        "records": {str(entity): records for entity, records in erased.records.items()},
        "pages": erased.pages,
        "still_sent": [str(entity) for entity in erased.still_sent],
    }


def _lines(erased: "data_subject.ErasureCounts", *, is_done: bool) -> Iterator[str]:
    """Yield the lines of the report: counts only, never a value."""
    if erased.is_nothing:
        yield "No data of a client with this id is stored. Ids are compared exactly: case and blanks matter."
        return
    yield "Erased:" if is_done else "This would be erased:"
    for table, rows in erased.rows.items():
        yield f"  rows of {table}: {rows:,}, and past versions: {erased.versions[table]:,}"
    yield f"  rejected records: {erased.rejects:,}"
    for entity, records in erased.records.items():
        yield f"  records of {entity} in the stored pages: {records:,}"
    yield f"  (pages that {'were' if is_done else 'would be'} rewritten without them: {erased.pages:,})"
    if erased.still_sent:
        yield (
            f"INN8 still sends it ({', '.join(map(str, erased.still_sent))}): the next syncs will load it again, its "
            "older transactions those of the night and of the week."
        )
    if not is_done:
        yield "Nothing was changed. To erase it, add --yes" + (" --still-sent." if erased.still_sent else ".")
