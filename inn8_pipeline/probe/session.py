"""A whole probe: the token, then each collection, then how INN8 behaves under requests."""

import json
from collections.abc import Callable
from dataclasses import replace

from inn8_pipeline.contract import Contract
from inn8_pipeline.entities import ENTITIES, Entity
from inn8_pipeline.errors import ApiError
from inn8_pipeline.extract.budget import BudgetStore, Unlimited
from inn8_pipeline.extract.http.responses import FIRST_4XX
from inn8_pipeline.probe import (
    behaviour,
    conditional,
    content,
    last_pages,
    paging,
    token,
    totals,
    verification,
    windows,
)
from inn8_pipeline.probe.analysis.properties import PropertyShape, observe, shapes_of
from inn8_pipeline.probe.examination import OK_STATUS, CollectionView, Examination
from inn8_pipeline.probe.findings import ProbeFinding, ProbeReport, Severity
from inn8_pipeline.probe.server import MAX_PAGES_AT_A_TIME, BoundedBudget, Connect, ProbedServer, RequestsUsedUpError
from inn8_pipeline.probe.totals import read_total


def probe(
    connect: Connect,
    contract: Contract,
    *,
    budget: BudgetStore | None = None,
    on_step: Callable[[str], None] = lambda _: None,
) -> ProbeReport:
    """Compare INN8 with the contract in force.

    Args:
        connect: Opens a client with a contract and a page size.
        contract: The contract in force.
        budget: The tenant's request budget.
        on_step: Called with the name of each step before its requests.

    """
    return _Probe(connect, contract, BoundedBudget(budget or Unlimited()), on_step).run()


class _Probe:
    def __init__(
        self, connect: Connect, contract: Contract, budget: BoundedBudget, on_step: Callable[[str], None]
    ) -> None:
        self._connect = connect
        self._contract = contract
        self._budget = budget
        self._on_step = on_step
        self._findings: list[ProbeFinding] = []
        self._behaviour: list[ProbeFinding] = []
        self._examinations: dict[str, Examination] = {}

    def run(self) -> ProbeReport:
        try:
            with self._connect(self._contract, None, MAX_PAGES_AT_A_TIME, self._budget) as client:
                self._examine(ProbedServer(client, self._contract))
        except RequestsUsedUpError:
            meaning = "What comes after it was not examined. Probe again when INN8 fails less often."
            seen = f"ended after {self._budget.used} requests"
            self._findings.append(ProbeFinding("server", "bound", Severity.LOSES, seen, meaning))
        return ProbeReport(
            findings=[
                *self._findings,
                *(each for one in self._examinations.values() for each in one.findings),
                *self._behaviour,
            ],
            proposal=self._proposal(),
            properties={name: _shapes(each) for name, each in self._examinations.items()},
            requests=self._budget.used,
        )

    def _examine(self, server: ProbedServer) -> None:
        self._on_step("token")
        self._findings += token.examine_token(server, self._contract)
        if any(each.severity is Severity.LOSES for each in self._findings):
            return
        pages = []
        for entity in ENTITIES:
            self._on_step(entity.name)
            first = self._examine_collection(server, entity)
            if first is not None:
                pages.append((first, self._examinations[entity.name]))
        if pages:
            self._on_step("latency")
            first, largest = max(pages, key=lambda each: len(each[0].response.body))
            examined = [each for _, each in pages]
            self._behaviour += behaviour.examine_behaviour(server, examined, largest, first)

    def _examine_collection(self, server: ProbedServer, entity: Entity) -> CollectionView | None:
        """Return the first page; None if there was none."""
        in_force = self._contract.of(entity)
        is_like_single = any(each.proposal.paging.style == "single" for each in self._examinations.values())
        examination = self._examinations[entity.name] = Examination(entity, in_force, in_force, is_like_single)
        try:
            if entity is next(iter(ENTITIES)):
                self._findings.append(token.examine_refusal(server, in_force))
            first = _first_page(server, examination)
            if first is None:
                return None
            examination.first_count = len(first.records)
            self._examine_pages(server, examination, first)
        except ApiError as error:
            examination.add("response", Severity.LOSES, "a request failed", str(error))
            return None
        return first

    def _examine_pages(self, server: ProbedServer, examination: Examination, first: CollectionView) -> None:
        parents = verification.parent_ids(self._examinations, examination)
        content.examine_content(examination, first, parents)
        small = paging.examine_paging(server, examination, first)
        totals.examine_total(server, examination, first, small)
        size = verification.page_size_of(first) if examination.page_size_is_honoured else None
        for _ in range(2):  # again if a total turns out to be wrong
            with self._connect(self._proposal(), size, 1, self._budget) as client:
                if verification.verify(client, examination):
                    break
        has_numbers = last_pages.examine_last_page(server, examination, first)
        windows.examine_window(server, examination, first)
        is_trusted = examination.proposal.total.unit != "none"
        if is_trusted and read_total(first, examination.proposal.total) is not None:
            with self._connect(self._proposal(), None, 1, self._budget) as client:
                last_pages.read_to_the_end(client, examination, first, has_numbers=has_numbers)
        conditional.examine_conditional(server, examination, first)
        content.examine_parents(examination, parents)

    def _proposal(self) -> Contract:
        changed = {name: each.proposal for name, each in self._examinations.items()}
        return replace(self._contract, collections={**self._contract.collections, **changed})


def _first_page(server: ProbedServer, examination: Examination) -> CollectionView | None:
    """Return the response to the request of a sync, and report where its records are; None if there are none."""
    response = server.page(examination.proposal)
    view = examination.view(response)
    media = response.headers.get("content-type", "not given")
    if response.status != OK_STATUS:
        _report_status(examination, response.status)
        return None
    if not view.is_page or view.body is None or view.body.pointer is None:
        meaning = "A sync ends in an error. Check INN8_BASE_URL and the path."
        line = f'path = "{examination.proposal.path}"'
        examination.add("response", Severity.LOSES, f"{media}, but no JSON with an array", meaning, line)
        return None
    examination.add("response", Severity.AS_CONTRACT, f"{response.status}, {media}")
    pointer = view.body.pointer
    if pointer.lower() == examination.in_force.records_pointer.lower():
        seen = f"records at {pointer}" if pointer else "the body is the array"
        examination.add("envelope", Severity.AS_CONTRACT, seen)
        return view
    examination.propose(records_pointer=pointer)
    meaning = "A sync with the contract in force ends in an error."
    seen = f"the records are at {pointer or 'the top'}"
    examination.add("envelope", Severity.LOSES, seen, meaning, f"records = {json.dumps(pointer)}")
    return view


def _report_status(examination: Examination, status: int) -> None:
    meaning = "A sync ends in an error."
    if status >= FIRST_4XX:
        meaning += " Check the path, and whether the scope allows to read the collection."
    examination.add("response", Severity.LOSES, f"status {status}", meaning, f'path = "{examination.proposal.path}"')


def _shapes(examination: Examination) -> list[PropertyShape]:
    return shapes_of(observe(examination.records).values())
