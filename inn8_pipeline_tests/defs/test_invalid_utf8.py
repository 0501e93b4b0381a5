"""One record with bytes that are not UTF-8, from the socket to the table, a rebuild, a repair and an erasure."""

import json

from inn8_pipeline.entities import CLIENTS
from inn8_pipeline.transform.redaction import redact
from inn8_pipeline.warehouse.erasure import erase
from inn8_pipeline.warehouse.erasure.data_subject import DataSubject
from inn8_pipeline_tests.defs.pipelines import TENANT, Pipeline

RECORD = b'{"id":"CL-BYTES","fullName":"Th\xffandi","emailAddress":"thandi@example.org"}'
REASON = r"the record has bytes that are not UTF-8, shown in its payload as \udc80 to \udcff"
OPEN = "select external_id, reason_code, reason, payload::text from inn8.rejected_records where resolved_at is null"


def test_an_invalid_byte_costs_one_record_and_not_the_sync(pipeline: Pipeline) -> None:
    pipeline.world.put_raw("clients", RECORD)
    run = pipeline.run(CLIENTS)
    entry = pipeline.entry(CLIENTS, run.run_id)
    assert (entry.status, entry.metadata["inserted"], entry.metadata["error_count"]) == ("PartialSuccess", 25, 1)
    (found,) = pipeline.rows(OPEN)
    assert tuple(found)[:3] == ("CL-BYTES", "invalid_text", REASON)
    assert found[3].encode() == RECORD.replace(b"\xff", rb"\udcff")


def test_the_page_can_be_rebuilt_read_in_sql_and_repaired(pipeline: Pipeline) -> None:
    pipeline.world.put_raw("clients", RECORD)
    pipeline.run(CLIENTS)
    pipeline.change("update inn8.clients set name = 'overwritten by hand' where external_id <= 'CL-000005'")
    rebuilt = pipeline.run(CLIENTS, only=["clients"])
    assert pipeline.entry(CLIENTS, rebuilt.run_id).metadata["updated"] == 5
    assert len(pipeline.rows(OPEN)) == 1
    assert len(pipeline.rows("select record from inn8_raw.clients")) == 26
    pipeline.world.put("clients", json.loads(RECORD.replace(b"\xff", b"")))
    repaired = pipeline.run(CLIENTS)
    assert pipeline.entry(CLIENTS, repaired.run_id).status == "Success"
    assert pipeline.rows(OPEN) == []
    assert pipeline.rows("select name from inn8.clients where external_id = 'CL-BYTES'") == [("Thandi",)]


def test_the_record_can_be_erased(pipeline: Pipeline) -> None:
    pipeline.world.put_raw("clients", RECORD)
    pipeline.run(CLIENTS)
    erased = erase.erase(pipeline.engine, DataSubject(TENANT, "CL-BYTES"), redact, may_be_sent=True)
    assert (erased.rejects, erased.records[CLIENTS]) == (1, 1)
    for where in ("inn8_raw.pages p where p::text", "inn8.rejected_records r where r::text"):
        assert pipeline.rows(f"select 1 from {where} like '%CL-BYTES%'") == []
