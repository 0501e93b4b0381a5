"""`inn8 erase`: erase one person's data from every table and every page; a preview without `--yes`."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import click

from inn8_pipeline.cli.support.group import examples
from inn8_pipeline.cli.support.options import tenant_of, tenant_option
from inn8_pipeline.settings import Environment, read_contract, read_owner_database, read_sync

if TYPE_CHECKING:
    from inn8_pipeline.warehouse.erasure.data_subject import ErasureCounts


@click.group(
    name="erase",
    epilog=examples(
        "inn8 erase client CL-000001           what would go; nothing is changed", "inn8 erase client CL-000001 --yes"
    ),
)
def command() -> None:
    """Erase one person's data: rows, rejects, and the records in the pages that INN8 sent."""


@command.command(epilog=examples("inn8 erase client CL-000001", "inn8 erase client CL-000001 --tenant cape --yes"))
@click.argument("external_id")
@tenant_option
@click.option("--yes", is_flag=True, help="Erase it. Without this option only a preview is shown.")
@click.option("--still-sent", is_flag=True, help="Also where INN8 still sends it, and will bring it back.")
def client(external_id: str, tenant_id: str | None, yes: bool, still_sent: bool) -> None:
    """Erase the client EXTERNAL_ID for good, as the login of INN8_OWNER_DATABASE_URL. Syncs wait meanwhile.

    The pages that INN8 sent are rewritten without its records. Backups and archived WAL keep what they have.
    """
    environment = Environment()
    tenant = tenant_of(environment, tenant_id)
    database, wait_seconds = read_owner_database(environment), read_sync(environment).lock_seconds
    from inn8_pipeline.transform.redaction import redact
    from inn8_pipeline.warehouse.erasure import erase
    from inn8_pipeline.warehouse.erasure.data_subject import DataSubject

    cut = partial(redact, spellings=read_contract(environment, tenant.tenant_id).spellings())
    engine, subject = database.engine(), DataSubject(tenant.tenant_id, external_id)
    if yes:
        erased = erase.erase(engine, subject, cut, may_be_sent=still_sent, wait_seconds=wait_seconds)
    else:
        erased = erase.look(engine, subject, cut)
    click.echo("\n".join(_lines(erased, is_done=yes)))


def _lines(erased: "ErasureCounts", *, is_done: bool) -> Iterator[str]:
    """Yield the counts, line by line, never a value."""
    if erased.is_nothing:
        yield "Nothing of this client is here."
        return
    yield "Erased:" if is_done else "What would be erased:"
    for table, rows in erased.rows.items():
        yield f"  {rows:,} rows of {table}, and {erased.versions[table]:,} past versions"
    yield f"  {erased.rejects:,} rejected records"
    for entity, records in erased.records.items():
        yield f"  {records:,} records of {entity} in pages as INN8 sent them"
    yield f"  ({erased.pages:,} pages are written anew without them)"
    if erased.still_sent:
        yield f"INN8 still sends it ({', '.join(map(str, erased.still_sent))}): it comes back with the next sync."
    if not is_done:
        yield "Nothing was changed. Erase it with --yes" + (" --still-sent." if erased.still_sent else ".")
