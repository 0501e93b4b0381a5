"""Compare the records of a collection with the contract: names, types, formats, choices, rejects, parents."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from inn8_pipeline.contract import CollectionContract, PropertyContract
from inn8_pipeline.contract.envelope import Envelope
from inn8_pipeline.entities import NOTATIONS_OF_INSTANTS, Entity, Kind, Notation, Property
from inn8_pipeline.errors import ContractError
from inn8_pipeline.extract.http.encoding import escape_invalid_utf8
from inn8_pipeline.probe.analysis.choices import meaning_of, unlisted_values
from inn8_pipeline.probe.analysis.names import likely_names
from inn8_pipeline.probe.analysis.notations import is_built_in, notations_of
from inn8_pipeline.probe.analysis.properties import Observed, decimals_of, json_type, observe
from inn8_pipeline.probe.analysis.shapes import safe_name, shape
from inn8_pipeline.probe.examination import CollectionView, Examination
from inn8_pipeline.probe.findings import Severity
from inn8_pipeline.transform.transformer import Transformer

ParentIds = Mapping[str, frozenset[str]]


def examine_content(examination: Examination, first: CollectionView, parents: ParentIds) -> None:
    """Compare the names and values of the first page with the contract; propose names and values."""
    if not first.records:
        examination.add("records", Severity.HANDLED, "none", "Names and values were not examined.")
        return
    _examine_names(examination, first, parents)
    _examine_choices(examination, first)
    _examine_notations(examination, first)
    _keep_last_lines(examination)
    _examine_formats(examination, first)
    _examine_rejects(examination, first)


def examine_parents(examination: Examination, parents: ParentIds) -> None:
    """Report ids of parents that the parents' collection lacks, if it was read to its end."""
    entity = examination.proposal.as_sent(examination.entity)
    observed = _folded(observe(examination.records))
    for reference in entity.references:
        known = parents.get(reference.source.name)
        found = _named(observed, reference.source)
        if known is None or found is None:
            continue
        unresolved = sum(text not in known for text in found.texts)
        seen = f"{unresolved} of {len(found.texts)} {reference.source.names[0]} name no {reference.parent.singular}"
        if unresolved:
            meaning = "Such a record is rejected and tried again by each sync, until its parent comes."
            examination.add("parents", Severity.LOSES, seen, meaning)
        else:
            examination.add("parents", Severity.AS_CONTRACT, seen)


def property_lines(entity: Entity, before: CollectionContract, after: CollectionContract) -> Iterator[str]:
    """Yield a line for each property whose names or values differ."""
    for path in _paths(entity.properties):
        found = after.properties.get(path)
        if found and found != before.properties.get(path):
            yield property_line(path, found)


def property_line(path: str, found: PropertyContract) -> str:
    """Return the line of a property, below `collections.NAME`."""
    key = path if "." not in path else json.dumps(path)
    names = json.dumps(found.names[0] if len(found.names) == 1 else list(found.names))
    others = [f"names = {names}"]
    if found.notation:
        others.append(f"notation = {json.dumps(found.notation.name)}")
        if found.notation.name in NOTATIONS_OF_INSTANTS:
            others.append(f"time_zone = {json.dumps(found.notation.time_zone)}")
    if not found.values and not found.notation:
        return f"properties.{key} = {names}"
    values = ", ".join(
        f"{json.dumps(sent, ensure_ascii=False)} = {json.dumps(ours)}" for sent, ours in found.values.items()
    )
    others += [f"values = {{ {values} }}"] if found.values else []
    return f"properties.{key} = {{ {', '.join(others)} }}"


def _paths(properties: tuple[Property, ...], prefix: str = "") -> Iterator[str]:
    for each in properties:
        yield prefix + each.name
        yield from _paths(each.properties, f"{prefix}{each.name}.")


def _examine_names(examination: Examination, first: CollectionView, parents: ParentIds) -> None:
    observed = observe(first.records)
    entity = examination.proposal.as_sent(examination.entity)
    _compare_names(examination, entity.properties, observed, parents, "")
    spelled = sum(name != name.lower() and name[0].isupper() for name in observed)
    case = "PascalCase" if spelled > len(observed) / 2 else "camelCase"
    examination.add("case of names", Severity.AS_CONTRACT, case, "Names are matched in any case.")


def _compare_names(
    examination: Examination,
    declared: tuple[Property, ...],
    observed: Mapping[str, Observed],
    parents: ParentIds,
    prefix: str,
) -> None:
    likely = likely_names(declared, observed, parents)
    folded = _folded(observed)
    for source in declared:
        path = prefix + source.name
        found = _named(folded, source)
        if found is None and source.name in likely:
            found = observed[likely[source.name]]
            _propose_name(examination, source, path, found)
        elif found is None:
            _report_missing(examination, source, path)
        if found is not None and source.properties and "object" in found.types:
            _compare_names(examination, source.properties, observe(found.values), {}, f"{path}.")
    known = {name.lower() for source in declared for name in source.names} | {name.lower() for name in likely.values()}
    unknown = sorted(prefix + safe_name(name) for name in observed if name.lower() not in known)
    if unknown:
        meaning = "No column is made from them; the landings keep them, and the check `drift` reports them."
        examination.add("unknown names", Severity.HANDLED, ", ".join(unknown), meaning)


def _propose_name(examination: Examination, source: Property, path: str, found: Observed) -> None:
    old = examination.proposal.properties.get(path)
    changed = PropertyContract((found.name,), old.values if old else {}, old.notation if old else None)
    examination.propose(properties={**examination.proposal.properties, path: changed})
    meaning = (
        "It is required, so every record is rejected." if source.is_required else "Its column stays empty."
    ) + " The likely name was chosen by its spelling and values: check it."
    seen = f"{path} is not sent; {safe_name(found.name)} is likely meant"
    examination.add("names", Severity.LOSES, seen, meaning, property_line(path, changed))


def _report_missing(examination: Examination, source: Property, path: str) -> None:
    names = " or ".join(source.names)
    severity = Severity.LOSES if source.is_required else Severity.HANDLED
    meaning = "It is required, so every record is rejected." if source.is_required else "Its column stays empty."
    examination.add(
        "names", severity, f"{path} ({names}) is not sent" if names != path else f"{path} is not sent", meaning
    )


def _examine_choices(examination: Examination, first: CollectionView) -> None:
    for source, found in _declared(examination, first):
        values = unlisted_values(source, found.texts) if source.kind is Kind.CHOICE else []
        if values:
            _propose_values(examination, source, values)


def _propose_values(examination: Examination, source: Property, values: list[str]) -> None:
    old = examination.proposal.properties.get(source.name)
    meanings = {value: meaning for value in values if (meaning := meaning_of(source, value))}
    known = old or PropertyContract((source.name,))
    changed = replace(known, values={**known.values, **meanings})
    seen = f"{source.name} has unlisted values: {', '.join(values)}"
    meaning = "The column has `unknown` in their place."
    if not meanings:
        examination.add("choices", Severity.LOSES, seen, f"{meaning} Map them to choices: {', '.join(source.choices)}.")
        return
    examination.propose(properties={**examination.proposal.properties, source.name: changed})
    examination.add(
        "choices", Severity.LOSES, seen, f"{meaning} Check the mapping.", property_line(source.name, changed)
    )


def _keep_last_lines(examination: Examination) -> None:
    """Leave each property one line, the last one, which has all of its keys: TOML permits a key once."""
    taken: set[str] = set()
    for index, each in reversed(list(enumerate(examination.findings))):
        key = each.line.partition(" = ")[0]
        if ".properties." in key and key in taken:
            examination.findings[index] = replace(each, line="")
        taken.add(key)


def _examine_notations(examination: Examination, first: CollectionView) -> None:
    """Propose the notation of a date or a decimal that the one in force does not explain, if only one does."""
    for source, found in _declared(examination, first):
        if source.kind not in {Kind.DATE, Kind.DECIMAL} or source.notation:
            continue
        if not is_built_in(source, found.values):
            _propose_notation(examination, source, notations_of(source, found.values))


def _propose_notation(examination: Examination, source: Property, notations: Sequence[Notation]) -> None:
    meaning = "With the contract in force a value is rejected, or an instant is taken for the day as written."
    if len(notations) != 1:
        names = " or ".join(dict.fromkeys(each.name for each in notations)) or "none that is known"
        seen = f"{source.name} is in another notation: {names}"
        examination.add("notation", Severity.LOSES, seen, f"{meaning} Ask INN8 which, and set it.")
        return
    known = examination.proposal.properties.get(source.name) or PropertyContract((source.name,))
    changed = replace(known, notation=notations[0])
    examination.propose(properties={**examination.proposal.properties, source.name: changed})
    seen = f"{source.name} is in the notation {notations[0].name}"
    examination.add("notation", Severity.LOSES, seen, meaning, property_line(source.name, changed))


def _examine_formats(examination: Examination, first: CollectionView) -> None:
    notes = []
    for source, found in _declared(examination, first):
        if not found.values:
            continue
        if source.kind is Kind.DECIMAL:
            notes.append(f"{source.name}: {decimals_of(found.values)}")
        elif source.kind is Kind.DATE:
            notes.append(f"{source.name}: {_common_shape(found)}")
    if notes:
        examination.add("formats", Severity.AS_CONTRACT, "; ".join(notes))


def _common_shape(found: Observed) -> str:
    shapes = Counter(shape(text) for text in found.texts) or Counter(map(json_type, found.values))
    return ", ".join(each for each, _ in shapes.most_common(3))


def _examine_rejects(examination: Examination, first: CollectionView) -> None:
    """Transform the page with both contracts: what is rejected is what a sync would reject."""
    in_force = _rejects(examination, examination.in_force, first)
    proposed = _rejects(examination, examination.proposal, first)
    count = len(first.records)
    if not in_force:
        examination.add("validation", Severity.AS_CONTRACT, f"all of {count:,} records are valid")
        return
    reasons = "; ".join(f"{number:,} because {reason}" for reason, number in in_force.most_common(5))
    left = "With the proposed lines none is." if not proposed else f"With the proposed lines {proposed.total():,} are."
    seen = f"{in_force.total():,} of {count:,} records are rejected: {reasons}"
    examination.add("validation", Severity.LOSES, seen, f"{left} A rejected record does not become a row.")


def _rejects(examination: Examination, contract: CollectionContract, first: CollectionView) -> "Counter[str]":
    pointer = first.body.pointer if first.body and first.body.pointer is not None else ""
    body = escape_invalid_utf8(Envelope(first.response.body).records(pointer))
    try:
        batch = Transformer(contract.as_sent(examination.entity)).page(body, 0)
    except ContractError as error:
        return Counter({error.finding: len(first.records)})
    return Counter(each.reason for each in batch.rejects)


def _declared(examination: Examination, first: CollectionView) -> Iterator[tuple[Property, Observed]]:
    """Yield each property of the entity that came, as the proposal names it now, with its values."""
    folded = _folded(observe(first.records))
    for source in examination.proposal.as_sent(examination.entity).properties:
        found = _named(folded, source)
        if found is not None:
            yield source, found


def _named(folded: Mapping[str, Observed], source: Property) -> Observed | None:
    """Return what came under one of the property's names, in any case."""
    return next((folded[name.lower()] for name in source.names if name.lower() in folded), None)


def _folded(observed: Mapping[str, Observed]) -> dict[str, Observed]:
    return {name.lower(): each for name, each in observed.items()}
