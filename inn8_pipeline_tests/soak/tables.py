"""Read the tables of one tenant in one statement, as any reader would see them at one moment."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Engine, text

from inn8_pipeline_tests.soak.oracle import Row

_QUERY = text(
    """
    select 'clients', external_id, array[name, email, phone, address, status]::text[],
           missing_since::text, removed_at is not null, false from inn8.clients where tenant_id = :tenant
     union all
    select 'portfolios', p.external_id, array[c.external_id, p.name, account_number, account_type, p.status],
           p.missing_since::text, p.removed_at is not null, p.hidden_since is not null
      from inn8.portfolios p join inn8.clients c on (c.tenant_id, c.id) = (p.tenant_id, p.client_id)
     where p.tenant_id = :tenant
     union all
    select 'transactions', t.external_id,
           array[p.external_id, s.external_id, transaction_type, trade_date::text, settlement_date::text,
                 trim_scale(quantity)::text, trim_scale(price)::text, trim_scale(amount)::text, trim_scale(fees)::text,
                 t.currency, description], t.missing_since::text, t.removed_at is not null, t.hidden_since is not null
      from inn8.transactions t join inn8.portfolios p on (p.tenant_id, p.id) = (t.tenant_id, t.portfolio_id)
      left join inn8.securities s on (s.tenant_id, s.id) = (t.tenant_id, t.security_id)
     where t.tenant_id = :tenant
     union all
    select 'securities', external_id, array[symbol, name, isin, security_type, currency], as_of_date::text, false, false
      from inn8.securities where tenant_id = :tenant
     union all
    select 'rejects ' || entity, record_key, array[external_id, reason_code, payload::text], null, false, false
      from inn8.rejected_records where tenant_id = :tenant and resolved_at is null
    """
)


@dataclass(frozen=True)
class Seen:
    """The tables at one moment, by entity and external id; `marks` are `missing_since` and whether it is removed."""

    rows: dict[str, dict[str, Row]] = field(default_factory=dict)
    marks: dict[str, dict[str, tuple[str | None, bool]]] = field(default_factory=dict)
    hidden: dict[str, set[str]] = field(default_factory=dict)

    def of(self, table: str) -> dict[str, Row]:
        """Return the rows of one table."""
        return self.rows.get(table, {})

    def missing(self, table: str) -> set[str]:
        """Return the ids of the rows that are missing, removed ones too."""
        return {key for key, (since, _) in self.marks.get(table, {}).items() if since}

    def removed(self, table: str) -> set[str]:
        """Return the ids of the rows that are removed."""
        return {key for key, (_, is_removed) in self.marks.get(table, {}).items() if is_removed}


def read(engine: Engine, tenant_id: str) -> Seen:
    """Return the tables as they are now."""
    seen = Seen()
    with engine.connect() as connection:
        for table, key, values, since, is_removed, is_hidden in connection.execute(_QUERY, {"tenant": tenant_id}):
            seen.rows.setdefault(table, {})[key] = tuple(values)
            seen.marks.setdefault(table, {})[key] = (since, is_removed)
            if is_hidden:
                seen.hidden.setdefault(table, set()).add(key)
    return seen


_OWNERS = text(
    """
    select 'portfolios', external_id, client_external_id from inn8.portfolio_details where tenant_id = :tenant
     union all
    select 'transactions', external_id, portfolio_external_id from inn8.transaction_details where tenant_id = :tenant
    """
)


def shown_owners(engine: Engine, tenant_id: str) -> dict[tuple[str, str], str]:
    """Return the owner under which readers see each row of an entity; hidden rows are left out."""
    with engine.connect() as connection:
        return {(entity, key): owner for entity, key, owner in connection.execute(_OWNERS, {"tenant": tenant_id})}


@contextmanager
def watched(engine: Engine, tenant_id: str) -> Iterator[list[Seen]]:
    """Read the tables repeatedly in another session meanwhile; yield the list of the different states, in order."""
    states: list[Seen] = []
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            now = read(engine, tenant_id)
            if not states or states[-1] != now:
                states.append(now)
            done.wait(0.005)

    reader = threading.Thread(target=look)
    reader.start()
    try:
        yield states
    finally:
        done.set()
        reader.join()
