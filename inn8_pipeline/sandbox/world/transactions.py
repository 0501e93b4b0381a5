"""Generate securities and transactions. Each day of trade depends only on the seed and the date.

Amounts are exact: quantity times price, rounded half up to cents, in integer arithmetic. Records are rendered as they
are generated, because half a million of them are needed within seconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from inn8_pipeline.sandbox.world import words
from inn8_pipeline.sandbox.world.clients import portfolio_id
from inn8_pipeline.sandbox.world.json_text import quoted

SECURITIES = 160
SETTLEMENT_DAYS = 3
SATURDAY = 5
# Trades on a day of the weekend, as a share of those on a working day: a few corrections, and interest.
WEEKEND_SHARE = 0.02

_TRADES = ("buy", "buy", "buy", "Buy", "sell", "sell", "Sell", "switch_in", "switch-in", "switch_out", "Switch Out")
_CASH = ("deposit", "Deposit", "withdrawal", "dividend", "Dividend", "interest", "fee", "Fee", "tax", "transfer_in")
_OUTGOING = frozenset({"withdrawal", "fee", "tax"})


@dataclass(frozen=True, slots=True)
class Security:
    """A security. `price` is in units of 10 ** -`places` of its currency; `rendered` is its JSON object."""

    symbol: str
    isin: str
    currency: str
    price: int
    places: int
    is_fund: bool
    rendered: str


def isin(country: str, number: str) -> str:
    """Return the ISIN of a nine-character national number, with its check digit (ISO 6166, Luhn over base 36)."""
    digits = "".join(str(int(character, 36)) for character in country + number)
    total = 0
    for index, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (2 - index % 2)
        total += sum(divmod(doubled, 10))
    return f"{country}{number}{-total % 10}"


def generate_securities(seed: int) -> list[Security]:
    """Return the securities: shares and ETFs in rand, some in dollars, and funds with prices of four decimal places."""
    return [_security(seed, number) for number in range(SECURITIES)]


def _security(seed: int, number: int) -> Security:
    draw = Random(f"{seed}:security:{number}")
    is_fund, is_foreign = number % 4 == 3, number % 5 == 4
    first = words.COMPANY_FIRST[number % len(words.COMPANY_FIRST)]
    if is_fund:
        name, kind = f"{first} {words.FUND_KINDS[int(draw.random() * 6)]} Class {'AB'[number % 2]}", "unit_trust"
    else:
        name, kind = (
            f"{first} {words.COMPANY_SECOND[number // 16 % 14]} Limited",
            "etf" if number % 7 == 0 else "equity",
        )
    symbol = f"{first[:2].upper()}{number:03d}"
    currency = "USD" if is_foreign else "ZAR"
    code = (
        isin("US", f"{300_000_000 + number * 37:09d}") if is_foreign else isin("ZA", f"E{20_000_000 + number * 37:08d}")
    )
    places = 4 if is_fund else 2
    price = int((5 + draw.random() ** 3 * 2000) * 10**places)
    rendered = (
        f'{{"id":"SEC-{number + 1:04d}","symbol":"{symbol}","name":{quoted(name)},"isin":"{code}",'
        f'"type":"{kind}","currency":"{currency}"}}'
    )
    return Security(symbol, code, currency, price, places, is_fund, rendered)


def transactions_of_day(seed: int, day: date, per_day: float, weekend_share: float) -> int:
    """Return the number of transactions of `day`. The mean over whole weeks is `per_day`."""
    share = weekend_share if day.weekday() >= SATURDAY else 1.0
    draw = Random(f"{seed}:count:{day.isoformat()}")
    return int(per_day * 7 / (5 + 2 * weekend_share) * share * (0.85 + 0.3 * draw.random()) + draw.random())


def render_day(seed: int, day: date, count: int, portfolios: int, securities: Sequence[Security]) -> list[bytes]:
    """Return `count` transactions of `day` as JSON, spread over `portfolios` portfolios (at least 1)."""
    draw = Random(f"{seed}:day:{day.isoformat()}").random
    dates = dates_of(day)
    # A price varies by up to 5 % around its base.
    prices = [int(security.price * (0.95 + 0.1 * draw())) for security in securities]
    first_part = f'{{"id":"TX-{day:%Y%m%d}-'
    owners = [portfolio_id(number) for number in range(portfolios)]
    rendered = []
    for number in range(count):
        head = f'{first_part}{number + 1:06d}","portfolioId":"{owners[int(draw() * portfolios)]}"'
        if draw() < 0.85:
            index = int(draw() * len(securities))
            body = _trade(securities[index], prices[index], dates, (draw(), draw(), draw()))
        else:
            body = cash_movement(dates, draw(), draw(), draw())
        rendered.append(f"{head},{body}".encode())
    return rendered


def _trade(security: Security, price: int, dates: str, draws: tuple[float, float, float]) -> str:
    of_kind, of_size, of_fee = draws
    kind = _TRADES[int(of_kind * len(_TRADES))]
    return trade_body(security, price, dates, kind, Trade.drawn(security, of_size, of_fee))


@dataclass(frozen=True, slots=True)
class Trade:
    """The size of a trade: `quantity` is in units of 10 ** -`places`; the fees are so many hundredths of a percent."""

    quantity: int
    places: int
    fee: int

    @classmethod
    def drawn(cls, security: Security, of_size: float, of_fee: float) -> "Trade":
        """Return a trade at random. Funds trade in up to six decimal places, shares mostly in whole numbers."""
        places = 4 + int(of_fee * 3) if security.is_fund else (4 if of_fee > 0.9 else 0)
        return cls(int((1 + of_size * of_size * 5000) * 10**places), places, int(of_fee * 60))

    @classmethod
    def worth(cls, cents: int, security: Security, price: int) -> "Trade":
        """Return the trade without fees whose amount is closest to so many cents."""
        return cls(max(1, (cents * 10 ** (2 + security.places) + price // 2) // price), 4, 0)

    def amount(self, security: Security, price: int) -> int:
        """Return quantity times price in cents, rounded half up."""
        return _half_up(self.quantity * price, self.places + security.places - 2)


def trade_body(security: Security, price: int, dates: str, kind: str, trade: Trade) -> str:
    """Return a trade as JSON, without its id and portfolio."""
    amount = trade.amount(security, price)
    fees = amount * trade.fee // 10_000
    shown = _decimal(trade.quantity, trade.places)
    return (
        f'"type":"{kind}","security":{security.rendered},{dates},"quantity":{shown},'
        f'"price":{_decimal(price, security.places)},"amount":{_decimal(amount, 2)},"fees":{_decimal(fees, 2)},'
        f'"currency":"{security.currency}","description":"{kind} {shown} {security.symbol}"}}'
    )


def cash_movement(dates: str, of_kind: float, of_size: float, of_note: float) -> str:
    """Return a movement of cash, without its id and portfolio."""
    kind = _CASH[int(of_kind * len(_CASH))]
    cents = int(of_size**4 * 50_000_000) + 1
    amount = _decimal(cents, 2) if kind.lower() not in _OUTGOING else f"-{_decimal(cents, 2)}"
    note = f'"{kind} {int(of_note * 900_000) + 100_000}"' if of_note > 0.1 else "null"
    return (
        f'"type":"{kind}","security":null,{dates},"quantity":null,"price":null,"amount":{amount},'
        f'"fees":0.00,"currency":"ZAR","description":{note}}}'
    )


def _half_up(number: int, places: int) -> int:
    """Return `number` without its last `places` (0 or more) digits, rounded half up."""
    unit: int = 10**places
    return (2 * number + unit) // (2 * unit)


def _decimal(number: int, places: int) -> str:
    """Return the non-negative `number` times 10 ** -`places` as text, with all its decimal places."""
    if not places:
        return str(number)
    whole, part = divmod(number, 10**places)
    return f"{whole}.{part:0{places}d}"


def dates_of(day: date) -> str:
    """Return the dates of the transactions of a day, as JSON."""
    return f'"tradeDate":"{day.isoformat()}","settlementDate":"{_settlement(day).isoformat()}"'


def _settlement(day: date) -> date:
    left = SETTLEMENT_DAYS
    while left:
        day += timedelta(days=1)
        left -= day.weekday() < SATURDAY
    return day
