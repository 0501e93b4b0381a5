"""`inn8 sandbox`: run only the simulated INN8 API."""

import math
from datetime import date
from pathlib import Path

import click

from inn8_pipeline.cli.support.group import examples
from inn8_pipeline.cli.support.sandbox_dialects import dialects_of
from inn8_pipeline.cli.support.times import DAY
from inn8_pipeline.sandbox.__main__ import announce
from inn8_pipeline.sandbox.api.pages import ServerOptions
from inn8_pipeline.sandbox.api.server import SandboxServer, serve
from inn8_pipeline.sandbox.errors import InvalidWorldError
from inn8_pipeline.sandbox.world.world import World
from inn8_pipeline.settings import Environment, read_contract

EPILOG = examples(
    "inn8 sandbox --port 8080",
    "inn8 sandbox --transactions 500000 --invalid 20 --delay 0.1",
    "inn8 sandbox --pascal --no-paging --no-windows",
    "inn8 sandbox --like contract.toml --last-modified",
    "inn8 sandbox --etags --requests-per-minute 600 --wrong-total 3",
)


@click.command(name="sandbox", epilog=EPILOG)
@click.option("--clients", default=1000, show_default=True, type=click.IntRange(0), help="Simulated clients.")
@click.option("--portfolios", default=2000, show_default=True, type=click.IntRange(0), help="Simulated portfolios.")
@click.option(
    "--transactions", default=50_000, show_default=True, type=click.IntRange(0), help="Simulated transactions."
)
@click.option("--days", default=90, show_default=True, type=click.IntRange(1, 36_500), help="Days of trade.")
@click.option("--last-date", type=DAY, help="Last day of trade. Default: today, and still so when the date changes.")
@click.option("--seed", default=7, show_default=True, help="Seed of the random data.")
@click.option(
    "--invalid", "--faulty", default=0, show_default=True, type=click.IntRange(0), help="Invalid records per entity."
)
@click.option(
    "--implausible",
    type=click.IntRange(0),
    help="Transactions that add up, but for so many implausible cases of each kind. Default: each is independent.",
)
@click.option("--port", default=0, type=click.IntRange(0, 65_535), help="Port. Default: a free one.")
@click.option("--page-size", default=1000, show_default=True, type=click.IntRange(1), help="Records per page.")
@click.option(
    "--delay", default=0.0, show_default=True, type=click.FloatRange(0, 3600), help="Delay of each page in seconds."
)
@click.option(
    "--expires-in", default=3600, show_default=True, type=click.IntRange(1), help="Lifetime of a token in seconds."
)
@click.option("--pascal", is_flag=True, help="Send property names in PascalCase.")
@click.option("--no-paging", is_flag=True, help="Send each collection as one array.")
@click.option("--no-windows", is_flag=True, help="Ignore fromDate and toDate.")
@click.option("--etags", is_flag=True, help="Send ETags and answer conditional requests with 304.")
@click.option("--last-modified", is_flag=True, help="Send Last-Modified and answer conditional requests with 304.")
@click.option("--requests-per-minute", default=0, type=click.IntRange(0), help="Answer 429 to more. Default: no limit.")
@click.option("--wrong-total", default=0, help="Add this number to each announced total.")
@click.option("--like", type=click.Path(path_type=Path), help="Serve what this contract file says (not its token).")
def command(
    clients: int, portfolios: int, transactions: int, days: int, last_date: date | None, seed: int, invalid: int,
    implausible: int | None, port: int, page_size: int, delay: float, expires_in: int,
    pascal: bool, no_paging: bool, no_windows: bool, etags: bool, last_modified: bool, requests_per_minute: int,
    wrong_total: int, like: Path | None,
) -> None:  # fmt: skip
    """Serve a simulated INN8 on the loopback interface until Ctrl-C.

    Its first lines of output are the settings for it, as shell variables.
    """
    if math.isnan(delay):
        raise click.BadParameter("'nan' is not a number of seconds.", param_hint="--delay")
    if like is not None and (pascal or no_paging):
        raise click.UsageError("--pascal and --no-paging do not work with --like: set them in the contract file.")
    options = ServerOptions(
        page_size=page_size, max_page_size=page_size, paging=not no_paging, windows=not no_windows, pascal=pascal,
        delay=delay, etags=etags, last_modified=last_modified, requests_per_minute=requests_per_minute,
        total_off_by=wrong_total,
    )  # fmt: skip
    try:
        world = World(
            clients=clients, portfolios=portfolios, transactions=transactions, days=days, seed=seed,
            last_date=last_date, invalid=invalid, implausible=implausible,
        )  # fmt: skip
    except (InvalidWorldError, OverflowError) as error:
        reason = (
            str(error)
            if isinstance(error, InvalidWorldError)
            else "its days of trade are not all between the years 1 and 9999."
        )
        raise click.UsageError(f"This world cannot be simulated: {reason}") from None
    with world:
        server = SandboxServer(world, port=port, expires_in=expires_in, options=options)
        if like is not None:
            contract = read_contract(Environment({"INN8_CONTRACT_FILE": str(like)}), "default")
            server.app.dialects.update(dialects_of(contract))
        serve(server, announce)
