"""What a tenant's INN8 has sent, and when: no row may be anything else, or older than what confirmed it."""

from collections.abc import Iterable
from contextlib import suppress

from inn8_pipeline_tests.soak import oracle
from inn8_pipeline_tests.soak.oracle import Row


class Sent:
    """The rows that INN8's records make, each with the number of the moment at which INN8 had it."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], list[tuple[int, Row]]] = {}
        self._securities: dict[str, set[Row]] = {}
        self._confirmed: dict[tuple[str, str], int] = {}

    def remember(self, entity: str, record: object, moment: int) -> None:
        """Note what INN8 has at this moment."""
        with suppress(oracle.WrongError):
            row = oracle.row_of(entity, record)
            self._rows.setdefault((entity, str(oracle.id_of(record))), []).append((moment, row))
            if entity == "transactions" and (security := oracle.security_of(record)):
                self._securities.setdefault(security[0], set()).add(security[2])

    def confirmed(self, entity: str, key: str) -> int:
        """Return the newest moment whose record is as the row; 0 if none was."""
        return self._confirmed.get((entity, key), 0)

    def has_security(self, key: str, row: Row) -> bool:
        """Return whether a transaction named the security so."""
        return row in self._securities[key]

    def judge_version(self, entity: str, key: str, row: Row) -> None:
        """Assert that the row was sent, and that nothing newer had confirmed another."""
        moments = [moment for moment, sent in self._rows.get((entity, key), []) if sent == row]
        assert moments, f"{key} of {entity} was never sent so"
        assert moments[-1] >= self._confirmed.get((entity, key), 0), f"{key} of {entity}: older replaced newer"

    def confirm(self, entity: str, records: Iterable[object], moment: int, now: dict[str, Row]) -> None:
        """Note the rows that a merge has found to be as the records say."""
        for record in records:
            with suppress(oracle.WrongError):
                key, row = str(oracle.id_of(record)), oracle.row_of(entity, record)
                if now.get(key) == row:
                    self._confirmed[entity, key] = max(self._confirmed.get((entity, key), 0), moment)
