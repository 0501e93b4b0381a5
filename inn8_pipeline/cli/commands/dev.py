"""`inn8 dev`: run a local environment with the Dagster UI, daemon and schedules until a signal; its data is kept."""

import shlex
import socket
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import click

from inn8_pipeline.cli.local.environment import LocalDatabases, ignored_settings, kept_settings, local_environment
from inn8_pipeline.cli.local.servers import Announcements, Child, serve
from inn8_pipeline.cli.support.folders import data_folder, folder_of_commands
from inn8_pipeline.cli.support.group import EXIT_PARTIAL, Failed, examples
from inn8_pipeline.cli.support.output import print_text
from inn8_pipeline.cli.support.queries import has_merged
from inn8_pipeline.entities import ENTITIES
from inn8_pipeline.extract.hosts import is_loopback
from inn8_pipeline.sandbox.postgres import programs
from inn8_pipeline.sandbox.postgres.embedded import EmbeddedPostgres, default_folder
from inn8_pipeline.sandbox.world.world import World
from inn8_pipeline.settings import Environment, read_sync

TENANT = "dev"
DATABASES = ("inn8_dev", "inn8_dev_dagster")
DAYS = 90
EPILOG = examples("inn8 dev", "inn8 dev --port 3001")


@click.command(name="dev", epilog=EPILOG)
@click.option("--port", default=3000, show_default=True, type=click.IntRange(1, 65535), help="Port of the Dagster UI.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address on which the UI listens.")
@click.option(
    "--allow-public", is_flag=True, help="Permit a --host that other machines can reach, although the UI has no login."
)
@click.option(
    "--invalid", "--faulty", default=3, show_default=True, type=click.IntRange(0), help="Invalid records per entity."
)
def command(
    port: int,
    host: str,
    allow_public: bool,
    invalid: int,
) -> None:
    """Run a simulated INN8, an embedded Postgres and Dagster's UI, daemon and schedules until Ctrl-C or SIGTERM.

    A sync begins at once, of all days at the first start; the schedules do the rest. The data is kept for the next
    start, in a folder of the user's data directory. Settings of the environment are ignored, so no real system is
    touched; only INN8_TICK_MINUTES, INN8_LOOKBACK_DAYS, INN8_SWEEP_DAYS and INN8_TIMEZONE apply.
    """
    if not (allow_public or is_loopback(host)):
        raise click.UsageError(
            f"Other machines can reach --host {host}, and the Dagster UI has no login: nothing was started. Omit "
            "--host, or add --allow-public if you trust everyone in the network."
        )
    kept, ignored = kept_settings(), ignored_settings()
    settings = read_sync(Environment(kept))
    _refuse_a_busy_port(host, port)
    if ignored:
        print_text(f"Ignored, so that no real system is touched: {', '.join(ignored)}.", on_stderr=True)
    folder = data_folder() / "dev"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    click.echo("Starting a simulated INN8, an embedded Postgres and Dagster …")
    with (
        World(first_date=_first_date(folder), days=DAYS, invalid=invalid) as world,
        EmbeddedPostgres(default_folder()) as postgres,
        local_environment(LocalDatabases(postgres, *DATABASES, folder), world, TENANT, kept) as variables,
    ):
        environment = Environment()
        script = _write_variables(folder / "settings.env", {**variables, **_of_psql(postgres)})
        announcements = Announcements(lambda url: _announce(url, script, settings.tick_minutes), _announce_sync)
        serve(environment, host, port, folder, _first_sync(environment), announcements)
    click.echo("Everything has been stopped. The data is kept for the next `inn8 dev`.")


def _first_sync(environment: Environment) -> list[str]:
    """Return the arguments of `inn8` for the sync at the start: of all days if none was ever merged."""
    merged = [has_merged(environment, TENANT, entity) for entity in ENTITIES]
    return ["sync"] if all(merged) else ["sync", "--full"]


def _refuse_a_busy_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except OSError as error:
            raise Failed(
                f"Cannot listen on {host}:{port} ({error.strerror}): nothing was started. "
                "Choose another --port (`make dev PORT=3001`)."
            ) from None


def _first_date(folder: Path) -> date:
    """Return the first day of the simulated world.

    It is stored and the same at every start: with a later first day, rows of earlier days would look removed.
    """
    kept = folder / "first_date"
    if not kept.is_file():
        kept.write_text(f"{datetime.now(UTC).date() - timedelta(days=DAYS - 1)}\n", encoding="utf-8")
    return date.fromisoformat(kept.read_text(encoding="utf-8").strip())


def _of_psql(postgres: EmbeddedPostgres) -> dict[str, str]:
    """Return the variables with which `psql` without arguments opens the warehouse."""
    return {"PGHOST": str(postgres.socket_folder), "PGUSER": programs.SUPERUSER, "PGDATABASE": DATABASES[0]}


def _write_variables(path: Path, variables: Mapping[str, str]) -> Path:
    """Write the settings as a shell script, so that `inn8` can be typed in another terminal and uses them too."""
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()]
    lines.append(f'export PATH="$PATH":{shlex.quote(str(programs.binaries()))}\n')
    commands = folder_of_commands()
    if commands:
        lines.append(f'export PATH={shlex.quote(str(commands))}:"$PATH"\n')
    path.write_text("".join(lines), encoding="utf-8")
    path.chmod(0o600)
    return path


def _announce(url: str, script: Path, tick_minutes: int) -> None:
    click.echo(f"Dagster UI   {url}")
    click.echo(f"Terminal     . {shlex.quote(str(script))}")
    click.echo("             inn8 log; inn8 rejects list; inn8 doctor")
    minutes = "minute" if tick_minutes == 1 else f"{tick_minutes} minutes"
    click.echo(f"The first sync has begun. The schedules sync every {minutes}.")
    click.echo("Ctrl-C stops everything; the data is kept.")


def _announce_sync(sync: Child) -> None:
    results = {0: "Success", EXIT_PARTIAL: "PartialSuccess: some of the simulated records are invalid on purpose"}
    click.echo(f"The first sync has ended: {results.get(sync.exit_code or 0, f'Failed, see {sync.log}')}.")
