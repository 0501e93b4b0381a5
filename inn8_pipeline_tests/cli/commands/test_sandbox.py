"""`inn8 sandbox`: what no contract has works together with `--like`."""

import re
import signal
from pathlib import Path

import httpx

from inn8_pipeline_tests.cli.conftest import Place


def test_the_options_work_with_a_contract_file(place: Place, tmp_path: Path) -> None:
    contract = tmp_path / "contract.toml"
    contract.write_text("records = '/data'\ntotal = { pointer = '/meta/total' }\n[paging]\nstyle = 'page'")
    small = ["--clients", "5", "--portfolios", "5", "--transactions", "5", "--days", "2"]
    options = ["--etags", "--last-modified", "--requests-per-minute", "7", "--wrong-total", "3"]
    with place.terminal.start("sandbox", "--like", str(contract), *small, *options) as process:
        assert process.stdout is not None
        given = dict(re.findall(r"INN8_(\w+)=(\S+)", process.stdout.readline()))
        form = {"grant_type": "client_credentials", "client_id": given["CLIENT_ID"]}
        form["client_secret"] = given["CLIENT_SECRET"]
        with httpx.Client(base_url=given["BASE_URL"]) as api:
            token = api.post("/oauth/token", data=form).json()["access_token"]
            api.headers["Authorization"] = f"Bearer {token}"
            page = api.get("/clients")
            again = api.get("/clients", headers={"If-None-Match": page.headers["etag"]})
        process.send_signal(signal.SIGINT)
    assert (len(page.json()["data"]), page.json()["meta"]["total"]) == (5, 8)
    assert (page.headers["ratelimit-remaining"], again.status_code, "last-modified" in page.headers) == ("6", 304, True)
