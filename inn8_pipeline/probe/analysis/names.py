"""Find the declared property that an unknown name most likely means, by its name and by what its values look like."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher

from inn8_pipeline.entities import Kind, Property
from inn8_pipeline.probe.analysis.properties import Observed, observe
from inn8_pipeline.transform.values import Number, Pairs, choices_by_key, fold

USUAL_NAMES: Mapping[str, frozenset[str]] = {
    name.lower(): frozenset(others.split())
    for name, others in {
        "fullName": "name displayname clientname customername",
        "emailAddress": "email mail emailaddr contactemail",
        "phoneNumber": "mobile phone cell telephone tel msisdn mobilenumber cellphone cellnumber contactnumber",
        "address": "postaladdress physicaladdress residentialaddress homeaddress location",
        "street": "street1 addressline addressline1 line1 streetaddress",
        "city": "town suburb locality",
        "state": "province region county",
        "zipCode": "postcode postalcode zip",
        "clientId": "owner ownerid client clientref clientnumber investorid investor customerid",
        "portfolioId": "account accountid portfolio portfolioref portfolionumber",
        "accountNumber": "accountno account accountnum contractnumber policynumber",
        "name": "portfolioname title label",
        "type": "kind transactiontype accounttype category",
        "status": "state lifecycle",
        "security": "instrument asset fund",
        "symbol": "ticker code",
        "isin": "isincode",
        "tradeDate": "date transactiondate dealdate dateoftrade tradedon",
        "settlementDate": "settledate valuedate settledon settlement",
        "quantity": "units qty shares",
        "price": "unitprice nav",
        "amount": "value grossamount netamount",
        "fees": "fee charges costs commission",
        "currency": "ccy currencycode",
        "description": "narrative memo note notes comment text",
    }.items()
}
"""Names that other systems give to a declared property, in lower case without separators."""

THRESHOLD = 0.75
"""The least score of a likely name: 1 is a usual name, less is its similarity."""


def likely_names(
    declared: Sequence[Property], observed: Mapping[str, Observed], parent_ids: Mapping[str, frozenset[str]]
) -> dict[str, str]:
    """Return the name that INN8 most likely uses for each declared property that it does not send.

    Args:
        declared: The properties, with the names of the contract.
        observed: The properties as sent.
        parent_ids: The ids of a reference's parents, by the declared name of the property.

    """
    sent = {name.lower() for name in observed}
    known = {name.lower() for each in declared for name in each.names}
    missing = [each for each in declared if not sent & {name.lower() for name in each.names}]
    unknown = [each for name, each in observed.items() if name.lower() not in known]
    scored = sorted(_scored(missing, unknown, parent_ids), reverse=True)
    found: dict[str, str] = {}
    for score, declared_name, name in scored:
        is_tied = sum(each[0] == score and each[1] == declared_name for each in scored) > 1
        if score >= THRESHOLD and declared_name not in found and name not in found.values() and not is_tied:
            found[declared_name] = name
    return found


def fits(source: Property, each: Observed) -> bool:
    """Return whether nine of ten values could be values of the property."""
    return not each.values or sum(_fits(source.kind, value) for value in each.values) >= 0.9 * len(each.values)


def _scored(
    missing: Iterable[Property], unknown: Sequence[Observed], parent_ids: Mapping[str, frozenset[str]]
) -> Iterator[tuple[float, str, str]]:
    for source in missing:
        for each in unknown:
            if fits(source, each):
                score = max(_by_name(source.name, each.name), _by_values(source, each, parent_ids.get(source.name)))
                yield score, source.name, each.name


def _by_name(declared: str, name: str) -> float:
    ours, theirs = _plain(declared), _plain(name)
    if ours == theirs:
        return 1.1
    if theirs in USUAL_NAMES.get(declared.lower(), frozenset()):
        return 1.0
    return SequenceMatcher(None, ours, theirs).ratio()


def _by_values(source: Property, each: Observed, parent_ids: frozenset[str] | None) -> float:
    match source.kind:
        case Kind.ID if parent_ids and each.texts and parent_ids.issuperset(each.texts):
            return 1.05
        case Kind.CHOICE if each.texts:
            known = choices_by_key(source)
            return sum(fold(text, source.folding) in known for text in each.texts) / len(each.texts)
        case Kind.OBJECT:
            inner = {_plain(name) for name in observe(each.values)}
            return len(inner & {_plain(one.name) for one in source.properties}) / len(source.properties)
        case _:
            return 0.0


def _fits(kind: Kind, value: object) -> bool:
    is_text = isinstance(value, str) and not isinstance(value, Number)
    match kind:
        case Kind.OBJECT:
            return isinstance(value, Pairs)
        case Kind.DECIMAL:
            return isinstance(value, str) and re.fullmatch(r"[-+0-9.,eE\s']*[0-9][-+0-9.,eE\s']*", value) is not None
        case Kind.DATE:
            return isinstance(value, str) and re.search(r"[0-9]{4}|[0-9]{1,2}[./-][0-9]", value) is not None
        case _:
            return is_text


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
