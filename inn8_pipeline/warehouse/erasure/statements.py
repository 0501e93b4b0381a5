"""The statements that find, count, rewrite and delete one client's data, made with `ownership.parts`."""

from psycopg import sql

COUNT_VERSIONS = sql.SQL("select count(*) as value from {history} t where t.tenant_id = %(tenant)s and {belonged}")
DELETE_VERSIONS = sql.SQL("delete from {history} t where t.tenant_id = %(tenant)s and {belonged}")
DELETE_ERASED = sql.SQL(
    "delete from {history} where tenant_id = %(tenant)s and reason = 'erased' and valid_to >= now()"
)
IDS = sql.SQL("select t.id as value from {table} t where t.tenant_id = %(tenant)s and {belongs}")
EXTERNAL_IDS = sql.SQL("select t.external_id as value from {table} t where t.tenant_id = %(tenant)s and {belongs}")
OF_ANYBODY = sql.SQL(
    "select external_id as value from {table} where tenant_id = %(tenant)s and external_id = any (%(ids)s)"
)
DELETE = sql.SQL("delete from {table} t where t.tenant_id = %(tenant)s and {belongs}")
DELETE_UNCONFIRMED = sql.SQL(
    """
    delete from inn8.unconfirmed_rows u using {table} t
     where u.tenant_id = %(tenant)s and u.entity = {entity} and t.tenant_id = u.tenant_id and t.id = u.row_id
       and {belongs}
    """
)
# Delete past versions first, because they are found by the parents' rows; then the rows, and last the versions that the
# triggers stored when the rows were deleted.
DELETES = (DELETE_UNCONFIRMED, DELETE_VERSIONS, DELETE, DELETE_ERASED)
DELETE_REJECTS = sql.SQL("delete from inn8.rejected_records where tenant_id = %(tenant)s and id = any (%(ids)s)")
INSERT_REWRITTEN = sql.SQL("insert into rewritten values (%(entity)s, %(old)s, %(new)s, %(records)s, %(bytes)s)")
NAMED = sql.SQL("""
  select distinct d.sha256 as value from inn8_raw.landings l {pages}
   where l.tenant_id = %(tenant)s and l.entity = %(entity)s
""")
PAGES = sql.SQL("""
  select sha256, convert_to(body::text, 'UTF8') as body, record_count from inn8_raw.pages
   where tenant_id = %(tenant)s and sha256 = any (%(digests)s::bytea[])
""")
REJECTS = sql.SQL(
    "select id as value from inn8.rejected_records where tenant_id = %(tenant)s and entity = %(entity)s order by id"
)
PAYLOAD = sql.SQL("""
  select convert_to(payload::text, 'UTF8') as payload from inn8.rejected_records
   where tenant_id = %(tenant)s and id = %(id)s
""")
# A page is in use by the newest complete fetch of a collection, or of a day of trade. The watermarks do not tell: if
# INN8 sends no record at all, nothing is merged, but INN8 no longer sends the person.
IN_USE = sql.SQL("""
  select 1 as value from inn8_raw.landings l
   where l.tenant_id = %(tenant)s and l.entity = %(entity)s
     and (l.page_digests && %(digests)s::bytea[]
          or exists (select from inn8_raw.page_groups g
                      where g.tenant_id = l.tenant_id and g.sha256 = any (l.page_digests)
                        and g.page_digests && %(digests)s::bytea[]))
     and exists (
       select from generate_series(l.from_date::timestamp, l.to_date::timestamp, interval '1 day') as d (day)
        where not exists (select from inn8_raw.landings n
                           where n.tenant_id = l.tenant_id and n.entity = l.entity and n.completed_at is not null
                             and n.id > l.id and d.day::date between n.from_date and n.to_date)
       union all
       select where l.from_date is null
          and not exists (select from inn8_raw.landings n
                           where n.tenant_id = l.tenant_id and n.entity = l.entity and n.completed_at is not null
                             and n.id > l.id))
""")
CREATE = sql.SQL("""
create temporary table rewritten (
  entity text not null, old bytea not null, new bytea not null, records bigint not null, bytes bigint not null,
  primary key (entity, old)
) on commit drop
""")
# A group with a rewritten page is rewritten too. It stands in `rewritten` beside the pages.
REWRITE_GROUPS = sql.SQL("""
  with named as (
    select distinct l.entity, d.sha256
      from inn8_raw.landings l cross join lateral unnest(l.page_digests) as d (sha256)
     where l.tenant_id = %(tenant)s),
  changed as (
    select n.entity, g.sha256 as old, array_agg(coalesce(r.new, d.sha256) order by d.place) as digests,
           sha256(string_agg(coalesce(r.new, d.sha256), ''::bytea order by d.place)) as new,
           sum(r.records) as records, sum(r.bytes) as bytes
      from named n
      join inn8_raw.page_groups g on g.tenant_id = %(tenant)s and g.sha256 = n.sha256
      cross join lateral unnest(g.page_digests) with ordinality as d (sha256, place)
      left join rewritten r on r.entity = n.entity and r.old = d.sha256
     group by n.entity, g.sha256 having count(r.old) > 0),
  stored as (
    insert into inn8_raw.page_groups (tenant_id, sha256, page_digests)
    select %(tenant)s, new, digests from changed
        on conflict do nothing)
  insert into rewritten select entity, old, new, records, bytes from changed
""")
# The rewritten landing is no longer repeatable, because a fetch of the same pages must be merged. The counts of its
# merge are removed: they no longer agree with its pages, and the check `reconciliation` would fail.
RENAME = sql.SQL("""
  update inn8_raw.landings l
     set page_digests = m.digests, record_count = l.record_count - m.records, byte_count = l.byte_count - m.bytes,
         is_repeatable = false, counts = (l.counts::jsonb - 'merged' - 'told')::json
    from (select n.id, array_agg(coalesce(r.new, d.sha256) order by d.place) as digests,
                 sum(r.records) as records, sum(r.bytes) as bytes
            from inn8_raw.landings n
            cross join lateral unnest(n.page_digests) with ordinality as d (sha256, place)
            left join rewritten r on r.entity = n.entity and r.old = d.sha256
           where n.tenant_id = %(tenant)s
           group by n.id having count(r.old) > 0) m
   where l.tenant_id = %(tenant)s and l.id = m.id
""")
