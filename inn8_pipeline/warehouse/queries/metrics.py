"""Read the numbers that `inn8 metrics` publishes, for each tenant and entity. They contain no personal data."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from psycopg import sql
from sqlalchemy import Connection

from inn8_pipeline.entities import ENTITIES
from inn8_pipeline.warehouse.database import Statement, execute
from inn8_pipeline.warehouse.merge.results import Status


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric: its name without the prefix, its type, what it counts, and its samples by their labels."""

    name: str
    type: str
    help: str
    samples: Sequence[tuple[Mapping[str, str], float]]


def read(connection: Connection, tenant_ids: Sequence[str]) -> list[Metric]:
    """Return all metrics of these tenants."""
    rows = {
        name: [dict(row) for row in execute(connection, statement, tenants=list(tenant_ids))]
        for name, statement in _STATEMENTS.items()
    }
    return [*_last_syncs(rows), *_totals(rows), *_states(rows)]


_Rows = Mapping[str, Sequence[Mapping[str, str | float]]]


def _last_syncs(rows: _Rows) -> Iterator[Metric]:
    yield _metric(rows, "success", "last_success_timestamp_seconds", "gauge", "When the last successful sync ended.")
    yield _metric(
        rows, "synced", "last_synced_timestamp_seconds", "gauge",
        "When the last fetch began that was merged: the data is as INN8 had it then.",
    )  # fmt: skip
    latest = [(row, str(row["status"])) for row in rows["latest"]]
    samples = [
        ({**_labels(row), "status": status}, float(status == found)) for row, found in latest for status in Status
    ]
    yield Metric("last_sync_status", "gauge", "1 for the status of the last sync that ended, else 0.", samples)
    yield _metric(rows, "latest", "last_sync_duration_seconds", "gauge", "How long the last sync took.", "seconds")
    samples = [
        ({**_labels(row), "outcome": outcome}, float(row[outcome] or 0))
        for row in rows["latest"]
        for outcome in (*_OUTCOMES, *_REMOVALS)
    ]
    yield Metric("last_sync_records", "gauge", "Records of the last sync that ended, by what became of them.", samples)


def _totals(rows: _Rows) -> Iterator[Metric]:
    yield _metric(rows, "syncs", "syncs_total", "counter", "Syncs that ended, by status.", "number", "status")
    samples = [
        ({**_labels(row), "outcome": outcome}, float(row[outcome])) for row in rows["sums"] for outcome in _OUTCOMES
    ]
    yield Metric("records_total", "counter", "Records of all syncs, by what became of them.", samples)
    yield _metric(rows, "sums", "fetched_bytes_total", "counter", "Bytes that were fetched, decompressed.", "bytes")
    yield _metric(rows, "sums", "request_retries_total", "counter", "Requests that were tried again.", "retries")
    yield _metric(
        rows, "sums", "rate_limit_wait_seconds_total", "counter", "Seconds in which requests waited for a rate limit.",
        "waited_seconds",
    )  # fmt: skip


def _states(rows: _Rows) -> Iterator[Metric]:
    yield _metric(
        rows, "rejects", "open_rejects", "gauge", "Open rejects, by reason and whether they are accepted.", "number",
        "reason", "accepted",
    )  # fmt: skip
    yield _metric(
        rows, "oldest", "oldest_open_reject_timestamp_seconds", "gauge",
        "When the oldest open reject that nobody has accepted was first seen.",
    )  # fmt: skip
    yield _metric(
        rows,
        "circuits",
        "circuit_breaker_open",
        "gauge",
        "1 while the circuit breaker stops requests.",
        "is_open",
        "circuit",
    )
    yield _metric(
        rows,
        "pauses",
        "entity_paused",
        "gauge",
        "1 while the entity is paused: no tick and no sweep syncs it.",
        "paused",
    )
    yield _metric(rows, "landings", "landings", "gauge", "Complete landings that are kept.", "number")
    yield _metric(
        rows, "landings", "landings_bytes", "gauge", "Bytes of their pages; equal pages count each time.", "bytes"
    )
    samples = [({"table": str(row["table"])}, float(row["bytes"])) for row in rows["sizes"]]
    yield Metric("table_size_bytes", "gauge", "Size of a table of the warehouse with its indexes.", samples)


def _metric(  # noqa: PLR0913, PLR0917 (the parts of a metric)
    rows: _Rows, of: str, name: str, kind: str, text: str, column: str = "at", *labels: str
) -> Metric:
    samples = [
        ({**_labels(row), **{label: str(row[label]) for label in labels}}, float(row[column] or 0)) for row in rows[of]
    ]
    return Metric(name, kind, text, samples)


def _labels(row: Mapping[str, str | float]) -> dict[str, str]:
    return {name: str(row[column]) for name, column in (("tenant", "tenant_id"), ("entity", "entity")) if column in row}


_OUTCOMES = ("fetched", "inserted", "updated", "unchanged", "duplicate", "rejected", "skipped")
_REMOVALS = ("missing", "removed", "held_back")
_STATEMENTS: Mapping[str, Statement] = {
    "success": sql.SQL("""
        select tenant_id, entity, extract(epoch from max(ended_at)) as at from inn8.sync_log_entries
         where tenant_id = any(%(tenants)s) and status in ('Success', 'PartialSuccess', 'NoData')
         group by 1, 2 order by 1, 2
    """),
    "synced": sql.SQL("""
        select tenant_id, entity, extract(epoch from max(last_synced_at)) as at from inn8.sync_state
         where tenant_id = any(%(tenants)s) and last_synced_at is not null group by 1, 2 order by 1, 2
    """),
    "latest": sql.SQL("""
        select distinct on (tenant_id, entity) tenant_id, entity, status,
               extract(epoch from ended_at - started_at) as seconds, {counts}
          from inn8.sync_log_entries where tenant_id = any(%(tenants)s) and ended_at is not null
         order by tenant_id, entity, started_at desc, id desc
    """).format(counts=sql.SQL(", ").join(map(sql.Identifier, (*_OUTCOMES, *_REMOVALS)))),
    "syncs": sql.SQL("""
        select tenant_id, entity, status, count(*) as number from inn8.sync_log_entries
         where tenant_id = any(%(tenants)s) and ended_at is not null group by 1, 2, 3 order by 1, 2, 3
    """),
    "sums": sql.SQL("""
        select tenant_id, entity, {sums} from inn8.sync_log_entries
         where tenant_id = any(%(tenants)s) group by 1, 2 order by 1, 2
    """).format(
        sums=sql.SQL(", ").join(
            sql.SQL("coalesce(sum({0}), 0) as {0}").format(sql.Identifier(name))
            for name in (*_OUTCOMES, "bytes", "retries", "waited_seconds")
        )
    ),
    "rejects": sql.SQL("""
        select tenant_id, entity, reason_code as reason,
               case when accepted_at is null then 'false' else 'true' end as accepted, count(*) as number
          from inn8.rejected_records where tenant_id = any(%(tenants)s) and resolved_at is null
         group by 1, 2, 3, 4 order by 1, 2, 3, 4
    """),
    "oldest": sql.SQL("""
        select tenant_id, entity, extract(epoch from min(first_seen_at)) as at from inn8.rejected_records
         where tenant_id = any(%(tenants)s) and resolved_at is null and accepted_at is null
         group by 1, 2 order by 1, 2
    """),
    "circuits": sql.SQL("""
        select tenant_id, circuit, case when opened_until > now() then 1 else 0 end as is_open
          from inn8.circuits where tenant_id = any(%(tenants)s) order by 1, 2
    """),
    "pauses": sql.SQL("""
        select t.tenant_id, e.entity, case when p.entity is null then 0 else 1 end as paused
          from unnest(%(tenants)s::text[]) t(tenant_id) cross join unnest({entities}::text[]) e(entity)
          left join inn8.paused_entities p on p.tenant_id = t.tenant_id and p.entity = e.entity order by 1, 2
    """).format(entities=sql.Literal([entity.name for entity in ENTITIES])),
    "landings": sql.SQL("""
        select tenant_id, entity, count(*) as number, coalesce(sum(byte_count), 0) as bytes from inn8_raw.landings
         where tenant_id = any(%(tenants)s) and completed_at is not null group by 1, 2 order by 1, 2
    """),
    "sizes": sql.SQL("""
        select n.nspname || '.' || c.relname as table, pg_total_relation_size(c.oid) as bytes
          from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname in ('inn8', 'inn8_raw', 'inn8_history') and c.relkind = 'r'
           and %(tenants)s::text[] is not null order by 1
    """),
}
