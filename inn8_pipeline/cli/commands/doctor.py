"""`inn8 doctor`: check everything that a sync needs. Each line is one check; a failed check says what to do."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import click

from inn8_pipeline.cli.instance.home import STORAGE_URL, read_storage_url
from inn8_pipeline.cli.support import dagster_modules
from inn8_pipeline.cli.support.group import EXIT_FAILED, examples
from inn8_pipeline.cli.support.options import json_option
from inn8_pipeline.cli.support.output import print_json, print_result, print_text, silence
from inn8_pipeline.cli.support.queries import reading
from inn8_pipeline.defs.watching.notes import Note
from inn8_pipeline.errors import Inn8Error, SettingsError
from inn8_pipeline.lazy_imports import lazy_module
from inn8_pipeline.settings import (
    Environment,
    check_tenants,
    read_alerts,
    read_api,
    read_database,
    read_executor,
    read_heartbeat_url,
    read_holidays,
    read_other_tenant_ids,
    read_owner_database,
    read_retention,
    read_sync,
    read_tenant,
    read_tenant_ids,
    read_traces_endpoint,
)

if TYPE_CHECKING:
    import sqlalchemy

    from inn8_pipeline.cli.instance.shared_instance import SharedInstance
    from inn8_pipeline.defs.watching.findings import DoctorFinding
    from inn8_pipeline.tracing import exporting
    from inn8_pipeline.warehouse import database, poolers
    from inn8_pipeline.warehouse.schema import access, contact_data, migrations
else:
    sqlalchemy = lazy_module("sqlalchemy")
    exporting = lazy_module("inn8_pipeline.tracing.exporting")
    database = lazy_module("inn8_pipeline.warehouse.database")
    poolers = lazy_module("inn8_pipeline.warehouse.poolers")
    access = lazy_module("inn8_pipeline.warehouse.schema.access")
    contact_data = lazy_module("inn8_pipeline.warehouse.schema.contact_data")
    migrations = lazy_module("inn8_pipeline.warehouse.schema.migrations")

CLOCK_SECONDS = 5.0
EPILOG = examples(
    "inn8 doctor",
    "inn8 doctor --json",
    notes="Exit codes: 0 every check passed, 1 a check failed. A note is no failure.",
)


@click.command(name="doctor", epilog=EPILOG)
@json_option
def command(as_json: bool) -> None:
    """Check settings, database, pooler, schema, tenants, rights, clock, INN8's token endpoint, Dagster and its runs.

    With INN8_EXECUTOR=celery, the queue and its workers are checked too. From INN8 only a token is requested. Neither
    the warehouse nor Dagster's storage is changed; if DAGSTER_HOME is not set, the folder that takes its place is
    created.
    """
    silence()
    findings = []
    for finding in examine(Environment()):
        findings.append(finding)
        if not as_json:
            print_result(is_ok=finding.is_ok, subject=finding.check, message=finding.message, is_note=finding.is_note)
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        print_text(_summary(findings))
    sys.exit(0 if all(finding.is_ok for finding in findings) else EXIT_FAILED)


def _summary(findings: "Sequence[DoctorFinding]") -> str:
    """Return how many checks passed and failed, and what they do not say."""
    failed, notes = sum(not each.is_ok for each in findings), sum(each.is_note for each in findings)
    passed = f"{len(findings) - failed} of {len(findings)} checks passed" if failed else "Every check passed"
    noted = f" ({notes} with a note)" if notes else ""
    return f"{passed}{noted}. Whether the syncs were complete: `inn8 log`."


def examine(environment: Environment) -> "Iterator[DoctorFinding]":
    """Run the checks in order, and yield the finding of each as soon as it is known."""
    with ExitStack() as opened:
        for name, check in _checks(environment, dagster_modules.shared_instance.SharedInstance(environment, opened)):
            yield dagster_modules.findings.found(name, partial(check, environment))


def _checks(environment: Environment, dagster: "SharedInstance") -> Iterator[tuple[str, Callable[[Environment], str]]]:
    """Yield each check with its name. Those of `findings.CHECKS` are shown in the Dagster UI, too."""
    yield "settings", _settings
    yield from _collector_checks(environment).items()
    yield "database", _database
    yield "pooler", _pooler
    yield "tenants", _tenants
    yield "rights", _rights
    yield "clock", _clock
    yield from _token_checks(environment).items()
    yield "Dagster's storage", partial(_storage, dagster)
    yield "dagster.yaml", partial(_dagster_yaml, dagster)
    for name in dagster_modules.findings.CHECKS:
        yield name, partial(_watched, name, dagster)
    yield from _queue_checks(environment).items()


def _token_checks(environment: Environment) -> dict[str, Callable[[Environment], str]]:
    """Return one check per tenant; with several tenants, the names of the checks contain the tenant."""
    name = "INN8's token endpoint"
    try:
        tenant_ids = read_tenant_ids(environment)
    except SettingsError:
        return {}  # the check of the settings reports it
    if len(tenant_ids) == 1:
        return {name: partial(_credentials, tenant_ids[0])}
    return {f"{name}, tenant {tenant_id}": partial(_credentials, tenant_id) for tenant_id in tenant_ids}


def _queue_checks(environment: Environment) -> dict[str, Callable[[Environment], str]]:
    """Return the check of Celery's workers if Celery is the executor; otherwise nothing."""
    try:
        is_used = read_executor(environment) == "celery"
    except SettingsError:
        return {}  # the check of the settings reports it
    return {"Celery's workers": _workers} if is_used else {}


def _collector_checks(environment: Environment) -> dict[str, Callable[[Environment], str]]:
    """Return the check of the collector of traces if one is configured; otherwise nothing."""
    try:
        endpoint = read_traces_endpoint(environment)
    except SettingsError:
        return {}  # the check of the settings reports it
    return {"the collector": partial(_collector, endpoint)} if endpoint else {}


def _settings(environment: Environment) -> str:
    for tenant_id in read_tenant_ids(environment):
        read_tenant(environment, tenant_id)
        read_heartbeat_url(environment, tenant_id)
    read_other_tenant_ids(environment)
    for read in (read_alerts, read_api, read_sync, read_holidays, read_retention, read_executor, read_database):
        read(environment)
    read_traces_endpoint(environment)
    return "complete and valid"


def _collector(endpoint: str, _environment: Environment) -> str:
    exporting.check(endpoint)
    return "accepts the spans of syncs"


def _engine(environment: Environment) -> "sqlalchemy.Engine":
    return read_database(environment).engine()


def _database(environment: Environment) -> str:
    with reading(environment, "looking at the schema"):
        return f"reachable, schema version {migrations.SCHEMA_VERSION}"


def _pooler(environment: Environment) -> str:
    found = {
        each.variable: poolers.check_pooling(each.engine(), each.variable, prepares_statements=each.prepares_statements)
        for each in (read_database(environment), read_owner_database(environment))
    }
    through = [name for name, pooling in found.items() if pooling is not poolers.Pooling.SESSION]
    if through:
        return f"{' and '.join(through)}: a pooler in transaction mode, for which INN8_PREPARED_STATEMENTS is set"
    return "each connection has a session of its own"


def _tenants(environment: Environment) -> str:
    check_tenants(environment, _engine(environment))
    return "the settings name every tenant that has rows in the warehouse"


def _rights(environment: Environment) -> str:
    with reading(environment, "looking at the rights of logins") as connection:
        found = [*access.findings(connection), *contact_data.findings(connection)]
    if found:
        raise RightsError(tuple(found))
    return "no group is a reader or a writer, no login is both, and readers without contact data cannot reach it"


@dataclass(eq=False)
class RightsError(Inn8Error):
    """A role has rights that `inn8 db` never grants. Each of `findings` is a sentence with the command to run."""

    findings: tuple[str, ...]

    def __str__(self) -> str:
        """Return the findings, and what they mean for the data."""
        return (
            f"{'. '.join(self.findings)}. Until that is done, logins can read rows of other tenants, or contact data."
        )


def _clock(environment: Environment) -> str:
    with database.transaction(_engine(environment), "asking for the time") as connection:
        asked_at, began = datetime.now(UTC), time.monotonic()
        theirs = connection.scalar(sqlalchemy.text("select clock_timestamp()"))
        took = time.monotonic() - began
    off = (theirs - asked_at).total_seconds() - took / 2
    if abs(off) > CLOCK_SECONDS + took:
        raise ClockError(off)
    return f"differs from the database's clock by less than {CLOCK_SECONDS:.0f} s"


@dataclass(eq=False)
class ClockError(Inn8Error):
    """The clocks of this machine and of the database differ by more than `CLOCK_SECONDS`."""

    off_seconds: float

    def __str__(self) -> str:
        """Return by how much they differ, what it means, and what to do."""
        return (
            f"the database's clock differs from this machine's by {self.off_seconds:+.0f} s: times in the log and "
            "in the tables do not agree. Synchronize both with NTP."
        )


def _credentials(tenant_id: str, environment: Environment) -> str:
    read_tenant(environment, tenant_id)

    def warn(message: str) -> None:
        click.echo(f"     {message}", err=True)

    with dagster_modules.resources.Inn8().client(tenant_id, _engine(environment), warn) as client:
        client.check_credentials()
    return "accepts the credentials"


def _storage(dagster: "SharedInstance", environment: Environment) -> str:
    with dagster.instance() as instance:
        dagster_modules.storage_checks.check_migration(instance)
        answer = f"reachable, {instance.get_runs_count()} runs"
    url = read_storage_url(environment)
    if url:
        poolers.check_session(database.connect(url, variable=STORAGE_URL), STORAGE_URL)
    missing = dagster_modules.storage_checks.missing_timeouts(url) if url else ""
    if missing:
        return Note(f"{answer}. If the server hangs, Dagster hangs too: add this to DAGSTER_POSTGRES_URL: {missing}")
    return answer


def _dagster_yaml(dagster: "SharedInstance", _environment: Environment) -> str:
    with dagster.instance() as instance:
        dagster_modules.instance.check_configuration(instance)
    return "has the storage, the pools and the run monitoring that syncs need"


def _watched(name: str, dagster: "SharedInstance", environment: Environment) -> str:
    findings, repository = dagster_modules.findings, dagster.repository
    with dagster.instance() as instance:
        watched = findings.Installation(instance, environment, repository.schedule_defs, repository.sensor_defs)
        return findings.CHECKS[name](watched)


def _workers(environment: Environment) -> str:
    return dagster_modules.workers.check_workers(environment)
