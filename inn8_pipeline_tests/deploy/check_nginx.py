"""nginx in front of Dagster's real webservers: logins, the rights behind each port, and refused requests."""

import http.server
import json
import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import DagsterInstance
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from inn8_pipeline.cli.local.servers import Child, wait_for
from inn8_pipeline.cli.support.folders import write_instance
from inn8_pipeline_tests.conftest import NewDatabase
from inn8_pipeline_tests.deploy.proxy import AUTH, Proxy, authorization
from inn8_pipeline_tests.deploy.servers import free_port

MISSING = [program for program in ("nginx", "htpasswd", "openssl") if shutil.which(program) is None]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")

LOCATIONS = "{ locationStatusesOrError { ... on WorkspaceLocationStatusEntries { entries { name loadStatus } } } }"
LAUNCH = """mutation { launchRun(executionParams: {runConfigData: "{}", selector: {repositoryName: "__repository__",
  repositoryLocationName: "inn8", jobName: "clients_sync"}}) { __typename } }"""
SUBSCRIPTION = Subprotocol("graphql-ws")


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="inn8-proxy-"))
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def webservers(new_database: NewDatabase, folder: Path) -> Iterator[dict[str, str]]:
    """Run both webservers on one storage. Yield the replacements of their addresses in `addresses.conf`."""
    ports = {"3000": free_port(), "3001": free_port()}
    home = write_instance(folder / "home")
    with new_database("template0") as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(home))
        patch.setenv("DAGSTER_POSTGRES_URL", url.replace("+psycopg:", "+psycopg2:"))
        with DagsterInstance.from_config(str(home)):
            children = [
                Child(name, folder / f"{name}.log", "dagster_webserver", *extra, "-h", "127.0.0.1", "-p", str(port))
                for (name, extra), port in zip(
                    (("ui", ()), ("onlooker", ("--read-only",))), ports.values(), strict=True
                )
            ]
        try:
            for port in ports.values():
                wait_for(f"http://127.0.0.1:{port}", children, lambda: False)
            yield {f"127.0.0.1:{theirs}": f"127.0.0.1:{ours}" for theirs, ours in ports.items()}
        finally:
            for child in children:
                child.stop()
                child.finish()


@pytest.fixture(scope="module")
def proxy(webservers: dict[str, str], folder: Path) -> Iterator[Proxy]:
    (folder / "basic").mkdir()
    with Proxy(folder / "basic", webservers).running() as running:
        yield running


def test_a_request_without_the_right_password_is_refused(proxy: Proxy) -> None:
    for port in (proxy.operators, proxy.onlookers):
        assert proxy.ask(port).status == 401
        assert proxy.ask(port, "/graphql", body=b"{}").status == 401
        assert proxy.ask(port, "/server_info", "stranger").status == 401
    assert proxy.ask(proxy.operators, user="onlookers").status == 401


def test_an_operator_sees_the_ui_and_asks_graphql(proxy: Proxy) -> None:
    page = proxy.ask(proxy.operators, user="operators")
    assert (page.status, page.headers["x-frame-options"]) == (200, "DENY")
    assert page.headers["strict-transport-security"] == "max-age=31536000"
    assert "script-src" in page.headers["content-security-policy"]
    assert page.headers["x-content-type-options"] == "nosniff"
    entries = proxy.graphql(proxy.operators, "operators", LOCATIONS)["locationStatusesOrError"]["entries"]
    assert entries == [{"name": "inn8", "loadStatus": "LOADED"}]


def test_an_operator_launches_a_run_and_an_onlooker_cannot(proxy: Proxy) -> None:
    allowed = proxy.graphql(proxy.operators, "operators", LAUNCH)
    refused = proxy.graphql(proxy.onlookers, "onlookers", LAUNCH)
    assert allowed["launchRun"]["__typename"] == "LaunchRunSuccess"
    assert refused["launchRun"]["__typename"] == "UnauthorizedError"


def test_an_onlooker_cannot_report_that_an_asset_was_made(proxy: Proxy) -> None:
    path = "/report_asset_materialization/clients"
    assert proxy.ask(proxy.onlookers, path, "onlookers", body=b"{}").status == 401
    assert proxy.ask(proxy.operators, path, "operators", body=b"{}").status == 200


def test_a_subscription_of_graphql_is_upgraded_to_a_websocket(proxy: Proxy) -> None:
    with connect(
        f"wss://127.0.0.1:{proxy.operators}/graphql", ssl=proxy.tls, subprotocols=[SUBSCRIPTION],
        additional_headers={"Authorization": authorization("operators")},
    ) as socket:  # fmt: skip
        socket.send(json.dumps({"type": "connection_init"}))
        assert json.loads(socket.recv(timeout=10)) == {"type": "connection_ack"}


def test_another_site_may_link_to_a_page_but_cannot_use_a_saved_password(proxy: Proxy) -> None:
    def foreign(path: str, body: bytes | None = None) -> int:
        return proxy.ask(proxy.operators, path, "operators", body, Sec_Fetch_Site="cross-site").status

    assert foreign("/overview/activity?view=timeline") == 200
    assert foreign("/graphql?query={version}") == 403
    assert foreign("//graphql?query={version}") == 403
    assert foreign("/graphql", b'{"query": "{ version }"}') == 403
    assert foreign("/report_asset_materialization/clients", b"{}") == 403
    home = proxy.ask(proxy.operators, "/graphql?query={version}", "operators", Sec_Fetch_Site="same-origin")
    assert home.status == 200


def test_a_request_of_more_than_a_mebibyte_is_refused(proxy: Proxy) -> None:
    assert proxy.ask(proxy.operators, "/graphql", "operators", b" " * 1_100_000).status == 413


class _Gate(http.server.BaseHTTPRequestHandler):
    """A replacement of oauth2-proxy: 202 for requests with a session, else 401. It returns the headers it received."""

    def do_GET(self) -> None:
        known = self.headers.get("Cookie") == "_oauth2_proxy=known"
        self.send_response(202 if known else 401 if self.path == "/oauth2/auth" else 200)
        self.end_headers()
        self.wfile.write(json.dumps(dict(self.headers)).encode())

    def log_message(self, *_arguments: object) -> None:
        """Log nothing."""


@pytest.fixture
def gate() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Gate) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def gated(webservers: dict[str, str], folder: Path, gate: str) -> Iterator[Proxy]:
    """Run nginx with the gate as the login of operators, and as the server behind the port of onlookers."""
    own = Path(tempfile.mkdtemp(dir=folder))
    moved = {**webservers, AUTH: "include oidc.conf;\n", "127.0.0.1:4180": gate, "127.0.0.1:3001": gate}
    with Proxy(own, moved).running() as running:
        yield running


def test_with_oidc_a_request_without_a_session_is_redirected_to_the_login(gated: Proxy) -> None:
    stranger = gated.ask(gated.operators, "/assets?open=yes")
    assert stranger.status == 302
    assert stranger.headers["location"].endswith(
        f"/oauth2/sign_in?rd=https://127.0.0.1:{gated.operators}/assets?open=yes"
    )
    assert gated.ask(gated.operators, "/oauth2/sign_in").status == 200
    assert gated.ask(gated.operators, Cookie="_oauth2_proxy=known").status == 200
    assert gated.ask(gated.onlookers).status == 401


def test_nginx_does_not_pass_the_password_on(gated: Proxy) -> None:
    headers = gated.ask(gated.onlookers, user="onlookers").json
    assert (headers["X-Forwarded-Proto"], headers["Host"]) == ("https", f"127.0.0.1:{gated.onlookers}")
    assert "Authorization" not in headers


def test_the_log_has_the_user_and_the_request_but_no_password(proxy: Proxy) -> None:
    proxy.forget()
    proxy.ask(proxy.operators, "/server_info?asked=once", "operators")
    line = proxy.logged("asked=once")
    assert "inn8_proxy: 127.0.0.1 - operators [" in line
    assert '"GET /server_info?asked=once HTTP/1.1" 200' in line
    assert authorization("operators").split()[1] not in line
