"""The SQL that finds the pages of a landing: those that it refers to, and those of the groups that it refers to."""

from psycopg import sql

_PAGES = sql.SQL(
    """
    cross join lateral (
      select row_number() over (order by d.place, e.place) as place, e.sha256
        from unnest({landing}.page_digests) with ordinality as d (sha256, place)
        left join inn8_raw.page_groups g on g.tenant_id = {landing}.tenant_id and g.sha256 = d.sha256
        cross join lateral unnest(coalesce(g.page_digests, array[d.sha256])) with ordinality as e (sha256, place)) as d
    """
)


def pages_of(landing: str) -> sql.Composed:
    """Return the join of the landing under this alias with its pages: `d.sha256`, and `d.place` from 1 on.

    The digest of a page that is no longer stored is among them; that of a group that is gone stands for its pages.
    """
    return _PAGES.format(landing=sql.Identifier(landing))


NAMED_PAGES = sql.SQL("(select %(tenant)s::text as tenant_id, %(digests)s::bytea[] as page_digests) l {pages}").format(
    pages=pages_of("l")
)
"""The pages of a landing whose digests are a parameter: those of the landing as it was fetched. An erasure since then
gives it others, and fewer records."""
