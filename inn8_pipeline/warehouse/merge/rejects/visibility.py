"""Hide the rows whose newest record is invalid and does not name their owner.

The details views omit hidden rows. `hidden_since` is the start of the fetch that had such a record. It stays when the
reject is withdrawn. It is cleared by a valid record of the same or a later fetch, or by an invalid one that names the
owner of the row again.
"""

from psycopg import sql

from inn8_pipeline.entities import Reference
from inn8_pipeline.warehouse.merge.context import MergeContext
from inn8_pipeline.warehouse.merge.plan import MergePlan, name_of
from inn8_pipeline.warehouse.schema.tables import table_of

# A newer reject of the id (open, withdrawn, or of this landing) may name another owner, so the row stays hidden.
_IS_SHOWN_AGAIN = sql.SQL(
    """
    (t.hidden_since is not null and t.hidden_since <= s.as_of_at
     and not exists (select from staged_rejects x where x.external_id = t.external_id)
     and not exists (select from inn8.rejected_records r
                      where r.tenant_id = %(tenant)s and r.entity = %(entity)s and r.record_key = t.external_id
                        and r.as_of_at > s.as_of_at and (r.resolved_at is null or r.resolution = 'withdrawn')))
    """
)


def is_shown_again(plan: MergePlan) -> sql.Composable:
    """Return the condition that the staged row s makes the hidden row t visible again."""
    return _IS_SHOWN_AGAIN if plan.entity.references else sql.SQL("false")


def hidden_assignment(plan: MergePlan) -> sql.Composable:
    """Return the assignment of `hidden_since` in the merge, with a leading comma; empty for rows without owners."""
    if not plan.entity.references:
        return sql.SQL("")
    return sql.SQL(", hidden_since = case when {} then null else t.hidden_since end").format(_IS_SHOWN_AGAIN)


_UPDATE_HIDDEN = sql.SQL(
    """
    with newest as (
      select distinct on (external_id) external_id, record_key, payload, as_of_at from staged_rejects
       where external_id is not null order by external_id, ordinal desc),
    compared as (
      select t.id, x.as_of_at, ({names_owners}) as names_owners
        from newest x
        join {table} t on t.tenant_id = %(tenant)s and t.external_id = x.external_id
        join inn8.rejected_records r on r.tenant_id = %(tenant)s and r.entity = %(entity)s
             and r.record_key = x.record_key and r.resolved_at is null and r.as_of_at <= x.as_of_at)
    update {table} t
       set hidden_since = case when not c.names_owners then c.as_of_at end, updated_at = now()
      from compared c
     where t.tenant_id = %(tenant)s and t.id = c.id and c.names_owners = (t.hidden_since is not null)
       and (t.hidden_since is null or t.hidden_since <= c.as_of_at)
    """
)
_NAMES_OWNER = sql.SQL(
    """
    exists (select from {parent} p
             where p.tenant_id = t.tenant_id and p.id = t.{key}
               and json_typeof(inn8_raw.property(x.payload, {property})) = 'string'
               and inn8_raw.property(x.payload, {property}) #>> array[]::text[] = p.external_id)
    """
)


def update_hidden(context: MergeContext) -> int:
    """Hide the rows whose open reject does not name their owner, and show again those whose open reject does.

    Call it after the staged rejects are stored. Return the number of rows that changed.
    """
    references = context.entity.references
    if not references:
        return 0
    names_owners = sql.SQL(" and ").join(map(_names_owner, references))
    return context.run(_UPDATE_HIDDEN.format(table=name_of(context.plan.table), names_owners=names_owners)).rowcount


def _names_owner(reference: Reference) -> sql.Composable:
    return _NAMES_OWNER.format(
        parent=name_of(table_of(reference.parent)),
        key=sql.Identifier(reference.name),
        property=sql.Literal(reference.source.name),
    )
