"""The findings of a probe. None of them holds a value of a record, an id, a token or a secret."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from inn8_pipeline.contract import Contract
from inn8_pipeline.errors.api import in_variables_of
from inn8_pipeline.probe.analysis.properties import PropertyShape


class Severity(StrEnum):
    """What a finding means for the data that a sync with the contract in force brings in."""

    AS_CONTRACT = "ok"
    HANDLED = "handled"
    LOSES = "loses data"


EXIT_CODES = {Severity.AS_CONTRACT: 0, Severity.HANDLED: 3, Severity.LOSES: 1}


@dataclass(frozen=True, slots=True)
class ProbeFinding:
    """One thing that was looked at.

    Attributes:
        subject: `token`, `server`, or the name of a collection.
        topic: What of it: `envelope`, `paging`, `window`.
        severity: What it means for a sync with the contract in force.
        seen: What was seen.
        meaning: What that means for the data, and what to do.
        line: The line of a contract file that settles it; empty if none does or none is needed.

    """

    subject: str
    topic: str
    severity: Severity
    seen: str
    meaning: str = ""
    line: str = ""


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """The result of a probe.

    Attributes:
        findings: In the order in which they were made.
        proposal: The contract in force, changed so that INN8 is read as it was found.
        properties: The shapes of the properties of each collection.
        requests: How many requests were made.

    """

    findings: Sequence[ProbeFinding]
    proposal: Contract
    properties: Mapping[str, Sequence[PropertyShape]] = field(default_factory=dict)
    requests: int = 0

    @property
    def severity(self) -> Severity:
        """The worst severity of a finding."""
        order = list(Severity)
        return max((each.severity for each in self.findings), key=order.index, default=Severity.AS_CONTRACT)

    @property
    def exit_code(self) -> int:
        """0 if everything is as the contract says, 3 for differences that are handled, 1 for any other."""
        return EXIT_CODES[self.severity]

    def of_tenant(self, prefix: str) -> "ProbeReport":
        """Return the report with the names of the tenant's own variables, which begin with the prefix."""
        findings = [replace(each, meaning=in_variables_of(prefix, each.meaning)) for each in self.findings]
        return replace(self, findings=findings)

    def as_json(self) -> dict[str, Any]:
        """Return the report for `--json`, without the proposal."""
        return {
            "result": str(self.severity),
            "requests": self.requests,
            "findings": [asdict(each) for each in self.findings],
            "properties": {name: [asdict(each) for each in shapes] for name, shapes in self.properties.items()},
        }
