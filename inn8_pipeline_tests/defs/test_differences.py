"""An INN8 that differs from the built-in contract, without a contract file: what the sync log and the checks say.

`contract/test_differences.py` has the differences by which a fetch ends in an error.
"""

from inn8_pipeline.cli.support.sandbox_dialects import dialects_of
from inn8_pipeline.contract.reading import parse
from inn8_pipeline.entities import CLIENTS, ENTITIES
from inn8_pipeline_tests.defs.check_results import evaluated, failed
from inn8_pipeline_tests.defs.pipelines import LogEntry, Pipeline


def serve(pipeline: Pipeline, lines: str) -> None:
    """Let the sandbox differ from the built-in contract as these lines of a contract file say."""
    pipeline.server.app.dialects.clear()
    pipeline.server.app.dialects.update(dialects_of(parse(lines, ENTITIES)))


def sync(pipeline: Pipeline) -> LogEntry:
    return pipeline.entry(CLIENTS, pipeline.run(CLIENTS).run_id)


def test_a_difference_by_which_a_column_would_be_empty_is_a_warning_of_a_check(pipeline: Pipeline) -> None:
    serve(pipeline, "[collections.clients.properties]\nphoneNumber = 'mobile'\nstatus = { values = { A = 'active' } }")
    found = evaluated(pipeline, pipeline.run(CLIENTS))
    assert failed(found) == {"drift", "unknown_values"}
    assert "mobile" in str(found["drift"].metadata)
    assert pipeline.rows("select count(*), count(nullif(phone, '')) from inn8.clients") == [(25, 0)]


def test_a_later_difference_fails_the_sync_or_makes_it_a_warning_and_empties_nothing(pipeline: Pipeline) -> None:
    pipeline.world.insert("clients", 25, "more")  # 50, a usual page size
    assert sync(pipeline).status == "Success"
    before = pipeline.rows("select count(*), count(phone) from inn8.clients")

    serve(pipeline, "[collections.clients.properties]\nphoneNumber = 'mobile'")
    renamed = sync(pipeline)
    assert (renamed.status, renamed.severity) == ("Failed", "ERROR")

    serve(pipeline, "records = '/data'")
    in_an_envelope = sync(pipeline)
    assert (in_an_envelope.status, in_an_envelope.severity) == ("Failed", "ERROR")
    assert "not a JSON array but an object with the keys data" in in_an_envelope.description

    serve(pipeline, "total = { unit = 'none' }\npaging = { style = 'single' }")
    for _ in range(2):  # INN8 sends the same page again: the doubt remains
        unproven = sync(pipeline)
        assert (unproven.status, unproven.severity) == ("PartialSuccess", "WARN")
        assert (
            "Page 1 of clients has 50 records and names no next page, and looks like a full page"
            in unproven.description
        )
    assert pipeline.rows("select count(*), count(phone) from inn8.clients") == before == [(50, 50)]
