"""The whole past as an oracle: the tables as each sync left them, and what the history says of the same instants."""

from typing import TYPE_CHECKING

from sqlalchemy import Engine, text

from inn8_pipeline_tests.soak.oracle import Row
from inn8_pipeline_tests.soak.tables import Seen

if TYPE_CHECKING:
    from datetime import datetime

Marks = tuple[str | None, bool]
Rows = dict[tuple[str, str], tuple[Row, Marks]]

_LAST_CHANGE = text(
    """
    select greatest(
      (select max(valid_from) from inn8.clients where tenant_id = :tenant),
      (select max(valid_from) from inn8.portfolios where tenant_id = :tenant),
      (select max(valid_from) from inn8.securities where tenant_id = :tenant),
      (select max(valid_from) from inn8.transactions where tenant_id = :tenant),
      (select max(valid_to) from inn8_history.clients where tenant_id = :tenant),
      (select max(valid_to) from inn8_history.portfolios where tenant_id = :tenant),
      (select max(valid_to) from inn8_history.securities where tenant_id = :tenant),
      (select max(valid_to) from inn8_history.transactions where tenant_id = :tenant))
    """
)
_AS_OF = text(
    """
    select 'clients', external_id, array[name, email, phone, address, status]::text[], missing_since::text,
           removed_at is not null from inn8.clients_as_of(:instant) where tenant_id = :tenant
     union all
    select 'portfolios', external_id, array[client_external_id, name, account_number, account_type, status],
           missing_since::text, removed_at is not null from inn8.portfolios_as_of(:instant) where tenant_id = :tenant
     union all
    select 'transactions', external_id,
           array[portfolio_external_id, security_external_id, transaction_type, trade_date::text,
                 settlement_date::text, trim_scale(quantity)::text, trim_scale(price)::text, trim_scale(amount)::text,
                 trim_scale(fees)::text, currency, description], missing_since::text, removed_at is not null
      from inn8.transactions_as_of(:instant) where tenant_id = :tenant
     union all
    select 'securities', external_id, array[symbol, name, isin, security_type, currency], null, false
      from inn8.security_history
     where tenant_id = :tenant and valid_from <= :instant and (valid_to is null or valid_to > :instant)
    """
)


class Past:
    """What each sync of a tenant left, with the instant of its last change."""

    def __init__(self, engine: Engine, tenant_id: str) -> None:
        self._engine, self._tenant_id = engine, tenant_id
        self._known: list[tuple[datetime, Rows]] = []
        self._next = 0

    def note(self, seen: Seen) -> None:
        """Remember what a sync left, and check that the history says the same of it and of one earlier sync."""
        with self._engine.connect() as connection:
            instant = connection.execute(_LAST_CHANGE, {"tenant": self._tenant_id}).scalar()
        if instant is None:
            return
        shown = _shown(seen)
        if self._known and self._known[-1][0] == instant:
            assert self._known[-1][1] == shown, "a sync changed a table, and the history does not know it"
        else:
            assert not self._known or self._known[-1][0] < instant, "a sync changed the past"
            self._known.append((instant, shown))
        self._check(len(self._known) - 1)
        self._next = (self._next + 1) % len(self._known)
        self._check(self._next)

    def check_all(self) -> None:
        """Check that the history says of each instant what the sync then left."""
        for number in range(len(self._known)):
            self._check(number)

    def forget(self) -> None:
        """Forget all syncs, because their instants were moved."""
        self._known.clear()

    def erase(self, client: str, seen: Seen) -> None:
        """Take a client out of the past, as an erasure does: what is the client's now, and what was the client's."""
        owned = {key for key, row in seen.of("portfolios").items() if row[0] == client}
        traded = {key for key, row in seen.of("transactions").items() if row[0] in owned}
        gone = {
            ("clients", client),
            *(("portfolios", key) for key in owned),
            *(("transactions", key) for key in traded),
        }
        self._known = [(instant, _without(rows, client, gone)) for instant, rows in self._known]

    def _check(self, number: int) -> None:
        instant, expected = self._known[number]
        with self._engine.connect() as connection:
            found: Rows = {
                (table, key): (tuple(values), (since, is_removed))
                for table, key, values, since, is_removed in connection.execute(
                    _AS_OF, {"tenant": self._tenant_id, "instant": instant}
                )
            }
        wrong = {key for key in found.keys() | expected.keys() if found.get(key) != expected.get(key)}
        assert not wrong, f"as of sync {number} of {len(self._known)}: {sorted(wrong)}"


def _shown(seen: Seen) -> Rows:
    """Return the rows that the functions show: none that is hidden, and none of a hidden portfolio."""
    hidden = seen.hidden.get("portfolios", set())
    rows: Rows = {}
    for table in ("clients", "portfolios", "transactions", "securities"):
        for key, row in seen.of(table).items():
            if key in seen.hidden.get(table, set()) or (table == "transactions" and row[0] in hidden):
                continue
            rows[table, key] = (row, (None, False) if table == "securities" else seen.marks[table][key])
    return rows


def _without(rows: Rows, client: str, gone: set[tuple[str, str]]) -> Rows:
    left = {
        (table, key): shown
        for (table, key), shown in rows.items()
        if (table, key) not in gone and not (table == "portfolios" and shown[0][0] == client)
    }
    return {
        (table, key): shown
        for (table, key), shown in left.items()
        if table != "transactions" or ("portfolios", str(shown[0][0])) in left
    }
