"""Read the pages of a landing for a merge."""

import json
import time
from collections.abc import Iterator

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inn8_pipeline import landing_reader
from inn8_pipeline.entities import CLIENTS
from inn8_pipeline.landing_reader import join_small_pages
from inn8_pipeline.transform.transformer import Transformer
from inn8_pipeline.warehouse.landing.pages import LandedPage


def test_arrow_returns_to_the_system_what_was_freed() -> None:
    assert pa.default_memory_pool().backend_name == "system"


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> int:
    """Let pages of up to 64 bytes count as small."""
    monkeypatch.setattr(landing_reader, "JOINED_BYTES", 64)
    return 64


def joined(*bodies: bytes) -> list[bytes]:
    return [page.body for page in join_small_pages(map(LandedPage, bodies))]


@given(st.lists(st.lists(st.text(max_size=30).map(lambda text: {"id": text, "n": [1, "],["]}), max_size=4), max_size=8))
def test_joined_pages_have_the_same_records_in_the_same_order(pages: list[list[dict[str, object]]]) -> None:
    texts = [f" {json.dumps(page)}\n".encode() for page in pages]
    assert [record for text in joined(*texts) for record in json.loads(text)] == [
        record for page in pages for record in page
    ]


def test_large_pages_stay_alone_and_small_ones_are_joined_up_to_the_bound(small_pages: int) -> None:
    small, large = b'[{"id":"a"}]', b'[{"id":"%b"}]' % (b"x" * small_pages)
    found = joined(small, b" [ ]", small, large, large, *6 * [small])
    pair = b'[{"id":"a"},{"id":"a"}]'
    assert found == [pair, large, large, b'[{"id":"a"},{"id":"a"},{"id":"a"},{"id":"a"},{"id":"a"}]', small]


def test_a_landing_of_empty_pages_is_still_one_page() -> None:
    assert joined(b"[]", b"[ ]") == [b"[]"]


def test_thousands_of_pages_of_one_record_are_transformed_together() -> None:
    """Each alone costs 8 ms and 60 kB."""

    def pages() -> Iterator[LandedPage]:
        for number in range(10_000):
            yield LandedPage(json.dumps([{"id": f"C-{number}", "fullName": "N", "status": "active"}]).encode())

    transformer = Transformer(CLIENTS)
    started = time.process_time()
    batches = [transformer.page(page.body, 0) for page in join_small_pages(pages())]
    assert sum(batch.records for batch in batches) == 10_000
    assert len(batches) < 10
    assert time.process_time() - started < 5
