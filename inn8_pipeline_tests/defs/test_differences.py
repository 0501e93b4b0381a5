"""An INN8 that differs from the built-in contract, without a contract file: an error or a warning, and nothing dropped.

`test_whole_syncs` has the windows whose ends are exclusive: they lose nothing.
"""

from inn8_pipeline.cli.support.sandbox_dialects import dialects_of
from inn8_pipeline.contract.reading import parse
from inn8_pipeline.entities import CLIENTS, ENTITIES
from inn8_pipeline_tests.defs.check_results import evaluated, failed
from inn8_pipeline_tests.defs.pipelines import Pipeline

NO_TOTAL = "total = { unit = 'none' }\n"
OTHER_PAGES = "INN8 sends other records when it is asked for another page by number or offset"
ERRORS = {
    "envelope": ("records = '/data'", "not a JSON array but an object with the keys data"),
    "page numbers": (NO_TOTAL + "paging = { style = 'page' }", OTHER_PAGES),
    "page numbers from 0": (NO_TOTAL + "paging = { style = 'page', first_page = 0 }", OTHER_PAGES),
    "pageNumber": (NO_TOTAL + "paging = { style = 'page', parameter = 'pageNumber' }", OTHER_PAGES),
    "offsets": (NO_TOTAL + "paging = { style = 'offset' }", OTHER_PAGES),
    "skip": (NO_TOTAL + "paging = { style = 'offset', parameter = 'skip' }", OTHER_PAGES),
    "page numbers, with a total": ("paging = { style = 'page' }", "X-Total-Count was 25, and 13 records came"),
    "cursor": (NO_TOTAL + "records = '/data'\npaging = { style = 'cursor' }", "an object with the keys data, next"),
    "a total of pages": ("total = { unit = 'pages' }", "X-Total-Count was 2, and 13 records came"),
}
"""What INN8 does otherwise, as a contract file, and a part of the error. The page size is no usual one."""


def serve(pipeline: Pipeline, lines: str) -> None:
    """Let the sandbox differ from the built-in contract as these lines of a contract file say."""
    pipeline.server.app.dialects.clear()
    pipeline.server.app.dialects.update(dialects_of(parse(lines, ENTITIES)))


def test_a_difference_by_which_records_would_be_missed_fails_the_sync_with_its_cause(pipeline: Pipeline) -> None:
    pipeline.server.options.page_size = pipeline.server.options.max_page_size = 13
    for difference, (lines, cause) in ERRORS.items():
        serve(pipeline, lines)
        run = pipeline.run(CLIENTS)
        entry = pipeline.entry(CLIENTS, run.run_id)
        assert (entry.status, entry.severity) == ("Failed", "ERROR"), difference
        assert cause in entry.description, difference
        assert pipeline.rows("select * from inn8.clients") == []


def test_a_difference_by_which_a_column_would_be_empty_is_a_warning_of_a_check(pipeline: Pipeline) -> None:
    serve(pipeline, "[collections.clients.properties]\nphoneNumber = 'mobile'\nstatus = { values = { A = 'active' } }")
    found = evaluated(pipeline, pipeline.run(CLIENTS))
    assert failed(found) == {"drift", "unknown_values"}
    assert "mobile" in str(found["drift"].metadata)
    assert pipeline.rows("select count(*), count(nullif(phone, '')) from inn8.clients") == [(25, 0)]


def test_a_property_that_is_renamed_later_empties_no_column(pipeline: Pipeline) -> None:
    pipeline.run(CLIENTS)
    before = pipeline.rows("select count(phone) from inn8.clients")
    serve(pipeline, "[collections.clients.properties]\nphoneNumber = 'mobile'")
    entry = pipeline.entry(CLIENTS, pipeline.run(CLIENTS).run_id)
    assert (entry.status, entry.severity) == ("Failed", "ERROR")
    assert pipeline.rows("select count(phone) from inn8.clients") == before
