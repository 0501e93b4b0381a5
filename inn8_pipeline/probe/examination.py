"""The state of one collection's examination: what was seen so far, and the contract that describes it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from inn8_pipeline.contract import CollectionContract, PagingContract, PropertyContract, TotalContract, WindowContract
from inn8_pipeline.entities import ID_PROPERTY, Entity
from inn8_pipeline.extract.raw import RawResponse
from inn8_pipeline.probe.analysis.envelope import Body, read_body
from inn8_pipeline.probe.findings import ProbeFinding, Severity
from inn8_pipeline.transform.values import Number, Pairs

OK_STATUS = 200


@dataclass(frozen=True, slots=True)
class CollectionView:
    """A response with its records."""

    response: RawResponse
    body: Body | None

    @property
    def is_page(self) -> bool:
        """True if the response is a page of records, maybe an empty one."""
        return self.response.status == OK_STATUS and self.body is not None and self.body.pointer is not None

    @property
    def records(self) -> list[object]:
        """The records; none if the response is no page."""
        return self.body.records if self.is_page and self.body else []

    @property
    def ids(self) -> list[str]:
        """The readable ids."""
        return [
            value
            for record in self.records
            if isinstance(record, Pairs)
            for name, value in record
            if name.lower() == ID_PROPERTY and isinstance(value, str) and not isinstance(value, Number)
        ]


@dataclass(slots=True)
class Examination:
    """One collection. `proposal` begins as the contract in force, and each step changes what it found otherwise.

    `is_like_single`: the collection before it came in a single page, so fewer ways of paging are tried. `day`: a day of
    trade that can be requested alone.
    """

    entity: Entity
    in_force: CollectionContract
    proposal: CollectionContract
    is_like_single: bool = False
    findings: list[ProbeFinding] = field(default_factory=list)
    page_size_is_honoured: bool = False
    total: int | None = None
    first_count: int = 0
    ids: set[str] = field(default_factory=set, repr=False)
    is_whole: bool = False
    day: date | None = None
    records: list[object] = field(default_factory=list, repr=False)

    def view(self, response: RawResponse) -> CollectionView:
        """Return the response with its records, where the proposal says that they are."""
        return CollectionView(
            response, read_body(response.body, self.proposal.records_pointer) if response.body else None
        )

    def add(self, topic: str, severity: Severity, seen: str, meaning: str = "", *lines: str) -> None:
        """Add a finding. `lines` are keys and values below `collections.NAME`."""
        where = f"collections.{self.entity}"
        line = "\n".join(f"{where}.{each}" for each in lines)
        self.findings.append(ProbeFinding(self.entity.name, topic, severity, seen, meaning, line))

    def propose(
        self,
        *,
        paging: PagingContract | None = None,
        total: TotalContract | None = None,
        window: WindowContract | None = None,
        properties: Mapping[str, PropertyContract] | None = None,
        records_pointer: str | None = None,
    ) -> None:
        """Change parts of the proposal."""
        old = self.proposal
        self.proposal = replace(
            old,
            paging=paging or old.paging,
            total=total or old.total,
            window=window or old.window,
            properties=old.properties if properties is None else properties,
            records_pointer=old.records_pointer if records_pointer is None else records_pointer,
        )


def changed_lines(table: str, before: object, after: object, names: tuple[str, ...]) -> list[str]:
    """Return a line for each of these keys of a table of the contract whose value has changed."""
    return [
        f"{table}.{name} = {json.dumps(getattr(after, name))}"
        for name in names
        if getattr(after, name) != getattr(before, name)
    ]
