"""The request budget of a tenant, shared by all processes: a token bucket, and what INN8 said is left of its own limit.

This module implements `extract.budget.BudgetStore`: one row per tenant, by the database's clock.

    full_at      when the bucket is full again; each request moves it one interval into the future
    remaining    requests that INN8 still accepts before `resets_at`, as it reported, minus those made since
    resets_at    when INN8's window ends. The first request after it is made alone: until it is answered, `remaining` is
                 null and other requests wait
"""

from dataclasses import dataclass

from psycopg import sql
from sqlalchemy import Engine

from inn8_pipeline.warehouse.database import execute
from inn8_pipeline.warehouse.kept_connection import KeptConnection

LATE_SECONDS = 3.0
"""How much later than it was counted a request may reach INN8 without exceeding the limit there."""
BURST_SHARE = 20
"""The size of the bucket as a share of the limit: of 60 requests a minute, 3 may be made at once after a pause."""
LONGEST_RESET_SECONDS = 300.0
"""The longest wait for the end of INN8's window. After that the request is made anyway, as after a `Retry-After`."""
ANSWER_SECONDS = 5.0
"""How long other requests wait for the response to the first request of a window."""
LOOK_SECONDS = 0.05
"""The pause between two checks for that response."""


@dataclass(frozen=True, slots=True)
class RequestLimit:
    """A limit of `requests` within any period of `seconds`."""

    requests: int
    seconds: float = 60.0

    @property
    def burst(self) -> int:
        """The requests that a full bucket holds."""
        return min(self.requests, max(2, self.requests // BURST_SHARE))

    @property
    def reserve(self) -> int:
        """The requests that a backfill leaves in the bucket, so that it waits and a tick does not."""
        return self.burst // 2

    @property
    def interval_seconds(self) -> float:
        """The time after which the bucket gets one request back. Burst and refill together stay within the limit."""
        return (self.seconds + LATE_SECONDS) / (self.requests + 1 - self.burst)


@dataclass(frozen=True, slots=True)
class BudgetRefusal:
    """Why a request must wait, the budget or INN8's own limit, and for about how long."""

    wait_seconds: float
    is_by_server: bool


# A time is ignored if the bucket would be further from full than its size, or the reset later than the bound. It was
# written when the clock was ahead, or with another limit.
_PARTS = {
    "ahead": sql.SQL(
        "case when b.full_at <= clock_timestamp() + make_interval(secs => %(size)s)"
        " then greatest(b.full_at - clock_timestamp(), '0') else '0' end"
    ),
    "in_window": sql.SQL(
        "coalesce(b.resets_at > clock_timestamp()"
        " and b.resets_at <= clock_timestamp() + make_interval(secs => %(longest)s), false)"
    ),
    "answered": sql.SQL("coalesce(b.remaining, 0)"),
}
_TAKE = sql.SQL(
    """
    insert into inn8.request_budgets as b (tenant_id, full_at)
    values (%(tenant)s, clock_timestamp() + make_interval(secs => %(interval)s))
        on conflict (tenant_id) do update
       set full_at = clock_timestamp() + {ahead} + make_interval(secs => %(interval)s),
           remaining = case when {in_window} then b.remaining - 1 end,
           resets_at = case when {in_window} then b.resets_at
                            when b.resets_at is not null then clock_timestamp() + make_interval(secs => %(answer)s) end,
           updated_at = now()
     where {ahead} <= make_interval(secs => %(allowed)s) and (not {in_window} or {answered} > 0)
    returning b.resets_at is not null and b.remaining is null as is_asking
    """
).format(**_PARTS)
_WAIT = sql.SQL(
    """
    select extract(epoch from {ahead}) - %(allowed)s as seconds,
           case when {in_window} and {answered} <= 0 then extract(epoch from b.resets_at - clock_timestamp()) end
             as server_seconds,
           b.remaining is null as is_asking
      from inn8.request_budgets b where tenant_id = %(tenant)s
    """
).format(**_PARTS)
# Servers often round the seconds to a reset up. Resets within a second are those of one window; the smaller number of
# remaining requests counts.
_HEED = sql.SQL(
    """
    insert into inn8.request_budgets as b (tenant_id, full_at, remaining, resets_at)
    values (%(tenant)s, clock_timestamp(), %(remaining)s, clock_timestamp() + make_interval(secs => %(reset)s))
        on conflict (tenant_id) do update
       set remaining = case when {is_same} then least(b.remaining, excluded.remaining) else excluded.remaining end,
           resets_at = case when {is_same} then greatest(b.resets_at, excluded.resets_at) else excluded.resets_at end,
           updated_at = now()
    """
).format(
    is_same=sql.SQL(
        "({in_window} and b.remaining is not null and excluded.resets_at <= b.resets_at + interval '1 second')"
    ).format(**_PARTS)
)

_FORGET = sql.SQL(
    """
    update inn8.request_budgets set resets_at = null, updated_at = now()
     where tenant_id = %(tenant)s and remaining is null
    """
)


class PostgresBudget(KeptConnection):
    """The request budget of one tenant. Safe to use from several threads; close it, or use it as a context manager.

    A request costs one short statement in a transaction of its own. No lock is held while a request waits. The methods
    raise a DatabaseError if Postgres fails.
    """

    def __init__(self, engine: Engine, tenant_id: str, limit: RequestLimit | None = None) -> None:
        super().__init__(engine, "reading the request budget")
        self._tenant_id = tenant_id
        self._is_asking = False
        self.limit = limit

    @property
    def is_limited(self) -> bool:
        """True if the settings have a limit."""
        return self.limit is not None

    def take(self, *, leaves_reserve: bool) -> BudgetRefusal | None:
        """Take one request from the budget. If there is none, return why and for how long to wait.

        With `leaves_reserve` the last requests of the bucket are left for others.
        """
        values = self._values(leaves_reserve=leaves_reserve)
        taken = self.run(lambda connection: execute(connection, _TAKE, **values).fetchone())
        if taken is not None:
            self._is_asking = self._is_asking or taken["is_asking"]
            return None
        row = self.run(lambda connection: execute(connection, _WAIT, **values).fetchone())
        if row is None:
            return BudgetRefusal(0.0, is_by_server=not self.is_limited)
        own_seconds, server_seconds = float(row["seconds"]), float(row["server_seconds"] or 0)
        if row["is_asking"]:
            server_seconds = min(server_seconds, LOOK_SECONDS)
        # Without a limit of our own the times say nothing: INN8's window may have ended since the request was refused.
        is_by_server = not self.is_limited or server_seconds > own_seconds
        return BudgetRefusal(max(own_seconds, server_seconds, 0.0), is_by_server)

    def heed(self, remaining: int, reset_seconds: float) -> None:
        """Store INN8's own limit as a response reports it: how many requests remain, and for how many seconds."""
        values = {**self._values(), "remaining": remaining, "reset": min(reset_seconds, LONGEST_RESET_SECONDS)}
        self._is_asking = False
        self.run(lambda connection: execute(connection, _HEED, **values))

    def forget(self) -> None:
        """Delete INN8's own limit if the response to the first request of a window does not report it."""
        if self._is_asking:
            self._is_asking = False
            self.run(lambda connection: execute(connection, _FORGET, tenant=self._tenant_id))

    def _values(self, *, leaves_reserve: bool = False) -> dict[str, object]:
        limit = self.limit
        interval_seconds = limit.interval_seconds if limit else 0.0
        spare = limit.burst - 1 - (limit.reserve if leaves_reserve else 0) if limit else 0
        return {
            "tenant": self._tenant_id,
            "interval": interval_seconds,
            "size": interval_seconds * limit.burst + LATE_SECONDS if limit else 0.0,
            "allowed": interval_seconds * spare,
            "longest": LONGEST_RESET_SECONDS + LATE_SECONDS,
            "answer": ANSWER_SECONDS,
        }
