"""Generate transactions that add up, and implausible ones, for the option `--implausible` of the sandbox.

The usual transactions of the sandbox are independent of each other: a portfolio sells what it never bought. Here units
are sold, switched and transferred only on the day on which they were bought, so that a day still depends on nothing but
the seed and the date; closed portfolios have no transactions.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import TypeVar

from inn8_pipeline.sandbox.world import transactions
from inn8_pipeline.sandbox.world.clients import Record, portfolio
from inn8_pipeline.sandbox.world.transactions import Security, Trade

T = TypeVar("T")
LEAST_SWITCHED_CENTS = 10_000
"""The smallest amount that is switched: units have four decimal places, so a smaller one could not be met exactly."""


@dataclass(frozen=True, slots=True)
class _Lot:
    """Units that a portfolio has bought: `owner` is its number, `security` the index of the security."""

    owner: str
    security: int
    trade: Trade


def is_open(seed: int, number: int, clients: int) -> bool:
    """Return whether portfolio `number` may have transactions."""
    return str(portfolio(seed, number, clients).get("status")).lower() != "closed"


def render_day(seed: int, day: date, count: int, owners: Sequence[str], securities: Sequence[Security]) -> list[bytes]:
    """Return `count` transactions of `day` as JSON, which add up, spread over these portfolios."""
    draw = Random(f"{seed}:plausible:{day.isoformat()}").random
    dates = transactions.dates_of(day)
    prices = [int(security.price * (0.95 + 0.1 * draw())) for security in securities]
    bodies: list[tuple[str, str]] = []
    lots: list[_Lot] = []
    while len(bodies) < count:
        kind, is_last = draw(), len(bodies) == count - 1
        if kind < 0.15:
            bodies.append((_one(owners, draw()), transactions.cash_movement(dates, draw(), draw(), draw())))
        elif kind < 0.6 or not lots:
            index = int(draw() * len(securities))
            lots.append(_Lot(_one(owners, draw()), index, Trade.drawn(securities[index], draw(), draw())))
            bodies.append(_booked(lots[-1], "buy", securities, prices, dates))
        else:
            lot = lots.pop(int(draw() * len(lots)))
            bodies += _disposed(lot, 1.0 if is_last else draw(), draw(), owners, securities, prices, dates)
    return [
        f'{{"id":"TX-{day:%Y%m%d}-{number:06d}","portfolioId":"{owner}",{body}'.encode()
        for number, (owner, body) in enumerate(bodies, 1)
    ]


def _disposed(  # noqa: PLR0913, PLR0917 (one caller)
    lot: _Lot, of_kind: float, of_other: float, owners: Sequence[str], securities: Sequence[Security],
    prices: Sequence[int], dates: str,
) -> Iterator[tuple[str, str]]:  # fmt: skip
    """Yield a sale of the lot, or a switch or a transfer with its counterpart."""
    cents = lot.trade.amount(securities[lot.security], prices[lot.security])
    if of_kind < 0.3 and cents >= LEAST_SWITCHED_CENTS:
        same = [index for index, each in enumerate(securities) if each.currency == securities[lot.security].currency]
        into = _one(same, of_other)
        received = _Lot(lot.owner, into, Trade.worth(cents, securities[into], prices[into]))
        yield _booked(lot, "switch_out", securities, prices, dates)
        yield _booked(received, "switch_in", securities, prices, dates)
    elif of_kind < 0.4 and len(owners) > 1:
        others = [each for each in owners[:50] if each != lot.owner]
        yield _booked(lot, "transfer_out", securities, prices, dates)
        yield _booked(_Lot(_one(others, of_other), lot.security, lot.trade), "transfer_in", securities, prices, dates)
    else:
        yield _booked(lot, "sell", securities, prices, dates)


def _booked(lot: _Lot, kind: str, securities: Sequence[Security], prices: Sequence[int], dates: str) -> tuple[str, str]:
    return lot.owner, transactions.trade_body(securities[lot.security], prices[lot.security], dates, kind, lot.trade)


def _one(choices: Sequence[T], drawn: float) -> T:
    return choices[int(drawn * len(choices))]


def implausible(number: int, day: date, portfolio_ids: Sequence[str], closed: str | None) -> Iterator[Record]:
    """Yield transactions of `day`: case `number` of each kind that the check `plausibility` finds."""
    owner, other = (portfolio_ids[(2 * number + each) % len(portfolio_ids)] for each in (0, 1))

    def booked(name: str, kind: str, amount: str, units: str | None = None, **changed: object) -> Record:
        security = {
            "id": f"SEC-I{name[0]}{number}",
            "symbol": f"I{number}",
            "name": "Implausible Fund",
            "currency": "ZAR",
        }
        return {
            "id": f"TX-I{number + 1:04d}-{name}", "portfolioId": owner, "type": kind,
            "security": security if units else None, "tradeDate": day.isoformat(),
            "settlementDate": (day + timedelta(days=3)).isoformat(), "quantity": Decimal(units) if units else None,
            "price": Decimal("10.00") if units else None, "amount": Decimal(amount), "fees": Decimal("0.00"),
            "currency": "ZAR", "description": name, **changed,
        }  # fmt: skip

    yield booked("sign", "deposit", f"-{1000 + number}.11")
    yield booked("negative", "sell", "100.00", "10")
    yield booked("switched", "buy", "500.00", "50")
    yield booked("switched-out", "switch_out", "500.00", "50")
    yield booked("transferred", "buy", "300.00", "30", portfolioId=other)
    yield booked("transferred-out", "transfer_out", "300.00", "30", portfolioId=other)
    yield booked("early", "deposit", f"{2000 + number}.22", settlementDate=(day - timedelta(days=1)).isoformat())
    for each in ("duplicate", "duplicate-again"):
        yield booked(each, "deposit", f"{3000 + number}.33", description="duplicate")
    yield booked("cancelled", "deposit", f"{4000 + number}.44")
    yield booked("cancelled-reversal", "deposit", f"-{4000 + number}.44")
    yield booked("cancelled-rebooked", "deposit", f"{5000 + number}.55")
    if closed is not None:
        yield booked("closed", "buy", "200.00", "20", portfolioId=closed)
