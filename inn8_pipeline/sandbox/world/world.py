"""What an imitated INN8 knows: seeded clients, portfolios and transactions, and whatever was changed since.

The world is the truth that tests hold the tables against: `records` returns what the API serves. It knows nothing of
HTTP, tokens or pages.
"""

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from random import Random
from types import TracebackType
from typing import Any, Final, Literal, Self, get_args

from inn8_pipeline.sandbox.errors import UnknownRecordError, WrongWorldError
from inn8_pipeline.sandbox.world import faulty, market, people
from inn8_pipeline.sandbox.world.shelf import ALWAYS, Shelf
from inn8_pipeline.sandbox.world.spool import Spool
from inn8_pipeline.sandbox.world.text import has_id, parse, render_record

Collection = Literal["clients", "portfolios", "transactions"]
COLLECTIONS: Final[tuple[Collection, ...]] = get_args(Collection)
ABSENT: Final = object()
"""In `corrupt`: the property is left out."""


class World:
    """Seeded records, drawn as they are asked for; about `transactions` of them over `days` days up to `last_date`.

    Everything follows from the arguments: a client from seed and number, a day of trade from seed, date, number of
    portfolios and the mean per day. Without `last_date` the world ends today (UTC), and tomorrow it has a day more.
    `first_date` fixes its beginning over restarts. `faulty` adds so many faulty records to each collection.
    All methods may be called from any thread.
    """

    def __init__(  # noqa: PLR0913 (a world has these dimensions)
        self, *, clients: int = 1000, portfolios: int = 2000, transactions: int = 50_000, days: int = 90, seed: int = 7,
        last_date: date | None = None, first_date: date | None = None, faulty: int = 0,
    ) -> None:  # fmt: skip
        """Draw nothing yet."""
        if min(clients, portfolios, transactions) < 0 or days < 1 or (portfolios and not clients):
            raise WrongWorldError
        self.seed, self._clients, self._portfolios = seed, clients, portfolios
        self._last_date = last_date
        self.first_date = first_date or (last_date or _today()) - timedelta(days=days - 1)
        self._per_day = transactions / days if portfolios else 0.0
        self._market = market.securities(seed)
        self._spool = Spool()
        self._lock = threading.RLock()
        self._shelves: dict[Collection, Shelf] = {
            "clients": Shelf(self._spool, lambda _: clients, self._draw_clients),
            "portfolios": Shelf(self._spool, lambda _: portfolios, self._draw_portfolios),
            "transactions": Shelf(self._spool, self._count_of_day, self._draw_day),
        }
        self.version = 0
        """Rises with every change."""
        if faulty:
            self._add_faulty(faulty, self.first_date + timedelta(days=days - 1))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the temporary file back."""
        self._spool.close()

    @property
    def last_date(self) -> date:
        """The last seeded day of trade: as given, or today in UTC."""
        return self._last_date or _today()

    # What is served

    def days(self, collection: Collection, from_date: date | None = None, to_date: date | None = None) -> list[date]:
        """Return the blocks of a window, both ends included; clients and portfolios have one, whatever the window."""
        if collection != "transactions":
            return [ALWAYS]
        with self._lock:
            seeded = range((self.last_date - self.first_date).days + 1)
            every = {self.first_date + timedelta(days=place) for place in seeded}
            every |= self._shelves[collection].extra_days
        return sorted(day for day in every if (from_date or day) <= day <= (to_date or day))

    def count(self, collection: Collection, from_date: date | None = None, to_date: date | None = None) -> int:
        """Return how many records the window has, without drawing them."""
        with self._lock:
            return sum(map(self._shelves[collection].count, self.days(collection, from_date, to_date)))

    def body(self, collection: Collection, days: Sequence[date], start: int, stop: int) -> bytes:
        """Return records `start` to before `stop` of these days as a JSON array."""
        with self._lock:
            return b"[" + self._shelves[collection].run(days, start, stop) + b"]"

    def records(self, collection: Collection, from_date: date | None = None, to_date: date | None = None) -> list[Any]:
        """Return the records as a reader would parse them, in the order of the API; all numbers are Decimals."""
        with self._lock:
            days = self.days(collection, from_date, to_date)
            parsed: list[Any] = parse(self.body(collection, days, 0, self.count(collection, from_date, to_date)))
        return parsed

    def warm(self) -> None:
        """Draw everything now, so that no request has to wait for it."""
        for collection in COLLECTIONS:
            for day in self.days(collection):
                with self._lock:
                    self._shelves[collection].block(day)

    # What can be changed

    def put(self, collection: Collection, record: dict[str, Any], *, day: date | None = None) -> None:
        """Put a record in the place of the one with its id, or at the end.

        A transaction lies on its trade date, or on `day` where that cannot be read, or on the last one.
        """
        target = day or _day_of(collection, record) or self.last_date
        with self._lock:
            found = self._find(collection, record.get("id"))
            if found is not None and found[0] in (ALWAYS, target):
                self._edit(collection, found[0], lambda now: now.__setitem__(found[1], render_record(record)))
                return
            if found is not None:
                self._edit(collection, found[0], lambda now: now.pop(found[1]))
            self._append(collection, render_record(record), target)

    def put_raw(self, collection: Collection, text: str | bytes, *, day: date | None = None) -> None:
        """Put any text at the end, where a record should stand: a bare number, a property twice, no JSON at all."""
        with self._lock:
            raw = text.encode() if isinstance(text, str) else text
            self._append(collection, raw, day or self.last_date)

    def remove(self, collection: Collection, record_id: object) -> None:
        """Take the record out of the collection."""
        with self._lock:
            day, place = self._existing(collection, record_id)
            self._edit(collection, day, lambda now: now.pop(place))

    def corrupt(self, collection: Collection, record_id: object, **wrong_fields: object) -> None:
        """Give properties of a record these values, or leave them out (`ABSENT`). It stays on its day, unlike `put`."""
        with self._lock:
            day, place = self._existing(collection, record_id)
            record = parse(self._shelves[collection].block(day).run(place, place + 1)) | wrong_fields
            kept = {name: value for name, value in record.items() if value is not ABSENT}
            self._edit(collection, day, lambda now: now.__setitem__(place, render_record(kept)))

    def duplicate(self, collection: Collection, record_id: object) -> None:
        """Send the record once more, at the end of its day or collection: with small pages, on another page."""
        with self._lock:
            day, place = self._existing(collection, record_id)
            self._edit(collection, day, lambda now: now.append(now[place]))

    def reorder(self, collection: Collection, salt: object = "") -> None:
        """Shuffle the records of each day, or of the whole collection."""
        with self._lock:
            for day in self.days(collection):
                draw = Random(f"{salt}:{day}")
                self._edit(collection, day, draw.shuffle)

    def change_fraction(self, collection: Collection, fraction: float, salt: object = "") -> int:
        """Change one text of about this fraction of the records; return of how many. The salt chooses which."""
        name = {"clients": "emailAddress", "portfolios": "name", "transactions": "description"}[collection]
        changed = 0
        with self._lock:
            for day in self.days(collection):
                draw = Random(f"{salt}:{fraction}:{day}")
                chosen = [place for place in range(self._shelves[collection].count(day)) if draw.random() < fraction]
                values = {place: f"changed-{salt}-{draw.getrandbits(40):x}@example.org" for place in chosen}
                if chosen:
                    self._edit(collection, day, lambda now, values=values: _set_property(now, name, values))  # type: ignore[misc]
                changed += len(chosen)
        return changed

    # How it is kept

    def _draw_clients(self, _: date) -> list[bytes]:
        return [render_record(people.client(self.seed, number)) for number in range(self._clients)]

    def _draw_portfolios(self, _: date) -> list[bytes]:
        made = (people.portfolio(self.seed, number, self._clients) for number in range(self._portfolios))
        return [render_record(record) for record in made]

    def _count_of_day(self, day: date) -> int:
        if not self.first_date <= day <= self.last_date:
            return 0
        return market.transactions_of_day(self.seed, day, self._per_day)

    def _draw_day(self, day: date) -> list[bytes]:
        return market.render_day(self.seed, day, self._count_of_day(day), self._portfolios, self._market)

    def _add_faulty(self, each: int, day: date) -> None:
        for number in range(each):
            self.put("clients", faulty.client(number))
            self.put("portfolios", faulty.portfolio(number))
            self.put("transactions", faulty.transaction(number, day), day=day)

    def _edit(self, collection: Collection, day: date, change: Callable[[list[bytes]], object]) -> None:
        shelf = self._shelves[collection]
        records = shelf.block(day).records()
        change(records)
        shelf.replace(day, records)
        self.version += 1

    def _append(self, collection: Collection, rendered: bytes, day: date) -> None:
        if collection != "transactions":
            day = ALWAYS
        self._edit(collection, day, lambda now: now.append(rendered))
        self._shelves[collection].extra_days.add(day)

    def _find(self, collection: Collection, record_id: object) -> tuple[date, int] | None:
        days = self.days(collection)
        # A seeded transaction tells its day, so that not every day has to be drawn to find it.
        for day in sorted(days, key=lambda day: f"-{day:%Y%m%d}-" not in str(record_id)):
            for place, rendered in enumerate(self._shelves[collection].block(day).records()):
                if has_id(rendered, record_id):
                    return day, place
        return None

    def _existing(self, collection: Collection, record_id: object) -> tuple[date, int]:
        found = self._find(collection, record_id)
        if found is None:
            raise UnknownRecordError(collection, record_id)
        return found


def _today() -> date:
    return datetime.now(UTC).date()


def _day_of(collection: Collection, record: dict[str, Any]) -> date | None:
    if collection != "transactions":
        return ALWAYS
    try:
        return date.fromisoformat(str(record.get("tradeDate", ""))[:10])
    except ValueError:
        return None


def _set_property(records: list[bytes], name: str, values: dict[int, str]) -> None:
    for place, value in values.items():
        records[place] = render_record(parse(records[place]) | {name: value})
