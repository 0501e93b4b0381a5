"""Build the image's environment by the Dockerfile's steps, and run all roles of compose.yaml from it."""

import json
import shutil
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from inn8_pipeline.sandbox.api.server import SandboxServer
from inn8_pipeline_tests.cli.conftest import count
from inn8_pipeline_tests.conftest import NewDatabase
from inn8_pipeline_tests.deploy.image import Image
from inn8_pipeline_tests.deploy.servers import free_port
from inn8_pipeline_tests.deploy.services import Service
from inn8_pipeline_tests.worlds import world_of_today

LAUNCH = """mutation { launchRun(executionParams: {runConfigData: "{}", selector:
  {repositoryName: "__repository__", repositoryLocationName: "inn8", jobName: "clients_sync"}})
  { __typename ... on LaunchRunSuccess { run { runId } } } }"""
STATUS = """query Status($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"""
SECONDS_TO_RUN = 120.0


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    made = Image(Path(tempfile.mkdtemp(prefix="inn8-image-")))
    try:
        made.build("wheels", "build", "base")
        yield made
    finally:
        shutil.rmtree(made.root)


@pytest.fixture
def place(image: Image, new_database: NewDatabase) -> Iterator[dict[str, str]]:
    """Yield a served world and two empty databases, configured by four secret files and some variables."""
    secrets = image.root / "run" / "secrets"
    secrets.mkdir(parents=True, exist_ok=True)
    with (
        world_of_today(clients=30, portfolios=40, transactions=400, days=40) as world,
        SandboxServer(world) as server,
        new_database("template0") as warehouse,
        new_database("template0") as storage,
    ):
        for name in ("inn8_database_url", "inn8_owner_database_url"):
            (secrets / name).write_text(warehouse, encoding="utf-8")
        url = storage.replace("+psycopg:", "+psycopg2:")
        (secrets / "dagster_postgres_url").write_text(f"{url}\n", encoding="utf-8")
        (secrets / "inn8_client_secret").write_text(server.client_secret, encoding="utf-8")
        first_day = world.first_date.isoformat()
        yield {
            "INN8_BASE_URL": server.base_url, "INN8_CLIENT_ID": server.client_id, "INN8_TRANSACTIONS_FROM": first_day,
        }  # fmt: skip


def ask(port: str, query: str, **variables: str) -> Any:  # noqa: ANN401 (JSON)
    asked = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/graphql", asked, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 (our own address)
        return json.load(answer)["data"]


def wait_for_run(port: str, run_id: str) -> str:
    ends_at = time.monotonic() + SECONDS_TO_RUN
    status = ""
    while status not in {"SUCCESS", "FAILURE", "CANCELED"}:
        assert time.monotonic() < ends_at, status
        time.sleep(0.5)
        status = ask(port, STATUS, id=run_id)["runOrError"]["status"]
    return status


def written(root: Path) -> dict[str, int]:
    """Return the files below the image's root with their times, except those in the only writable folder."""
    found = (each for each in root.rglob("*") if "storage" not in each.relative_to(root).parts[2:3])
    return {str(each): 0 if each.is_dir() else each.lstat().st_mtime_ns for each in found}


def test_the_image_has_the_programs_of_all_roles_and_no_test_tools(image: Image) -> None:
    roles = ("dagster", "dagster-celery", "dagster-daemon", "dagster-webserver", "inn8", "with-secrets")
    assert [name for name in roles if image.program(name) is None] == []
    strangers = ("pytest", "mypy", "ruff", "hypothesis", "lint-imports", "pip", "hatchling")
    assert [name for name in strangers if image.program(name)] == []


def test_all_roles_run_from_it_are_healthy_sync_and_write_nowhere_but_in_their_folder(
    image: Image, place: dict[str, str], tmp_path: Path
) -> None:
    code, ui, onlookers = (str(free_port()) for _ in range(3))
    workspace = image.root / "srv" / "inn8" / "workspace.yaml"
    content = workspace.read_text(encoding="utf-8")
    workspace.write_text(content.replace("host: code", "host: 127.0.0.1").replace("4000", code), encoding="utf-8")
    before = written(image.root)

    def service(name: str, port: str = "") -> Service:
        return Service(name, image, place, {"4000": code, "3000": port})

    assert "schema version" in service("migrate-warehouse").run()
    service("migrate-dagster").run()
    with ExitStack() as stack:
        for name, port in (("code", ""), ("daemon", ""), ("webserver", ui), ("webserver-read-only", onlookers)):
            stack.enter_context(service(name, port).running(tmp_path / f"{name}.log"))
        assert "Dagster's storage" in service("code").ask("inn8", "doctor")
        refused = ask(onlookers, LAUNCH)["launchRun"]
        launched = ask(ui, LAUNCH)["launchRun"]
        assert (refused["__typename"], launched["__typename"]) == ("UnauthorizedError", "LaunchRunSuccess")
        assert wait_for_run(ui, launched["run"]["runId"]) == "SUCCESS"
        output = list((image.root / "srv" / "inn8" / "storage").rglob("*.err"))
    url = (image.root / "run" / "secrets" / "inn8_database_url").read_text(encoding="utf-8")
    assert count(url, "inn8.clients") == 30
    assert output != [], "what a run prints is kept in the folder that is a volume"
    assert written(image.root) == before


def test_the_sandbox_image_serves_a_simulated_inn8(image: Image, tmp_path: Path) -> None:
    image.build("build-sandbox")
    port = str(free_port())
    with (
        Service("sandbox", image, {}, {"8080": port}).running(tmp_path / "sandbox.log"),
        urllib.request.urlopen(f"http://127.0.0.1:{port}/_sandbox/stats", timeout=10) as answer,
    ):
        assert answer.status == 200
