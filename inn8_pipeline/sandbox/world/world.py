"""The data of the simulated INN8: generated clients, portfolios and transactions, with every change made since.

Tests compare tables with it: `World.records` returns what the API serves.
"""

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from random import Random
from types import TracebackType
from typing import Any, Final, Literal, Self, get_args

from inn8_pipeline.sandbox.errors import InvalidWorldError, UnknownRecordError
from inn8_pipeline.sandbox.world import bookings, invalid_records
from inn8_pipeline.sandbox.world import clients as generated_clients
from inn8_pipeline.sandbox.world import transactions as generated_transactions
from inn8_pipeline.sandbox.world.collection_store import NO_DAY, CollectionStore
from inn8_pipeline.sandbox.world.json_text import has_id, parse, render_record
from inn8_pipeline.sandbox.world.record_file import RecordFile

Collection = Literal["clients", "portfolios", "transactions"]
COLLECTIONS: Final[tuple[Collection, ...]] = get_args(Collection)
ABSENT: Final = object()
"""A value for `corrupt` that leaves the property out."""


class World:
    """Clients, portfolios and transactions, generated when they are first needed. Thread-safe.

    Everything depends on the arguments only: a client on the seed and its number; a day of trade on the seed, the
    date, the number of portfolios, the mean number of transactions per day and `weekend_share`.

    Args:
        clients: The number of clients.
        portfolios: The number of portfolios.
        transactions: The approximate number of transactions over all days.
        days: The number of days of trade, up to `last_date`.
        seed: Another seed generates other data.
        last_date: The last day of trade; if None, always today in UTC, so tomorrow there is one more day.
        first_date: The first day of trade; it keeps the beginning fixed over restarts.
        weekend_share: How many transactions a day of a weekend has, for each one of another day.
        invalid: The number of invalid records to add to each collection.
        implausible: If it is not None, transactions add up, except for so many implausible cases of each kind.

    """

    def __init__(  # noqa: PLR0913 (all by name)
        self, *, clients: int = 1000, portfolios: int = 2000, transactions: int = 50_000, days: int = 90, seed: int = 7,
        last_date: date | None = None, first_date: date | None = None,
        weekend_share: float = generated_transactions.WEEKEND_SHARE, invalid: int = 0, implausible: int | None = None,
    ) -> None:  # fmt: skip
        if min(clients, portfolios, transactions) < 0 or days < 1 or (portfolios and not clients):
            raise InvalidWorldError
        self.seed, self._clients, self._portfolios = seed, clients, portfolios
        self._last_date = last_date
        self.first_date = first_date or (last_date or _today()) - timedelta(days=days - 1)
        self._per_day = transactions / days if portfolios else 0.0
        self._weekend_share = weekend_share
        self._open_and_closed: tuple[list[str], list[str]] | None = None
        self._adds_up = implausible is not None
        self._securities = generated_transactions.generate_securities(seed)
        self._file = RecordFile()
        self._lock = threading.RLock()
        self._stores: dict[Collection, CollectionStore] = {
            "clients": CollectionStore(self._file, lambda _: clients, self._generate_clients),
            "portfolios": CollectionStore(self._file, lambda _: portfolios, self._generate_portfolios),
            "transactions": CollectionStore(self._file, self._count_of_day, self._generate_day),
        }
        self.version = 0
        """Increases with every change."""
        if invalid:
            self._add_invalid(invalid, self.first_date + timedelta(days=days - 1))
        if implausible:
            self._add_implausible(implausible, self.first_date + timedelta(days=days // 2))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the temporary file."""
        self._file.close()

    @property
    def last_date(self) -> date:
        """The last generated day of trade: as given, or today in UTC."""
        return self._last_date or _today()

    # Reading

    def days(self, collection: Collection, from_date: date | None = None, to_date: date | None = None) -> list[date]:
        """Return the days of a window, both ends inclusive. A collection without days has one, whatever the window."""
        if collection != "transactions":
            return [NO_DAY]
        with self._lock:
            generated = range((self.last_date - self.first_date).days + 1)
            every = {self.first_date + timedelta(days=number) for number in generated}
            every |= self._stores[collection].extra_days
        return sorted(day for day in every if (from_date or day) <= day <= (to_date or day))

    def count(self, collection: Collection, from_date: date | None = None, to_date: date | None = None) -> int:
        """Return the number of records of a window, without generating them."""
        with self._lock:
            return sum(map(self._stores[collection].count, self.days(collection, from_date, to_date)))

    def body(self, collection: Collection, days: Sequence[date], start: int, stop: int) -> bytes:
        """Return the records from `start` to before `stop` of these days as a JSON array."""
        with self._lock:
            return b"[" + self._stores[collection].between(days, start, stop) + b"]"

    def records(self, collection: Collection, from_date: date | None = None, to_date: date | None = None) -> list[Any]:
        """Return the parsed records in the order of the API. All numbers are Decimals."""
        with self._lock:
            days = self.days(collection, from_date, to_date)
            parsed: list[Any] = parse(self.body(collection, days, 0, self.count(collection, from_date, to_date)))
        return parsed

    def warm(self) -> None:
        """Generate everything now, so that no request waits for it."""
        for collection in COLLECTIONS:
            for day in self.days(collection):
                with self._lock:
                    self._stores[collection].block(day)

    # Changing

    def put(self, collection: Collection, record: dict[str, Any], *, day: date | None = None) -> None:
        """Replace the record with the same id, or append the record.

        A transaction belongs to its trade date; if that cannot be read, to `day`, or else to the last day.
        """
        target = day or _day_of(collection, record) or self.last_date
        with self._lock:
            found = self._find(collection, record.get("id"))
            if found is not None and found[0] in (NO_DAY, target):
                self._edit(collection, found[0], lambda now: now.__setitem__(found[1], render_record(record)))
                return
            if found is not None:
                self._edit(collection, found[0], lambda now: now.pop(found[1]))
            self._append(collection, render_record(record), target)

    def put_raw(self, collection: Collection, text: str | bytes, *, day: date | None = None) -> None:
        """Append any text in the place of a record: a number, a property given twice, or no JSON at all."""
        with self._lock:
            raw = text.encode() if isinstance(text, str) else text
            self._append(collection, raw, day or self.last_date)

    def remove(self, collection: Collection, record_id: object) -> None:
        """Remove the record."""
        with self._lock:
            day, index = self._existing(collection, record_id)
            self._edit(collection, day, lambda now: now.pop(index))

    def corrupt(self, collection: Collection, record_id: object, **wrong_fields: object) -> None:
        """Set properties of a record, or leave them out (`ABSENT`). Unlike with `put`, it stays on its day."""
        with self._lock:
            day, index = self._existing(collection, record_id)
            record = parse(self._stores[collection].block(day).between(index, index + 1)) | wrong_fields
            kept = {name: value for name, value in record.items() if value is not ABSENT}
            self._edit(collection, day, lambda now: now.__setitem__(index, render_record(kept)))

    def duplicate(self, collection: Collection, record_id: object) -> None:
        """Append the record once more to its day or collection. With small pages, it is then on another page."""
        with self._lock:
            day, index = self._existing(collection, record_id)
            self._edit(collection, day, lambda now: now.append(now[index]))

    def reorder(self, collection: Collection, salt: object = "") -> None:
        """Shuffle the records of each day, or of the whole collection."""
        with self._lock:
            for day in self.days(collection):
                self._edit(collection, day, Random(f"{salt}:{day}").shuffle)

    def change_fraction(self, collection: Collection, fraction: float, salt: object = "") -> int:
        """Change one text in about this fraction of the records, chosen by `salt`; return how many were changed."""
        name = {"clients": "emailAddress", "portfolios": "name", "transactions": "description"}[collection]
        changed = 0
        with self._lock:
            for day in self.days(collection):
                draw = Random(f"{salt}:{fraction}:{day}")
                chosen = [index for index in range(self._stores[collection].count(day)) if draw.random() < fraction]
                values = {index: f"changed-{salt}-{draw.getrandbits(40):x}@example.org" for index in chosen}
                if chosen:
                    self._edit(collection, day, lambda now, values=values: _set_property(now, name, values))  # type: ignore[misc]
                changed += len(chosen)
        return changed

    def insert(self, collection: Collection, count: int, salt: object = "", *, at_end: bool = False) -> int:
        """Insert new records before all others, or after them; return how many.

        They are copies of the first or last day's records, under ids of their own: `{salt}-0` and so on.
        """
        with self._lock:
            day = self.days(collection)[-1 if at_end else 0]
            copied = self._stores[collection].block(day).records()[:count]
            new = [render_record(parse(each) | {"id": f"{salt}-{number}"}) for number, each in enumerate(copied)]
            self._edit(collection, day, lambda now: now.__setitem__(slice(len(now), None) if at_end else slice(0), new))
        return len(new)

    # Generating

    def _generate_clients(self, _: date) -> list[bytes]:
        return [render_record(generated_clients.client(self.seed, number)) for number in range(self._clients)]

    def _generate_portfolios(self, _: date) -> list[bytes]:
        numbers = range(self._portfolios)
        return [render_record(generated_clients.portfolio(self.seed, number, self._clients)) for number in numbers]

    def _count_of_day(self, day: date) -> int:
        if not self.first_date <= day <= self.last_date:
            return 0
        return generated_transactions.transactions_of_day(self.seed, day, self._per_day, self._weekend_share)

    def _generate_day(self, day: date) -> list[bytes]:
        count = self._count_of_day(day)
        if self._adds_up:
            return bookings.render_day(self.seed, day, count, self._owners()[0], self._securities)
        return generated_transactions.render_day(self.seed, day, count, self._portfolios, self._securities)

    def _add_invalid(self, count: int, day: date) -> None:
        for number in range(count):
            self.put("clients", invalid_records.client(number))
            self.put("portfolios", invalid_records.portfolio(number))
            self.put("transactions", invalid_records.transaction(number, day), day=day)

    def _owners(self) -> tuple[list[str], list[str]]:
        """Return the ids of the portfolios that may have transactions, and of the closed ones."""
        if self._open_and_closed is None:
            numbers = range(self._portfolios)
            open_ones = [number for number in numbers if bookings.is_open(self.seed, number, self._clients)]
            closed = sorted(set(numbers) - set(open_ones))
            ids = generated_clients.portfolio_id
            self._open_and_closed = [ids(each) for each in open_ones or numbers], [ids(each) for each in closed]
        return self._open_and_closed

    def _add_implausible(self, count: int, day: date) -> None:
        owners, closed = self._owners()
        for number in range(count):
            of_closed = closed[number] if number < len(closed) else None
            for record in bookings.implausible(number, day, owners, of_closed):
                self._append("transactions", render_record(record), day)

    # Storing

    def _edit(self, collection: Collection, day: date, change: Callable[[list[bytes]], object]) -> None:
        store = self._stores[collection]
        records = store.block(day).records()
        change(records)
        store.replace(day, records)
        self.version += 1

    def _append(self, collection: Collection, rendered: bytes, day: date) -> None:
        if collection != "transactions":
            day = NO_DAY
        self._edit(collection, day, lambda now: now.append(rendered))
        self._stores[collection].extra_days.add(day)

    def _find(self, collection: Collection, record_id: object) -> tuple[date, int] | None:
        days = self.days(collection)
        # The id of a generated transaction contains its day, so usually only that day has to be generated.
        for day in sorted(days, key=lambda day: f"-{day:%Y%m%d}-" not in str(record_id)):
            for index, rendered in enumerate(self._stores[collection].block(day).records()):
                if has_id(rendered, record_id):
                    return day, index
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
        return NO_DAY
    try:
        return date.fromisoformat(str(record.get("tradeDate", ""))[:10])
    except ValueError:
        return None


def _set_property(records: list[bytes], name: str, values: dict[int, str]) -> None:
    for index, value in values.items():
        records[index] = render_record(parse(records[index]) | {name: value})
