"""`inn8 metrics` prints what Prometheus accepts, and the dashboard names only metrics that it prints."""

import json
import re
from pathlib import Path

import pytest

from inn8_pipeline.warehouse.database import connect
from inn8_pipeline_tests.cli.conftest import TENANT, Place

DASHBOARD = Path(__file__).parents[3] / "deploy" / "grafana" / "inn8.json"
GRAFANA_COLUMNS = 24
SAMPLE = re.compile(r'(inn8_[a-z_]+)\{((?:[a-z]+="(?:[^"\\]|\\.)*",?)+)\} (\d+(?:\.\d+)?(?:e\+\d+)?)')
LINE = re.compile(r"# HELP (inn8_\w+) .+\.|# TYPE (inn8_\w+) (gauge|counter)")
UNITS = ("_seconds", "_bytes", "_total", "_records", "_rejects", "_open", "_paused", "_status", "landings")


def printed(place: Place) -> dict[tuple[str, str], float]:
    text = place.terminal.ask("metrics").stdout
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    found = {(match[1], match[2]): float(match[3]) for match in map(SAMPLE.fullmatch, lines) if match}
    assert len(found) == len(lines)
    comments = [LINE.fullmatch(line) for line in text.splitlines() if line.startswith("#")]
    types = {match[2]: match[3] for match in comments if match and match[2]}
    assert len(comments) == 2 * len(types)
    assert all(name.endswith(UNITS) for name in types)
    assert {name for name in types if name.endswith("_total")} == {name for name in types if types[name] == "counter"}
    assert {name for name, _ in found} <= set(types)
    return found


@pytest.mark.slow
def test_the_metrics_of_a_sync_and_of_a_failed_one(place: Place) -> None:
    assert place.terminal.run("sync", "clients").returncode == 0
    engine = connect(place.warehouse_url)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "insert into inn8.circuits (tenant_id, circuit, failures, opened_until)"
            f" values ('{TENANT}', 'a\"b', 5, now() + interval '1 min')"
        )
        connection.exec_driver_sql(
            "insert into inn8.rejected_records (tenant_id, entity, record_key, reason_code, reason, payload, landing_id"
            ", as_of_at, first_seen_at, last_seen_at)"
            f" select '{TENANT}', 'clients', 'X', 'missing_field', 'r', '{{}}', id, now(), now(), now()"
            " from inn8_raw.landings limit 1"
        )
    found = printed(place)
    of = f'tenant="{TENANT}",entity="clients"'
    assert found["inn8_syncs_total", f'{of},status="Success"'] == 1
    assert found["inn8_last_sync_status", f'{of},status="Success"'] == 1
    assert found["inn8_last_sync_status", f'{of},status="Failed"'] == 0
    assert found["inn8_records_total", f'{of},outcome="inserted"'] == place.server.world.count("clients")
    assert found["inn8_open_rejects", f'{of},reason="missing_field",accepted="false"'] == 1
    assert found["inn8_circuit_breaker_open", f'tenant="{TENANT}",circuit="a\\"b"'] == 1
    assert found["inn8_last_success_timestamp_seconds", of] > found["inn8_last_synced_timestamp_seconds", of] > 1.7e9
    assert found["inn8_landings_bytes", of] == found["inn8_fetched_bytes_total", of] > 0
    assert found["inn8_table_size_bytes", 'table="inn8_raw.pages"'] > 0


def test_the_dashboard_names_only_metrics_that_are_printed(place: Place) -> None:
    text = DASHBOARD.read_text(encoding="utf-8")
    asked = set(re.findall(r"\binn8_[a-z_]+", " ".join(expressions(json.loads(text)))))
    known = set(re.findall(r"# TYPE (\S+)", place.terminal.ask("metrics").stdout))
    assert asked
    assert asked <= known


def expressions(dashboard: dict[str, list[dict[str, list[dict[str, str]]]]]) -> list[str]:
    return [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]


def test_the_dashboard_shows_pauses_in_its_first_row_and_no_panel_covers_another() -> None:
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    paused = [panel for panel in panels if any("inn8_entity_paused{" in target["expr"] for target in panel["targets"])]
    assert [panel["gridPos"]["y"] for panel in paused] == [0]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [cell for panel in panels for cell in covered(**panel["gridPos"])]
    assert len(set(cells)) == len(cells)
    assert max(column for column, _ in cells) < GRAFANA_COLUMNS


def covered(x: int, y: int, w: int, h: int) -> list[tuple[int, int]]:
    return [(column, row) for column in range(x, x + w) for row in range(y, y + h)]
