"""Generate invalid records for the demo: each breaks one rule of the contract, as real servers do."""

from datetime import date
from decimal import Decimal

from inn8_pipeline.sandbox.world.clients import Record, client_id, portfolio_id


def client(number: int) -> Record:
    """Return invalid client `number`. There are three kinds, in turn."""
    record: Record = {
        "id": f"CL-X{number + 1:05d}", "fullName": f"Invalid Example {number + 1}",
        "emailAddress": f"invalid{number + 1}@example.com", "phoneNumber": "0555550100", "address": None,
        "status": "active",
    }  # fmt: skip
    wrong: tuple[Record, ...] = (
        {"fullName": None},
        {"address": "12 Protea Street, Cape Town"},
        {"id": 900_000 + number},
    )
    return record | wrong[number % len(wrong)]


def portfolio(number: int) -> Record:
    """Return invalid portfolio `number`. There are three kinds, in turn."""
    record: Record = {
        "id": f"PF-X{number + 1:05d}", "clientId": client_id(0), "name": f"Invalid Portfolio {number + 1}",
        "accountNumber": f"INNX{number + 1:07d}", "type": "individual", "status": "active",
    }  # fmt: skip
    wrong: tuple[Record, ...] = ({"clientId": "CL-UNKNOWN"}, {"name": None}, {"status": ["active"]})
    return record | wrong[number % len(wrong)]


def transaction(number: int, day: date) -> Record:
    """Return invalid transaction `number` of `day`. There are five kinds, in turn."""
    record: Record = {
        "id": f"TX-X{number + 1:05d}", "portfolioId": portfolio_id(0), "type": "deposit", "security": None,
        "tradeDate": day.isoformat(), "settlementDate": day.isoformat(), "quantity": None, "price": None,
        "amount": Decimal("100.00"), "fees": Decimal("0.00"), "currency": "ZAR", "description": "Invalid example",
    }  # fmt: skip
    wrong: tuple[Record, ...] = (
        {"amount": Decimal("100.123456789012")},
        {"portfolioId": "PF-UNKNOWN"},
        {"tradeDate": f"{day:%Y-%m}-32"},
        {"security": {"symbol": "NOID", "name": "Security without an id"}},
        {"amount": "about a hundred"},
    )
    return record | wrong[number % len(wrong)]
