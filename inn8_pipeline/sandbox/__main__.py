"""`python -m inn8_pipeline.sandbox`: the simulated API in a process of its own, for benchmarks."""

import argparse
import sys
from collections.abc import Sequence
from datetime import date

from inn8_pipeline.sandbox.api.pages import ServerOptions
from inn8_pipeline.sandbox.api.server import SandboxServer, serve
from inn8_pipeline.sandbox.world.world import World


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve a world until SIGINT or SIGTERM. One line on standard output gives its address, as shell variables."""
    given = _parser().parse_args(arguments)
    options = ServerOptions(
        page_size=given.page_size, max_page_size=given.page_size, paging=not given.no_paging,
        windows=not given.no_windows, pascal=given.pascal, gzip_level=given.gzip_level, delay=given.delay,
        etags=given.etags, last_modified=given.last_modified, requests_per_minute=given.requests_per_minute,
        total_off_by=given.wrong_total,
    )  # fmt: skip
    world = World(
        clients=given.clients, portfolios=given.portfolios, transactions=given.transactions, days=given.days,
        seed=given.seed, first_date=given.first_date, last_date=given.last_date, invalid=given.invalid,
    )  # fmt: skip
    with world:
        server = SandboxServer(world, port=given.port, expires_in=given.expires_in, options=options)
        if given.warm:
            server.warm()
        serve(server, announce)


def announce(server: SandboxServer) -> None:
    """Print the address and the credentials as shell variables."""
    variables = {"BASE_URL": server.base_url, "CLIENT_ID": server.client_id, "CLIENT_SECRET": server.client_secret}
    sys.stdout.write(" ".join(f"INN8_{name}={value}" for name, value in variables.items()) + "\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m inn8_pipeline.sandbox", description="A simulated INN8 API.")
    for name, default in (("clients", 1000), ("portfolios", 2000), ("transactions", 50_000), ("days", 90), ("seed", 7)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--first-date", type=date.fromisoformat, help="first day of trade (default: --days before now)")
    parser.add_argument("--last-date", type=date.fromisoformat, help="last day of trade (default: always today)")
    parser.add_argument("--invalid", type=int, default=0, help="invalid records in each collection")
    parser.add_argument("--port", type=int, default=0, help="0 chooses a free one")
    parser.add_argument("--page-size", type=int, default=1000)
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before each page")
    parser.add_argument("--expires-in", type=int, default=3600, help="lifetime of a token in seconds")
    parser.add_argument("--gzip-level", type=int, default=1, choices=range(10), help="0 turns compression off")
    parser.add_argument("--pascal", action="store_true", help="property names in PascalCase")
    parser.add_argument("--no-paging", action="store_true", help="each collection as one array")
    parser.add_argument("--no-windows", action="store_true", help="fromDate and toDate are ignored")
    parser.add_argument("--etags", action="store_true", help="send ETags and answer conditional requests with 304")
    parser.add_argument("--last-modified", action="store_true", help="likewise with Last-Modified")
    parser.add_argument("--requests-per-minute", type=int, default=0, help="answer 429 to more; 0: no limit")
    parser.add_argument("--wrong-total", type=int, default=0, help="what is added to each announced total")
    parser.add_argument("--warm", action="store_true", help="render all pages before the first request")
    return parser


if __name__ == "__main__":
    main()
