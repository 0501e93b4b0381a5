"""`inn8 doctor`: is everything there that a sync needs? Each line is a check; one that fails names its remedy."""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import click

from inn8_pipeline.cli.support.group import EXIT_FAILED
from inn8_pipeline.cli.support.instance import open_instance, silence, storage_guarded
from inn8_pipeline.cli.support.liveness import check_daemon, check_workers
from inn8_pipeline.cli.support.options import json_option
from inn8_pipeline.cli.support.screen import print_json
from inn8_pipeline.errors import Inn8Error, SettingsError
from inn8_pipeline.settings import (
    Environment,
    read_alerts,
    read_api,
    read_database_url,
    read_executor,
    read_heartbeat_url,
    read_retention,
    read_sync,
    read_tenant,
    read_tenant_ids,
)

if TYPE_CHECKING:
    from sqlalchemy import Engine

CLOCK_SECONDS = 5.0
EPILOG = """
\b
Examples
  inn8 doctor
  inn8 doctor --json

Exit codes: 0 all is well, 1 some check failed.
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """One check. `message` says what was found or, if it failed, the remedy too."""

    check: str
    is_ok: bool
    message: str


@click.command(name="doctor", epilog=EPILOG)
@json_option
def command(as_json: bool) -> None:
    """Check the settings, the database and its schema, the clock, INN8's token endpoint, Dagster's storage and daemon.

    With INN8_EXECUTOR=celery the queue and its workers too.

    Asks INN8 for a token and reads nothing there; writes nothing.
    """
    silence()
    findings = []
    for finding in examine(Environment()):
        findings.append(finding)
        if not as_json:
            mark = click.style("ok  ", fg="green") if finding.is_ok else click.style("FAIL", fg="red")
            click.echo(f"{mark} {finding.check}: {finding.message}")
    if as_json:
        print_json([asdict(finding) for finding in findings])
    sys.exit(0 if all(finding.is_ok for finding in findings) else EXIT_FAILED)


def examine(environment: Environment) -> Iterator[Finding]:
    """Each finding, as soon as it is known."""
    checks: dict[str, Callable[[Environment], str]] = {
        "settings": _settings,
        "database": _database,
        "clock": _clock,
        **_token_checks(environment),
        "Dagster's storage": _storage,
        "the schedule": check_daemon,
        **_queue_checks(environment),
    }
    for name, check in checks.items():
        try:
            yield Finding(name, is_ok=True, message=check(environment))
        except Inn8Error as error:
            yield Finding(name, is_ok=False, message=str(error))


def _token_checks(environment: Environment) -> dict[str, Callable[[Environment], str]]:
    """One for each tenant; the only tenant's name is not told."""
    name = "INN8's token endpoint"
    try:
        tenant_ids = read_tenant_ids(environment)
    except SettingsError:
        return {}  # which the check of the settings reports
    if len(tenant_ids) == 1:
        return {name: partial(_credentials, tenant_ids[0])}
    return {f"{name}, tenant {tenant_id}": partial(_credentials, tenant_id) for tenant_id in tenant_ids}


def _queue_checks(environment: Environment) -> dict[str, Callable[[Environment], str]]:
    """Celery's, where the steps of runs wait there."""
    try:
        return {"Celery's workers": check_workers} if read_executor(environment) == "celery" else {}
    except SettingsError:
        return {}  # which the check of the settings reports


def _settings(environment: Environment) -> str:
    for tenant_id in read_tenant_ids(environment):
        read_tenant(environment, tenant_id)
        read_heartbeat_url(environment, tenant_id)
    for read in (read_alerts, read_api, read_sync, read_retention, read_executor, read_database_url):
        read(environment)
    return "complete and well-formed"


def _engine(environment: Environment) -> "Engine":
    from inn8_pipeline.warehouse.database import connect

    return connect(read_database_url(environment))


def _database(environment: Environment) -> str:
    from inn8_pipeline.cli.support.queries import reading
    from inn8_pipeline.warehouse.schema.migrations import SCHEMA_VERSION

    with reading(environment, "looking at the schema"):
        return f"answers, schema version {SCHEMA_VERSION}"


def _clock(environment: Environment) -> str:
    from sqlalchemy import text

    from inn8_pipeline.warehouse.database import transaction

    with transaction(_engine(environment), "asking for the time") as connection:
        asked_at, began = datetime.now(UTC), time.monotonic()
        theirs = connection.scalar(text("select clock_timestamp()"))
        took = time.monotonic() - began
    off = (theirs - asked_at).total_seconds() - took / 2
    if abs(off) > CLOCK_SECONDS + took:
        raise ClockError(off)
    return f"agrees with the database's within {CLOCK_SECONDS:.0f} s"


@dataclass(eq=False)
class ClockError(Inn8Error):
    """The clocks of this machine and of the database differ."""

    off_seconds: float

    def __str__(self) -> str:
        """By how much, what it means, what to do."""
        return (
            f"the database's clock is {self.off_seconds:+.0f} s off this machine's: times in the log and in the tables "
            "do not agree. Let both keep time by NTP."
        )


def _credentials(tenant_id: str, environment: Environment) -> str:
    read_tenant(environment, tenant_id)
    from inn8_pipeline.defs.resources import Inn8

    def warn(message: str) -> None:
        click.echo(f"     {message}", err=True)

    with Inn8().client(tenant_id, _engine(environment), warn) as client:
        client.check_credentials()
    return "gives a token"


def _storage(environment: Environment) -> str:
    with open_instance(environment) as instance, storage_guarded():
        return f"answers, {instance.get_runs_count()} runs"
