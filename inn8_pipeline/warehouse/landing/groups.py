"""The groups of chunks that landings refer to, each stored once under its digest, after its chunks."""

from collections.abc import Sequence

from psycopg import sql
from sqlalchemy import Connection

from inn8_pipeline.warehouse.database import execute, raw
from inn8_pipeline.warehouse.landing import pages
from inn8_pipeline.warehouse.landing.chunks import ChunkGroup

# A group whose chunks are not all stored counts as not stored: they are written again.
_STORED = sql.SQL(
    """
    select g.sha256 from inn8_raw.page_groups g
     where g.tenant_id = %(tenant)s and g.sha256 = any(%(digests)s::bytea[])
       and not exists (select from unnest(g.page_digests) as d (sha256)
                        where not exists (select from inn8_raw.pages p
                                           where p.tenant_id = g.tenant_id and p.sha256 = d.sha256))
    """
)
_WRITE = sql.SQL(
    """
    insert into inn8_raw.page_groups (tenant_id, sha256, page_digests)
    values (%(tenant)s, %(digest)s, %(pages)s::bytea[])
        on conflict do nothing
    """
)


def write_new(connection: Connection, tenant_id: str, groups: Sequence[ChunkGroup]) -> None:
    """Store those of these groups that are not stored, each once, and those of their chunks that are not."""
    found = execute(connection, _STORED, tenant=tenant_id, digests=[group.digest for group in groups]).fetchall()
    stored = {bytes(row["sha256"]) for row in found}
    new = [group for group in groups if group.digest not in stored]
    if new:
        pages.write_new(connection, tenant_id, [chunk for group in new for chunk in group.chunks])
        # In order, because the rows are one transaction: two fetches must not wait for each other in a circle.
        rows = [
            {"tenant": tenant_id, "digest": group.digest, "pages": [chunk.digest for chunk in group.chunks]}
            for group in sorted(new, key=lambda group: group.digest)
        ]
        raw(connection).cursor().executemany(_WRITE, rows)
