"""Fetch the first pages of a collection as a sync does, with the proposed contract."""

from itertools import islice

from inn8_pipeline.entities import ENTITIES
from inn8_pipeline.errors import ApiError
from inn8_pipeline.extract.client import Inn8Client
from inn8_pipeline.extract.paging.fetch import Fetch
from inn8_pipeline.extract.paging.page import record_ids
from inn8_pipeline.probe.examination import CollectionView, Examination
from inn8_pipeline.probe.findings import Severity
from inn8_pipeline.probe.totals import distrust
from inn8_pipeline.transform.json.parsing import parse

PAGES = 4


def verify(client: Inn8Client, examination: Examination) -> bool:
    """Report whether the pages are consistent and no id comes twice; keep the ids and records that came.

    Return False if the proposal has changed, so that another verification is needed.
    """
    fetch = client.fetch(examination.entity)
    ids: list[str] = []
    try:
        for page in islice(fetch, PAGES):
            ids += record_ids(page.body)[1]
            found = parse(page.body)
            examination.records += found if isinstance(found, list) else []
        is_at_end = next(iter(fetch), None) is None
    except ApiError as error:
        examination.add("pages", Severity.LOSES, "cannot be fetched as proposed", str(error))
        return True
    finally:
        fetch.close()
    examination.ids = set(ids)
    examination.is_whole = is_at_end and fetch.is_complete
    twice = len(ids) - len(examination.ids)
    if is_at_end and not twice and is_total_wrong(fetch, examination):
        # The fetch ended early if the total is too small, so what was read is read again.
        examination.records.clear()
        distrust(examination)
        return False
    if twice or (is_at_end and fetch.finding):
        meaning = (
            "The collection changed meanwhile, or pages overlap. Each fetch is checked, and repeated if it does not"
        )
        meaning += " add up; probe again."
        seen = f"{twice} ids on more than one page" if twice else f"not consistent: {fetch.finding}"
        examination.add("pages", Severity.LOSES, seen, meaning)
        return True
    extent = "the whole collection" if is_at_end else f"the first {PAGES} pages"
    examination.add("pages", Severity.AS_CONTRACT, f"{extent}, {len(ids):,} records, no id twice")
    return True


def is_total_wrong(fetch: Fetch, examination: Examination) -> bool:
    """Return True if the fetch has read all pages, and they are not as many as the total announced."""
    counts_pages = examination.proposal.total.unit == "pages"
    return fetch.is_total_wrong or (counts_pages and fetch.finding is not None)


def page_size_of(first: CollectionView) -> int:
    """Return a page size with which a small collection has several pages, too."""
    return max(2, -(-len(first.records) // (PAGES - 1)))


def parent_ids(examinations: dict[str, Examination], examination: Examination) -> dict[str, frozenset[str]]:
    """Return the ids of each reference's parents, by the declared property, if all of them were read."""
    found = {}
    for reference in examination.entity.references:
        parent = examinations.get(ENTITIES.named(reference.parent.name).name)
        if parent is not None and parent.is_whole:
            found[reference.source.name] = frozenset(parent.ids)
    return found
