"""The units of `deploy/systemd`: systemd accepts them, they are sandboxed, and their commands exist."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from inn8_pipeline_tests.deploy.files import DEPLOY, ROOT

UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
HARDENING = {
    "CapabilityBoundingSet": "", "NoNewPrivileges": "yes", "PrivateTmp": "yes", "ProtectHome": "yes",
    "ProtectSystem": "strict", "Restart": "always",
}  # fmt: skip
ANALYZE = shutil.which("systemd-analyze")
# Of 100 for a unit that may do everything; ours have 16.
EXPOSURE = "20"


def settings(unit: Path) -> dict[str, str]:
    """Return the unit's settings; the last one of each name."""
    return dict(lines(unit))


def lines(unit: Path) -> list[tuple[str, str]]:
    """Return the unit's settings, in order."""
    found = [line.split("=", 1) for line in unit.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return [(line[0], line[1]) for line in found if len(line) > 1]


def environment(unit: Path) -> dict[str, str]:
    """Return the variables that the unit sets."""
    return dict(value.split("=", 1) for name, value in lines(unit) if name == "Environment")


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_has_every_restriction_that_its_program_allows(unit: Path) -> None:
    found = settings(unit)
    assert {name: found.get(name) for name in HARDENING} == HARDENING
    assert found["User"] not in {"", "root"}


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_the_programs_and_files_of_a_unit_exist(unit: Path) -> None:
    found = settings(unit)
    named = re.findall(r"/srv/inn8/([^\s:]+)", " ".join((found["ExecStart"], found["Documentation"])))
    assert named != []
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("unit", [unit for unit in UNITS if "proxy" not in unit.stem], ids=lambda unit: unit.stem)
def test_dagster_creates_no_folders_in_read_only_places(unit: Path) -> None:
    assert environment(unit)["DAGSTER_DISABLE_TELEMETRY"] == "yes"


@pytest.mark.parametrize("unit", [unit for unit in UNITS if "webserver" in unit.stem], ids=lambda unit: unit.stem)
def test_a_webserver_listens_on_loopback_where_nginx_looks_for_it(unit: Path) -> None:
    port = re.search(r"--host 127\.0\.0\.1 --port (\d+)", settings(unit)["ExecStart"])
    assert port is not None
    name = "dagster_webserver" + ("_read_only" if "--read-only" in settings(unit)["ExecStart"] else "")
    upstreams = (DEPLOY / "nginx" / "addresses.conf").read_text(encoding="utf-8")
    assert f"upstream {name} {{\n    server 127.0.0.1:{port.group(1)};\n" in upstreams


@pytest.mark.skipif(ANALYZE is None, reason="not installed: systemd-analyze")
def test_systemd_finds_nothing_wrong_with_the_units_and_calls_their_exposure_low(tmp_path: Path) -> None:
    nginx = tmp_path / "nginx"
    nginx.symlink_to("/bin/true")
    for unit in UNITS:
        text = unit.read_text(encoding="utf-8").replace("/srv/inn8", str(ROOT)).replace("/usr/sbin/nginx", str(nginx))
        (tmp_path / unit.name).write_text(text, encoding="utf-8")
    moved = [str(tmp_path / unit.name) for unit in UNITS]
    security = ("security", "--offline=yes", f"--threshold={EXPOSURE}")
    for command in (("verify",), security):
        done = subprocess.run([str(ANALYZE), *command, *moved], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


DAEMON = DEPLOY / "systemd" / "inn8-daemon.service"
LISTEN = """
import socket
from dagster._utils import safe_tempfile_path_unmanaged
path = safe_tempfile_path_unmanaged()
listening = socket.socket(socket.AF_UNIX)
listening.bind(path)
listening.listen()
print(path, flush=True)
listening.accept()[0].sendall(b"reached")
"""
CONNECT = """
import socket, sys
with socket.socket(socket.AF_UNIX) as connection:
    connection.connect(sys.argv[1])
    print(connection.recv(100).decode())
"""
UNSHARE = shutil.which("unshare")
CAN_UNSHARE = UNSHARE and subprocess.run([UNSHARE, "--mount", "true"], capture_output=True, check=False).returncode == 0


def confined(read_only: Path, *arguments: str) -> list[str]:
    """Return a command of Python, run with an empty /tmp as under PrivateTmp, and with a read-only folder.

    The virtual environment is mounted in that folder, because it can be below /tmp.
    """
    (read_only / "environment").mkdir()
    script = (
        'mount --bind "$0" "$0" && mount --bind "$1" "$0/environment" && mount -t tmpfs tmpfs /tmp'
        ' && mount -o remount,ro,bind "$0" && shift && exec "$0/environment/bin/python" "$@"'
    )
    namespace = [str(UNSHARE), "--mount", "--propagation", "private"]
    return [*namespace, "sh", "-c", script, str(read_only), sys.prefix, *arguments]


@pytest.mark.skipif(not CAN_UNSHARE, reason="this process may not make mount namespaces")
@pytest.mark.parametrize("is_shared", [True, False])
def test_the_webserver_reaches_the_socket_of_the_daemons_code_server_to_cancel_a_run(*, is_shared: bool) -> None:
    assert environment(DAEMON)["TMPDIR"] == f"/run/{settings(DAEMON)['RuntimeDirectory']}"
    # Not below /tmp, which is where the test's own folders may be.
    folder = Path("/run") / f"inn8-test-{os.getpid()}"
    folder.mkdir(mode=0o700)
    try:
        variables = {**os.environ, "TMPDIR": str(folder) if is_shared else "/tmp"}  # noqa: S108
        (other := folder / "other").mkdir()
        server_command = confined(other, "-c", LISTEN)
        with subprocess.Popen(server_command, stdout=subprocess.PIPE, text=True, env=variables) as server:
            assert server.stdout
            path = server.stdout.readline().strip()
            client_command = confined(folder, "-c", CONNECT, path)
            client = subprocess.run(client_command, capture_output=True, text=True, timeout=60, check=False)
            server.kill()
        assert (client.stdout.strip() == "reached") is is_shared, client.stderr
    finally:
        shutil.rmtree(folder)
