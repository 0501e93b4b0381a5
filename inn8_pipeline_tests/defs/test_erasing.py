"""An erasure is a run in the UI: how far it has come, and what it has erased, in counts and never with an id."""

from functools import partial

import dagster as dg
import pytest

from inn8_pipeline.defs import names
from inn8_pipeline.defs.jobs import erasing
from inn8_pipeline.defs.runs import progress
from inn8_pipeline.entities import CLIENTS, ENTITIES
from inn8_pipeline.errors import StillSentError
from inn8_pipeline.transform.redaction import redact
from inn8_pipeline.warehouse.erasure import erase
from inn8_pipeline.warehouse.erasure.data_subject import DataSubject, ErasureCounts, OnProgress
from inn8_pipeline_tests.defs.forms import launch
from inn8_pipeline_tests.defs.pipelines import TENANT, Pipeline


def erase_in_a_run(pipeline: Pipeline, erasure: erasing.Erasure) -> dg.ExecuteInProcessResult:
    """Execute the job of the definitions as the command does, with an erasure that never enters the run."""
    job = pipeline.definitions.resolve_job_def(names.ERASE_JOB)
    with erasing.offered(erasure):
        return job.execute_in_process(instance=pipeline.instance, raise_on_error=False)


def erasure_of(pipeline: Pipeline, client_id: str, *, may_be_sent: bool = True) -> erasing.Erasure:
    subject = DataSubject(TENANT, client_id)
    carry_out = partial(erase.erase, pipeline.engine, subject, redact, may_be_sent=may_be_sent)
    return erasing.Erasure(lambda on_progress: carry_out(on_progress=on_progress))


def failing(error: Exception) -> erasing.Erasure:
    def fail(_on_progress: OnProgress) -> ErasureCounts:
        raise error

    return erasing.Erasure(fail)


def owner_of_a_transaction(pipeline: Pipeline) -> str:
    """Return the id of a client who has portfolios and transactions, whatever the world of today has."""
    owners = {each["id"]: each["clientId"] for each in pipeline.world.records("portfolios")}
    client_id: str = owners[pipeline.world.records("transactions")[0]["portfolioId"]]
    return client_id


def test_the_run_says_what_it_does_how_far_it_has_come_and_what_it_erased(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline.run_all()
    person = owner_of_a_transaction(pipeline)
    quick = erase_in_a_run(pipeline, erasure_of(pipeline, "of nobody"))
    began = ["Waiting for syncs to end.", "Looking through the stored pages.", "Deleting.", "Vacuuming the tables."]
    assert [line for line in pipeline.lines(quick.run_id) if line in began] == began
    assert not any(" left." in line for line in pipeline.lines(quick.run_id))
    monkeypatch.setattr(progress, "FIRST_SECONDS", 0.0)
    erasure = erasure_of(pipeline, person)
    run = erase_in_a_run(pipeline, erasure)
    assert run.success
    parts = [line.split(", about ") for line in pipeline.lines(run.run_id) if line.endswith(" s left.")]
    assert {doing.split(":")[0] for doing, _ in parts} == {
        "Looking through the stored pages", "Deleting", "Vacuuming the tables",
    }  # fmt: skip
    assert parts[0][0].startswith("Looking through the stored pages: 1 of ")
    erased = erasure.erased
    assert erased is not None
    assert erased.rows["portfolios"] > 0
    (handled,) = pipeline.events(run.run_id, dg.DagsterEventType.STEP_OUTPUT)
    counts = {name: each.value for name, each in handled.step_output_data.metadata.items()}
    assert counts == {
        **{f"rows_of_{entity}": erased.rows[entity.name] for entity in ENTITIES},
        **{f"past_versions_of_{entity}": erased.versions[entity.name] for entity in ENTITIES},
        **{f"records_of_{entity}": erased.records.get(entity, 0) for entity in ENTITIES if entity in erased.records},
        "rejects": erased.rejects,
        "pages": erased.pages,
        "still_sent": "clients, portfolios, transactions",
    }
    assert person not in "\n".join(pipeline.storage_text())


def test_a_run_that_is_launched_in_the_ui_erases_nothing_and_says_what_to_do(pipeline: Pipeline) -> None:
    pipeline.run(CLIENTS)
    succeeded, text = launch(pipeline, names.ERASE_JOB)
    assert not succeeded
    assert text.startswith("Nothing was erased: a run has no client's id, because Dagster would keep it.")
    assert pipeline.rows("select count(*) from inn8.clients") == [(25,)]
    with pytest.raises(dg.DagsterInvalidConfigError, match="Received unexpected config entry"):
        launch(pipeline, names.ERASE_JOB, client="CL-000001")
    assert "CL-000001" not in "\n".join(pipeline.storage_text())


def test_an_erasure_that_is_refused_fails_its_run_with_the_message(pipeline: Pipeline) -> None:
    pipeline.run_all()
    erasure = erasure_of(pipeline, owner_of_a_transaction(pipeline), may_be_sent=False)
    run = erase_in_a_run(pipeline, erasure)
    assert isinstance(erasure.error, StillSentError)
    (failure,) = pipeline.events(run.run_id, dg.DagsterEventType.STEP_FAILURE)
    assert failure.step_failure_data.user_failure_data.description == str(erasure.error)  # type: ignore[union-attr]


def test_the_text_of_an_unexpected_error_is_kept_for_the_command_and_never_stored(pipeline: Pipeline) -> None:
    pipeline.run(CLIENTS)
    person = pipeline.world.records("clients")[0]["fullName"]
    erasure = failing(KeyError(person))
    run = erase_in_a_run(pipeline, erasure)
    assert isinstance(erasure.error, KeyError)
    (failure,) = pipeline.events(run.run_id, dg.DagsterEventType.STEP_FAILURE)
    assert "The erasure failed with KeyError: a bug" in str(failure.step_failure_data.user_failure_data)
    assert person not in "\n".join(pipeline.storage_text())
