"""Dagster's Postgres is restarted in the middle of a fetch: one message, and none of Dagster's own."""

from collections.abc import Iterator

import pytest

from inn8_pipeline.sandbox.postgres.embedded import EmbeddedPostgres
from inn8_pipeline_tests import folders
from inn8_pipeline_tests.cli.conftest import Place
from inn8_pipeline_tests.daemons import until


@pytest.fixture
def server() -> Iterator[EmbeddedPostgres]:
    """Yield a Postgres of the test's own, for Dagster's storage."""
    with folders.temporary("inn8-outage-") as folder, EmbeddedPostgres(folder, durable=False) as started:
        started.ensure_database("dagster")
        yield started


@pytest.mark.slow
def test_a_postgres_that_is_restarted_during_a_fetch_leaves_one_line_and_no_statement_on_the_terminal(
    place: Place, server: EmbeddedPostgres
) -> None:
    terminal = place.terminal.but(DAGSTER_POSTGRES_URL=server.url("dagster", "psycopg2"))
    assert terminal.run("sync", "clients").returncode == 0
    place.server.faults.add("delay", "clients", seconds=5, times=1)
    asked = place.server.stats.requests["/clients"]
    with terminal.start("sync", "clients") as process:
        until(lambda: place.server.stats.requests["/clients"] > asked)
        server.stop()
        server.start()
        output, errors = process.communicate(timeout=120)
    assert "Traceback" not in output + errors
    assert "INSERT INTO" not in output + errors.upper()
    assert "[parameters" not in output + errors
    assert len([line for line in errors.splitlines() if line.strip()]) <= 1, errors
