"""The report of a probe as a text that can be sent to INN8's support."""

from collections.abc import Iterator, Sequence

from inn8_pipeline.probe.analysis.properties import PropertyShape
from inn8_pipeline.probe.findings import ProbeFinding, ProbeReport, Severity

HEAD = """# What INN8 sends

Made by `inn8 probe` with {requests} requests. It holds no id, no token and no secret. Unlisted values of choices
are as sent; all other values are shown as shapes, with 9 for each digit and a or A for letters.
"""


def text_of(report: ProbeReport) -> str:
    """Return the report as Markdown."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: ProbeReport) -> Iterator[str]:
    yield HEAD.format(requests=report.requests)
    for subject in dict.fromkeys(each.subject for each in report.findings):
        yield f"## {subject}\n"
        yield from _findings([each for each in report.findings if each.subject == subject])
        shapes = report.properties.get(subject, ())
        if shapes:
            yield from _properties(shapes)


def _findings(findings: Sequence[ProbeFinding]) -> Iterator[str]:
    for each in findings:
        mark = "" if each.severity is Severity.AS_CONTRACT else f" **{each.severity}**"
        yield f"- {each.topic}:{mark} {each.seen}"
        if each.severity is not Severity.AS_CONTRACT and each.meaning:
            yield f"  {each.meaning}"
    yield ""


def _properties(shapes: Sequence[PropertyShape]) -> Iterator[str]:
    yield "| property | JSON types | null | shapes |"
    yield "|---|---|---|---|"
    for each in shapes:
        cells = (
            each.name,
            ", ".join(each.types),
            f"{each.null_percent} %",
            ", ".join(f"`{one}`" for one in each.shapes),
        )
        yield f"| {' | '.join(cells)} |"
    yield ""
