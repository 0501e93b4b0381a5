"""`inn8 metrics`: print metrics in the text format of Prometheus."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from inn8_pipeline.cli.support.group import examples
from inn8_pipeline.cli.support.options import tenant_ids_of, tenant_option
from inn8_pipeline.cli.support.output import silence
from inn8_pipeline.cli.support.queries import reading
from inn8_pipeline.lazy_imports import lazy_module
from inn8_pipeline.settings import Environment

if TYPE_CHECKING:
    from inn8_pipeline.warehouse.queries import metrics
else:
    metrics = lazy_module("inn8_pipeline.warehouse.queries.metrics")

PREFIX = "inn8_"
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


@click.command(name="metrics", epilog=examples("inn8 metrics", "inn8 metrics --tenant cape"))
@tenant_option
def command(tenant_id: str | None) -> None:
    """Print metrics of all tenants in the text format of Prometheus, from the warehouse alone.

    docs/metrics.md says how Prometheus gets them, and what each is.
    """
    silence()
    environment = Environment()
    with reading(environment, "reading the metrics") as connection:
        found = metrics.read(connection, tenant_ids_of(environment, tenant_id))
    for metric in found:
        name = f"{PREFIX}{metric.name}"
        click.echo(f"# HELP {name} {metric.help}\n# TYPE {name} {metric.type}")
        for labels, value in metric.samples:
            click.echo(f"{name}{{{_labels(labels)}}} {value:.15g}")


def _labels(labels: Mapping[str, str]) -> str:
    return ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in labels.items())
