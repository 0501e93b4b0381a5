"""Generate clients and portfolios. Each depends only on the seed and its number.

Records are dictionaries as INN8 sends them, with the irregularities of real data: phone numbers in many forms,
incomplete addresses, statuses in mixed case, absent properties.
"""

from random import Random
from typing import Any, TypeVar

from inn8_pipeline.sandbox.world import words

Record = dict[str, Any]
T = TypeVar("T")


def client_id(number: int) -> str:
    """Return the id of client `number`, counted from 0."""
    return f"CL-{number + 1:06d}"


def portfolio_id(number: int) -> str:
    """Return the id of portfolio `number`, counted from 0."""
    return f"PF-{number + 1:06d}"


def client(seed: int, number: int) -> Record:
    """Return client `number`, which is valid."""
    draw = Random(f"{seed}:client:{number}")
    given, surname = _one(draw, words.GIVEN_NAMES), _one(draw, words.SURNAMES)
    record: Record = {
        "id": client_id(number),
        "fullName": f"{given} {surname}",
        "emailAddress": _mail(draw, given, surname, number),
        "phoneNumber": _phone(draw),
        "address": _address(draw),
        "status": _one(draw, words.CLIENT_STATUSES),
    }
    return _without_some_nulls(draw, record)


def portfolio(seed: int, number: int, clients: int) -> Record:
    """Return portfolio `number`, which is valid. Every client has a portfolio before any client has a second one."""
    draw = Random(f"{seed}:portfolio:{number}")
    owner = number if number < clients else int(draw.random() * clients)
    account_type = _one(draw, words.ACCOUNT_TYPES)
    record: Record = {
        "id": portfolio_id(number),
        "clientId": client_id(owner),
        "name": f"{_one(draw, words.PURPOSES)} Portfolio {number + 1}",
        "accountNumber": f"{_one(draw, ('INN', 'LIN', 'OFF'))}{10_000_000 + number * 7}"
        if draw.random() < 0.97
        else None,
        "type": account_type,
        "status": _one(draw, words.PORTFOLIO_STATUSES),
    }
    return _without_some_nulls(draw, record)


def _one(draw: Random, choices: tuple[T, ...]) -> T:
    return choices[int(draw.random() * len(choices))]


def _mail(draw: Random, given: str, surname: str, number: int) -> str | None:
    if draw.random() < 0.04:
        return None
    plain = f"{given}.{surname}".encode("ascii", "ignore").decode().replace(" ", "").replace("'", "").lower()
    return f"{plain}{number + 1}@{_one(draw, words.MAIL_DOMAINS)}"


def _phone(draw: Random) -> str | None:
    # The prefix 055 5 is not in use, so these are nobody's numbers.
    last = f"{int(draw.random() * 10_000):04d}"
    forms = (
        f"055555{last}", f"055 555 {last}", f"(055) 555-{last}", f"055-555-{last}", f"+27 55 555 {last}",
        f"+2755555{last}", f"0027 55 555 {last}", f"555 {last}", f"055 555 {last} (work)", "", "  ", "n/a", None,
    )  # fmt: skip
    choice = int(draw.random() * 24)
    return forms[choice] if choice < len(forms) else forms[choice % 5]


def _address(draw: Random) -> Record | None:
    if draw.random() < 0.05:
        return None
    city, province, code = _one(draw, words.CITIES)
    address: Record = {
        "street": f"{1 + int(draw.random() * 180)} {_one(draw, words.STREETS)}",
        "city": city,
        "state": province,
        "zipCode": f"{code}{int(draw.random() * 100):02d}",
    }
    if draw.random() < 0.15:
        part = _one(draw, ("street", "city", "state", "zipCode"))
        address[part] = _one(draw, (None, "", " "))
    return _without_some_nulls(draw, address)


def _without_some_nulls(draw: Random, record: Record) -> Record:
    """Leave out about half of the nulls: an absent property and null mean the same."""
    return {name: value for name, value in record.items() if value is not None or draw.random() < 0.5}
