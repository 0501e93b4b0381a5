"""`python -m inn8_pipeline.sandbox`: the sandbox in a process of its own."""

import signal
import subprocess
import sys

import httpx
import pytest

SMALL = ["--clients", "5", "--portfolios", "5", "--transactions", "20", "--days", "3", "--invalid", "1", "--warm"]


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_the_sandbox_serves_until_a_signal_and_exits_with_0(end: signal.Signals) -> None:
    command = [sys.executable, "-m", "inn8_pipeline.sandbox", *SMALL]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        variables = dict(item.split("=", 1) for item in process.stdout.readline().split())
        form = {
            "grant_type": "client_credentials",
            "client_id": variables["INN8_CLIENT_ID"],
            "client_secret": variables["INN8_CLIENT_SECRET"],
        }
        token = httpx.post(f"{variables['INN8_BASE_URL']}/oauth/token", data=form).json()["access_token"]
        response = httpx.get(f"{variables['INN8_BASE_URL']}/clients", headers={"Authorization": f"Bearer {token}"})
        process.send_signal(end)
        rest, errors = process.communicate(timeout=15)
    assert response.headers["X-Total-Count"] == "6"
    assert (process.returncode, rest, errors) == (0, "", "")
