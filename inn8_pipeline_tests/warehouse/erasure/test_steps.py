"""The steps of an erasure are counted as they are done, and a vacuum that fails names what is left."""

import pytest

from inn8_pipeline.errors import NotVacuumedError
from inn8_pipeline.transform.redaction import redact
from inn8_pipeline.warehouse import database
from inn8_pipeline.warehouse.erasure import data_subject, erase
from inn8_pipeline_tests.warehouse.erasure.conftest import THANDI
from inn8_pipeline_tests.warehouse.logins import administer
from inn8_pipeline_tests.warehouse.syncs import Syncs


@pytest.mark.parametrize("filled", [True, False], ids=["chunks", "pages"], indirect=True)
def test_each_step_is_counted_and_the_pages_of_all_entities_together(filled: Syncs) -> None:
    named = filled.query("""
        select l.entity, count(distinct e.sha256) as pages
          from inn8_raw.landings l cross join lateral unnest(l.page_digests) as d (sha256)
          left join inn8_raw.page_groups g on g.tenant_id = l.tenant_id and g.sha256 = d.sha256
         cross join lateral unnest(coalesce(g.page_digests, array[d.sha256])) as e (sha256) group by l.entity
    """)
    pages = {row["entity"]: row["pages"] for row in named}
    assert pages.keys() == {"clients", "portfolios", "transactions"}
    total = pages["clients"] + 2 * pages["portfolios"] + pages["transactions"]
    looked_through = [("looking through the stored pages", done, total) for done in range(1, total + 1)]
    heard: list[tuple[str, int, int]] = []
    erase.look(filled.engine, THANDI, redact, on_progress=lambda *each: heard.append(each))
    assert heard == looked_through
    heard.clear()
    erase.erase(filled.engine, THANDI, redact, on_progress=lambda *each: heard.append(each))
    deletions, tables = 7 + 3 * 4, 3 * 2 + 5
    assert heard == [
        ("waiting for syncs to end", 0, 0),
        *looked_through,
        *(("deleting", done, deletions) for done in range(deletions)),
        *(("vacuuming the tables", done, tables) for done in range(tables)),
    ]


def test_the_erasure_stands_if_only_the_vacuum_fails(filled: Syncs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(database._SESSION, "lock_timeout", "300ms")  # noqa: SLF001 (nobody wants to wait a minute)
    hasty = database.connect(filled.url)
    with filled.engine.connect() as other:
        other.exec_driver_sql("lock table inn8.clients in share update exclusive mode")
        with pytest.raises(NotVacuumedError, match=r"is erased for good, .* Run: vacuum") as caught:
            erase.erase(hasty, THANDI, redact)
    assert caught.value.statement.startswith('vacuum (analyze) "inn8"."clients", "inn8_history"."clients", ')
    administer(filled.url, caught.value.statement)
    assert filled.query("select external_id from inn8.clients") == [{"external_id": "C-2"}]


def test_a_vacuum_that_fails_half_way_names_only_the_tables_that_are_left(
    filled: Syncs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(database._SESSION, "lock_timeout", "300ms")  # noqa: SLF001 (nobody wants to wait a minute)
    hasty = database.connect(filled.url)
    with filled.engine.connect() as other:
        other.exec_driver_sql("lock table inn8_raw.landings in share update exclusive mode")
        with pytest.raises(NotVacuumedError) as caught:
            erase.erase(hasty, THANDI, redact)
    left = ("landings", "pages", "page_validators", "last_fetches")
    assert caught.value.statement == "vacuum (analyze) " + ", ".join(f'"inn8_raw"."{name}"' for name in left)


@pytest.mark.parametrize("pages_at_a_time", [1, 2])
def test_it_does_not_matter_how_many_pages_are_read_at_a_time(
    filled: Syncs, monkeypatch: pytest.MonkeyPatch, pages_at_a_time: int
) -> None:
    expected = erase.look(filled.engine, THANDI, redact)
    heard: list[tuple[int, int]] = []
    monkeypatch.setattr(data_subject, "_PAGES_AT_A_TIME", pages_at_a_time)
    found = erase.look(filled.engine, THANDI, redact, on_progress=lambda _, *each: heard.append(each))
    assert found == expected
    assert expected.pages == 5
    assert [done for done, _ in heard] == list(range(1, heard[-1][1] + 1))
