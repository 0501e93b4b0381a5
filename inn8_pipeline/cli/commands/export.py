"""`inn8 export`: write the rows of an entity, as they are or were at an instant, as CSV or Parquet."""

from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click

from inn8_pipeline.cli.support.group import examples
from inn8_pipeline.cli.support.options import ENTITY, tenant_id_of, tenant_option
from inn8_pipeline.cli.support.output import print_csv, silence
from inn8_pipeline.cli.support.queries import reading
from inn8_pipeline.cli.support.times import INSTANT
from inn8_pipeline.entities import Entity
from inn8_pipeline.lazy_imports import lazy_module
from inn8_pipeline.settings import Environment

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pyarrow as pa
    from pyarrow import parquet

    from inn8_pipeline.warehouse.queries import exports
else:
    exports = lazy_module("inn8_pipeline.warehouse.queries.exports")
    pa = lazy_module("pyarrow")
    parquet = lazy_module("pyarrow.parquet")


@click.command(
    name="export",
    epilog=examples(
        "inn8 export clients > clients.csv",
        "inn8 export transactions --as-of 2026-10-31 --format parquet --output october.parquet",
        notes="Removed rows are included: removed_at says since when. The output is personal data.",
    ),
)
@click.argument("entity", type=ENTITY)
@click.option("--as-of", "as_of", type=INSTANT, help="As of this instant, or the end of this day in UTC. Default: now.")
@click.option(
    "--format",
    "as_format",
    type=click.Choice(["csv", "parquet"]),
    default="csv",
    show_default=True,
    help="The format.",
)
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="The file. Parquet needs one.")
@tenant_option
def command(entity: Entity, as_of: datetime | None, as_format: str, output: Path | None, tenant_id: str | None) -> None:
    """Write the rows of ENTITY with the names of their parents: the view that readers use.

    The rows are those of one state of the database. In CSV a null is empty, and an empty text is "".
    """
    if (as_format == "parquet") != (output is not None):
        raise click.UsageError(
            "--output is for --format parquet, which needs it. CSV goes to standard output: `> FILE`."
        )
    silence()
    environment = Environment()
    tenant = tenant_id_of(environment, tenant_id)
    with reading(environment, f"exporting {entity}") as connection:
        columns, batches = exports.read(connection, tenant, entity, as_of)
        if output is None:
            print_csv([each.name for each in columns], chain.from_iterable(batches))
        else:
            rows = _write_parquet(output, columns, batches)
            click.echo(f"{rows:,} rows were written to {output}.", err=True)


def _write_parquet(
    output: Path, columns: "Sequence[exports.ExportedColumn]", batches: "Iterable[exports.Batch]"
) -> int:
    types = {
        "int8": pa.int64(),
        "date": pa.date32(),
        "timestamptz": pa.timestamp("us", tz="UTC"),
        "numeric": pa.decimal128(38, 10),
    }
    schema = pa.schema([(each.name, types.get(each.type, pa.string())) for each in columns])
    rows = 0
    with parquet.ParquetWriter(output, schema) as writer:
        for batch in batches:
            arrays = [
                pa.array(values, field.type) for values, field in zip(zip(*batch, strict=True), schema, strict=True)
            ]
            writer.write_batch(pa.record_batch(arrays, schema=schema))
            rows += len(batch)
    return rows
