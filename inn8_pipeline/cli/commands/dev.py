"""`inn8 dev`: the surroundings with data that stays, Dagster's UI, its daemon and the schedule, until a signal.

Here belong its arguments and its order. How Dagster's processes are kept is `servers`'s.
"""

import shlex
import socket
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import click

from inn8_pipeline.cli.support.folders import data_folder
from inn8_pipeline.cli.support.group import Failed
from inn8_pipeline.extract.endpoint import is_loopback
from inn8_pipeline.settings import Environment

TENANT = "dev"
DATABASES = ("inn8_dev", "inn8_dev_dagster")
DAYS = 90
EPILOG = """
\b
Examples
  inn8 dev
  inn8 dev --port 3001
"""


@click.command(name="dev", epilog=EPILOG)
@click.option("--port", default=3000, show_default=True, type=click.IntRange(1, 65535), help="Of the Dagster UI.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where the UI listens.")
@click.option(
    "--allow-public", is_flag=True, help="Let --host be an address that others reach, though the UI knows no login."
)
@click.option("--faulty", default=3, show_default=True, type=click.IntRange(0), help="Faulty records per collection.")
def command(
    port: int,
    host: str,
    allow_public: bool,
    faulty: int,
) -> None:
    """Simulated INN8, embedded Postgres, Dagster UI, daemon and schedule, until Ctrl-C or SIGTERM takes all down.

    The data stays for the next time, in a folder of the user's data directory; the settings of the environment are
    put aside.
    """
    if not (allow_public or is_loopback(host)):
        raise click.UsageError(
            f"--host {host} can be reached by others, and the Dagster UI knows no login: nothing was started. Leave "
            "--host out, or say --allow-public if the network is yours alone."
        )
    _refuse_a_busy_port(host, port)
    from inn8_pipeline.cli.local.environment import LocalDatabases, local_environment
    from inn8_pipeline.cli.local.servers import serve
    from inn8_pipeline.sandbox.postgres.embedded import EmbeddedPostgres, default_folder
    from inn8_pipeline.sandbox.world.world import World

    folder = data_folder() / "dev"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    click.echo("Starting a simulated INN8, an embedded Postgres and Dagster …")
    with (
        World(first_date=_first_date(folder), days=DAYS, faulty=faulty) as world,
        EmbeddedPostgres(default_folder()) as postgres,
        local_environment(LocalDatabases(postgres, *DATABASES, folder), world, TENANT) as variables,
    ):
        script = _write_variables(folder / "settings.env", variables)
        serve(Environment(), host, port, folder, lambda url: _announce(url, script))
    click.echo("All is down. The data stays for the next `inn8 dev`.")


def _refuse_a_busy_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except OSError as error:
            raise Failed(
                f"{host}:{port} cannot be listened on ({error.strerror}): nothing was started. Name another --port."
            ) from None


def _first_date(folder: Path) -> date:
    """The first day of the simulated world, the same in every start: a world that moved would look like removals."""
    from datetime import UTC, datetime, timedelta

    kept = folder / "first_date"
    if not kept.is_file():
        kept.write_text(f"{datetime.now(UTC).date() - timedelta(days=DAYS - 1)}\n", encoding="utf-8")
    return date.fromisoformat(kept.read_text(encoding="utf-8").strip())


def _write_variables(path: Path, variables: Mapping[str, str]) -> Path:
    """The settings as a shell reads them, so that `inn8 sync` of another terminal finds the same place."""
    lines = (f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())
    path.write_text("".join(lines), encoding="utf-8")
    path.chmod(0o600)
    return path


def _announce(url: str, script: Path) -> None:
    click.echo(f"Dagster UI   {url}")
    click.echo(f"Terminal     . {shlex.quote(str(script))}; inn8 sync --full; inn8 log")
    click.echo("The schedule is on: a sync every 15 minutes. Ctrl-C takes all down; the data stays.")
