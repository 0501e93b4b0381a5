"""Use the Dagster UI in a browser as an operator does: the graph, the sync log, loading March again."""

import json
import re
import textwrap
from datetime import date
from typing import Any

from dagster import RunsFilter

from inn8_pipeline.cli.instance.instance import open_instance
from inn8_pipeline.cli.support.group import EXIT_FAILED, EXIT_PARTIAL
from inn8_pipeline.defs import names
from inn8_pipeline.defs.assets.catalog import OWNERS
from inn8_pipeline.defs.watching import findings
from inn8_pipeline.entities import CLIENTS, ENTITIES, table_columns
from inn8_pipeline.settings import Environment
from inn8_pipeline_tests.e2e.browser import Browser
from inn8_pipeline_tests.e2e.conftest import INVALID, ROOT, Stage
from inn8_pipeline_tests.e2e.pages import CLICKS, LONG, Asset, Check, Graph, Job, Run, Sensor

DECLARED = {entity.name: entity for entity in ENTITIES}
ASSETS = {
    "raw_clients", "raw_portfolios", "raw_transactions", "clients", "portfolios", "securities", "transactions",
}  # fmt: skip
PAGES = {
    "/deployment/locations": "Loaded", "/deployment/daemons": "Running", "/jobs": "clients_sync",
    "/automation": "every_15_minutes", "/overview": "Timeline", "/assets": "clients",
}  # fmt: skip
"""The pages, each with a line that it shows when it has loaded."""
DAEMONS = 6
WARNING = re.compile(r"warning|deprecat|\berrors?\b|not running", re.IGNORECASE)
MARCH = "[2026-03-01...2026-03-31]"


def test_the_graph_has_the_seven_assets(browser: Browser) -> None:
    graph = Graph(browser)
    graph.open()
    nodes = browser.until(lambda: len(found := graph.nodes()) == len(ASSETS) and found, "seven nodes")
    assert {name for node in nodes for name in ASSETS.intersection(node)} == ASSETS
    browser.screenshot("assets")


def test_the_catalog_lists_each_asset_with_its_description_and_its_state(browser: Browser) -> None:
    browser.open("/assets")
    browser.reads_lines(*ASSETS)
    browser.reads(*CLIENTS.description.splitlines())
    browser.screenshot("catalog")


def test_the_page_of_an_asset_says_what_a_row_is_whose_it_is_and_what_each_column_means(browser: Browser) -> None:
    for name, kinds in {"clients": ("pandas", "Postgres"), "transactions": ("pandas", "Postgres")}.items():
        asset = Asset(browser, name)
        asset.open()
        browser.reads(DECLARED[name].description, f"inn8.{name}", OWNERS[0].removeprefix("team:"), *kinds)
        described = {each.name: each.comment for each in table_columns(DECLARED[name])}
        assert asset.columns() == described


def test_the_plots_of_an_asset_show_its_counts_over_time(browser: Browser) -> None:
    clients = Asset(browser, "clients")
    clients.open()
    plots = browser.until(lambda: all((found := clients.plots()).values()) and found, "every plot drawn")
    assert {"fetched", "inserted", "updated", "rejected"} <= set(plots)
    browser.screenshot("plots")


def test_the_sync_log_shows_status_and_counts_with_their_history(browser: Browser, stage: Stage) -> None:
    check = Check(browser, "clients", "sync_log")
    latest = latest_as_logged(check, stage)
    assert latest["status"] == "PartialSuccess"
    assert int(latest["record_count"]) == stage.world.count("clients")
    logged = logged_of(stage, "clients")
    history = check.history()
    assert [status_of(line) for line in history][-len(logged) :] == [entry["status"] for entry in logged]
    assert any("INN8 refused GET /clients with 404" in line for line in history)
    browser.screenshot("sync_log_history")


def test_the_sync_log_of_transactions_has_lines_of_a_run_and_of_days(browser: Browser, stage: Stage) -> None:
    check = Check(browser, "transactions", "sync_log")
    latest = latest_as_logged(check, stage)
    assert int(latest["record_count"]) > int(latest["error_count"]) == INVALID
    browser.screenshot("sync_log")
    run, *days = map(status_of, check.history())
    assert run == "PartialSuccess"
    assert days.count("Success") > 1


def latest_as_logged(check: Check, stage: Stage) -> dict[str, str]:
    """Return the last evaluation, once `inn8 log` agrees: the schedule may sync between the two queries."""

    def agreed() -> dict[str, str] | None:
        check.open()
        latest, logged = check.latest(), logged_of(stage, check.asset)[0]
        shown = {name: str(count) for name, count in logged["counts"].items() if name not in {"fetched", "rejected"}}
        expected = {"status": logged["status"], **shown}
        return latest if logged["counts"] and expected.items() <= latest.items() else None

    found: dict[str, str] = check.browser.until(agreed, "what inn8 log says")
    return found


def logged_of(stage: Stage, entity: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads(stage.terminal.ask("log", "--entity", entity, "--json").stdout)
    return entries


def status_of(line: str) -> str:
    found = re.search(r"\b(Success|PartialSuccess|NoData|Failed)\. ", line)
    return found.group(1) if found else line


def test_the_check_doctor_shows_each_finding_of_dagster(browser: Browser) -> None:
    doctor = Check(browser, "raw_clients", "doctor")
    doctor.open()
    browser.reads("Passed")
    assert doctor.latest().keys() == set(findings.CHECKS)
    browser.screenshot("doctor")


def test_an_alert_arrives_whose_link_opens_the_failed_check_and_its_tick_shows_it(
    browser: Browser, stage: Stage
) -> None:
    with stage.without("clients"):
        assert stage.terminal.run("sync", "clients").returncode == EXIT_FAILED
        alert = browser.until(lambda: stage.alert("Error: clients, check sync_log. Failed. "), "an alert", LONG)
        browser.open(alert.rsplit(stage.url, 1)[1])
        check = Check(browser, "clients", "sync_log")
        check.choose()
        latest = check.latest()
        assert latest["status"] == "Failed"
        assert latest["error_message"] in alert
        browser.screenshot("failed_check")
    assert stage.terminal.run("sync", "clients").returncode == EXIT_PARTIAL
    browser.until(lambda: stage.alert("Warning: clients, check sync_log. PartialSuccess. "), "its end", LONG)
    sensor = Sensor(browser, names.ALERT_FAILED_CHECKS)
    sensor.open()
    sensor.open_tick(alert)
    browser.screenshot("alert")


def test_a_dry_run_is_launched_in_the_launchpad_and_writes_nothing(browser: Browser, stage: Stage) -> None:
    job = Job(browser, "clients_sync")
    job.open()
    launchpad = job.launchpad()
    launchpad.configure(launchpad.config.replace("dry_run: false", "dry_run: true"))
    browser.screenshot("launchpad")
    run = launchpad.launch()
    run.end()
    assert stage.rows("select count(*) from inn8_raw.landings where run_id = :run", run=run.id) == [(0,)]
    assert [entry for entry in logged_of(stage, "clients") if entry["run_id"] == run.id] == []


def test_an_entity_is_paused_with_the_configuration_of_the_page(browser: Browser, stage: Stage) -> None:
    section = (ROOT / "docs" / "dagster.md").read_text(encoding="utf-8").split("## Pause an entity")[1]
    config = re.sub(r" +#.*", "", textwrap.dedent(section.split("```yaml\n")[1].split("  ```")[0]))
    job = Job(browser, "inn8_pause")
    job.open()
    launchpad = job.launchpad()
    launchpad.configure(config)
    browser.screenshot("pause")
    launchpad.launch().end()
    query = "select entity, paused_by, reason from inn8.paused_entities"
    assert stage.rows(query) == [("transactions", "Anne", "INN8 moves its data")]
    assert stage.terminal.ask("resume", "transactions").exit_code == 0


def test_the_readme_names_what_is_clicked_for_a_backfill() -> None:
    said = (ROOT / "README.md").read_text(encoding="utf-8").split("## Load March again")[1].split("\n- ")[1]
    assert re.findall(r"\*\*(.+?)\*\*", said) == ["Jobs", *CLICKS]
    assert f"`{MARCH}`" in said


def test_a_backfill_launched_in_the_dialog_loads_march_again_and_nothing_else(browser: Browser, stage: Stage) -> None:
    assert stage.world.change_fraction("transactions", 0.2, salt="march")
    march, april = ("2026-03-01", "2026-03-31"), ("2026-04-01", "2026-04-30")
    before = sent(stage, *march), held(stage, *april)
    assert held(stage, *march) != before[0]
    job = Job(browser, "transactions_sync")
    job.open()
    job.ask_for(MARCH)
    browser.reads_lines("31 partitions")
    browser.screenshot("backfill")
    browser.press("//*[text() = 'Config']")
    browser.reads("Config will be applied to all backfill runs", "Add config")
    job.launch().end()
    assert (held(stage, *march), held(stage, *april)) == before


def held(stage: Stage, first: str, last: str) -> dict[str, str | None]:
    """Return the transactions of these days by their ids, as the table has them."""
    query = "select external_id, description from inn8.transactions where trade_date between :first and :last"
    return dict(stage.rows(query, first=first, last=last))


def sent(stage: Stage, first: str, last: str) -> dict[str, str | None]:
    """Return the same transactions as INN8 has them."""
    records = stage.world.records("transactions", *map(date.fromisoformat, (first, last)))
    return {record["id"]: record["description"] for record in records}


def test_clients_are_rebuilt_alone_while_inn8_is_away(browser: Browser, stage: Stage) -> None:
    clients = Asset(browser, "clients")
    clients.open()
    with stage.without("clients"):
        run = clients.materialize()
        run.end()
    assert stage.rows("select count(*) from inn8_raw.landings where run_id = :run", run=run.id) == [(0,)]
    rebuilt = next(entry for entry in logged_of(stage, "clients") if entry["run_id"] == run.id)
    assert rebuilt["counts"]["fetched"] == rebuilt["counts"]["unchanged"] + rebuilt["counts"]["rejected"] > 0


def test_a_run_of_the_terminal_is_run_again_in_the_ui(browser: Browser, stage: Stage) -> None:
    assert stage.terminal.run("sync", "portfolios").returncode == EXIT_PARTIAL
    before = logged_of(stage, "portfolios")[0]
    run = Run(browser, f"/runs/{before['run_id']}")
    run.open()
    again = run.rerun()
    again.end()
    after = logged_of(stage, "portfolios")[0]
    assert (after["run_id"], after["status"]) == (again.id, before["status"])


def test_an_erasure_of_the_terminal_is_a_run_that_says_how_far_it_has_come_and_names_nobody(
    browser: Browser, stage: Stage
) -> None:
    owners = {record["clientId"] for record in stage.world.records("portfolios")}
    person = next(each["id"] for each in stage.world.records("clients") if each["id"] not in owners)
    erased = stage.terminal.run("erase", "client", person, "--yes", "--still-sent")
    assert (erased.returncode, erased.stdout.splitlines()[0]) == (0, "Erased:"), erased
    Job(browser, names.ERASE_JOB).open()
    with open_instance(Environment(stage.terminal.variables)) as instance:
        (stored,) = instance.get_runs(RunsFilter(job_name=names.ERASE_JOB))
    run = Run(browser, f"/runs/{stored.run_id}")
    run.open()
    browser.reads(
        "Waiting for syncs to end.", "Looking through the stored pages.", "Deleting.", "Vacuuming the tables."
    )
    assert person not in browser.text
    again = run.rerun()
    browser.reads("Nothing was erased: a run has no client's id", seconds=LONG)
    assert again.id != run.id
    assert stage.terminal.run("sync", "clients").returncode == EXIT_PARTIAL


def test_nothing_in_the_ui_warns_of_our_definitions(browser: Browser, stage: Stage) -> None:
    for page, line in PAGES.items():
        browser.open(page)
        browser.reads_lines(line)
        assert [line for line in browser.lines if WARNING.search(line)] == []
        assert browser.all("//*[@aria-label = 'warning' or @aria-label = 'error']") == []
    browser.open("/deployment/daemons")
    browser.until(lambda: browser.lines.count("Running") >= DAEMONS, "every daemon to be running")
    assert browser.errors() == []
    for log in stage.logs:
        lines = log.read_text(encoding="utf-8").splitlines()
        assert [line for line in lines if "inn8_pipeline/" in line or "Traceback" in line] == []
