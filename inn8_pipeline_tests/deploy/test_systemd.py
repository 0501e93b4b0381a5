"""The units of `deploy/systemd`: systemd takes them, they are shut in, and their commands are of this project."""

import re
import shutil
import subprocess
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
    """The unit's lines; of a name that stands there twice, the last."""
    lines = unit.read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_may_do_no_more_than_its_work_asks_for(unit: Path) -> None:
    told = settings(unit)
    assert {name: told.get(name) for name in HARDENING} == HARDENING
    assert told["User"] not in {"", "root"}


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_starts_programs_and_reads_files_that_there_are(unit: Path) -> None:
    told = settings(unit)
    named = re.findall(r"/srv/inn8/([^\s:]+)", " ".join((told["ExecStart"], told["Documentation"])))
    assert named != []
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("unit", [unit for unit in UNITS if "proxy" not in unit.stem], ids=lambda unit: unit.stem)
def test_dagster_makes_no_folders_where_nothing_may_be_written(unit: Path) -> None:
    assert settings(unit)["Environment"] == "DAGSTER_DISABLE_TELEMETRY=yes"


@pytest.mark.parametrize("unit", [unit for unit in UNITS if "webserver" in unit.stem], ids=lambda unit: unit.stem)
def test_a_webserver_listens_on_loopback_where_nginx_looks_for_it(unit: Path) -> None:
    port = re.search(r"--host 127\.0\.0\.1 --port (\d+)", settings(unit)["ExecStart"])
    assert port is not None
    name = "dagster_webserver" + ("_read_only" if "--read-only" in settings(unit)["ExecStart"] else "")
    upstreams = (DEPLOY / "nginx" / "place.conf").read_text(encoding="utf-8")
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
