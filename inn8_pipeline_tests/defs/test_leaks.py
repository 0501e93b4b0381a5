"""No secret and no personal data is in what a sync leaves outside of the tables, however it ends."""

import re

import dagster as dg
import pytest

from inn8_pipeline.defs.sync_log import failures
from inn8_pipeline.entities import CLIENTS
from inn8_pipeline_tests.defs.conftest import NewPipeline
from inn8_pipeline_tests.defs.pipelines import SECRET, Pipeline

TRAP = """
    create function inn8.trap() returns trigger language plpgsql as
    $$ begin raise exception 'no room for % %', new.name, new.email; end $$
"""


STRAY = "Thandi Sithole, thandi@example.org"
"""Personal data in place of a code."""


def guarded_texts(pipeline: Pipeline) -> set[str]:
    """Return the secret, the tokens, and all personal data, wherever INN8 sends it."""
    world = pipeline.world
    personal = [
        text
        for record in world.records("clients")
        for text in (record.get("fullName"), record.get("emailAddress"), record.get("phoneNumber"))
    ]
    personal += [record.get(name) for record in world.records("portfolios") for name in ("name", "accountNumber")]
    personal += [phone for (phone,) in pipeline.rows("select phone from inn8.clients")]
    tokens = list(pipeline.server.tokens._live)  # noqa: SLF001 (the sandbox shows no token to anybody)
    assert tokens
    return {
        SECRET,
        STRAY,
        *STRAY.split(", "),
        *tokens,
        *(text for text in personal if isinstance(text, str) and len(text) > 5),
    }


def assert_silent(pipeline: Pipeline, capfd: pytest.CaptureFixture[str]) -> None:
    """Assert that nothing that was left has one of the guarded texts."""
    captured = capfd.readouterr()
    left = "\n".join([*pipeline.storage_text(), captured.out, captured.err])
    assert "RUN_START" in left
    assert "sync_log" in captured.err + captured.out
    pattern = re.compile("|".join(map(re.escape, sorted(guarded_texts(pipeline)))))
    assert not pattern.findall(left)


@pytest.fixture
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry failed steps without waiting."""
    monkeypatch.setattr(failures, "RETRY_WAITS_SECONDS", (0.01, 0.01))


def test_a_success_and_its_rejects_show_no_personal_data(
    new_pipeline: NewPipeline, capfd: pytest.CaptureFixture[str]
) -> None:
    pipeline = new_pipeline(invalid=6)
    pipeline.world.corrupt("clients", "CL-000003", status=STRAY)
    pipeline.world.corrupt("portfolios", pipeline.world.records("portfolios")[0]["id"], type=STRAY, status=STRAY)
    pipeline.world.corrupt("transactions", pipeline.world.records("transactions")[0]["id"], type=STRAY)
    assert all(run.success for run in pipeline.run_all().values())
    assert_silent(pipeline, capfd)


def test_a_failed_fetch_shows_nothing_of_the_response(pipeline: Pipeline, capfd: pytest.CaptureFixture[str]) -> None:
    person = pipeline.world.records("clients")[0]["fullName"]
    pipeline.server.faults.add("body", "clients", text=f'{{"error": "not for {person}"}}')
    pipeline.server.faults.add("body", "portfolios", text=f"[{person}")
    pipeline.server.faults.add("html", "transactions")
    runs = pipeline.run_all()
    assert not any(run.success for run in runs.values())
    assert {pipeline.entry(entity, run.run_id).status for entity, run in runs.items()} == {"Failed"}
    assert_silent(pipeline, capfd)


@pytest.mark.usefixtures("_hasty")
def test_a_database_that_quotes_a_row_is_not_repeated_and_is_tried_three_times_for_one_entry(
    new_pipeline: NewPipeline, capfd: pytest.CaptureFixture[str]
) -> None:
    pipeline = new_pipeline()
    pipeline.change(TRAP)
    pipeline.change("create trigger trap before insert on inn8.clients for each row execute function inn8.trap()")
    run = pipeline.run(CLIENTS)
    (entry,) = pipeline.log(CLIENTS, run.run_id)
    assert entry.metadata["error_message"].startswith("Postgres failed while merging clients")
    assert len([e for e in run.all_events if e.event_type == dg.DagsterEventType.STEP_UP_FOR_RETRY]) == 2
    assert_silent(pipeline, capfd)


def test_a_corrupted_landing_page_never_shows_its_text(pipeline: Pipeline, capfd: pytest.CaptureFixture[str]) -> None:
    pipeline.run(CLIENTS)
    person = pipeline.world.records("clients")[0]["fullName"]
    pipeline.change(f"""update inn8_raw.pages set body = '{{"{person}": "{person}"}}'::json""")
    run = pipeline.run(CLIENTS, only=["clients"])
    assert not run.success
    entry = pipeline.entry(CLIENTS, run.run_id)
    assert "is not a JSON array" in entry.metadata["error_message"]
    pipeline.change(
        f"""update inn8_raw.pages set body = '["{person}", {{"{person}": 1}}, {{"id": "{person}"}}]'::json"""
    )
    assert not pipeline.run(CLIENTS, only=["clients"], config={"allow_rejects": True}).success
    assert_silent(pipeline, capfd)


def test_an_unexpected_error_in_a_step_never_shows_its_text(
    pipeline: Pipeline, capfd: pytest.CaptureFixture[str]
) -> None:
    pipeline.run(CLIENTS)
    person = pipeline.world.records("clients")[0]["fullName"]
    # A repeat tells the counts of the merge that it repeats: a name that is no day makes an error that quotes it.
    pipeline.change(f"""update inn8_raw.landings set counts = '{{"days": {{"{person}": {{}}}}}}'::json""")
    run = pipeline.run(CLIENTS)
    (entry,) = pipeline.log(CLIENTS, run.run_id)
    assert "The exception's text is not shown" in entry.metadata["error_message"]
    assert_silent(pipeline, capfd)
