"""Which rows and past versions belong to a client, as SQL conditions made from the references of the entities."""

from psycopg import sql

from inn8_pipeline.entities import CLIENTS, ENTITIES, Entity, Reference
from inn8_pipeline.warehouse.schema.landed_pages import pages_of
from inn8_pipeline.warehouse.schema.tables import HISTORY_SCHEMA, SCHEMA


def entities_of_clients() -> list[Entity]:
    """Return the entities whose rows belong to a client, parents before children."""
    found: list[Entity] = []
    for entity in ENTITIES:
        if entity is CLIENTS or any(each.parent in found for each in entity.references):
            found.append(entity)
    return found


def parts(entity: Entity) -> dict[str, sql.Composable]:
    """Return what the statements about an entity are made of."""
    return {
        "table": _table(entity),
        "belongs": _belongs(entity, "t"),
        "history": sql.Identifier(HISTORY_SCHEMA, entity.name),
        "belonged": _belonged(entity, "t"),
        "pages": pages_of("l"),
    }


def _table(entity: Entity) -> sql.Identifier:
    return sql.Identifier(SCHEMA, entity.name)


def references(entity: Entity) -> list[Reference]:
    """Return the references of an entity to entities of clients."""
    known = entities_of_clients()
    return [each for each in entity.references if each.parent in known]


def _belongs(entity: Entity, alias: str) -> sql.Composable:
    """Return the SQL condition that selects the client's rows of the table with this alias."""
    if entity is CLIENTS:
        return sql.SQL("{} = %(client)s").format(sql.Identifier(alias, "external_id"))
    conditions = [
        sql.SQL("{key} in (select {id} from {parent} {inner} where {tenant} = %(tenant)s and ({belongs}))").format(
            key=sql.Identifier(alias, each.name),
            id=sql.Identifier(f"{alias}_", "id"),
            parent=_table(each.parent),
            inner=sql.Identifier(f"{alias}_"),
            tenant=sql.Identifier(f"{alias}_", "tenant_id"),
            belongs=_belongs(each.parent, f"{alias}_"),
        )
        for each in references(entity)
    ]
    return sql.SQL("({})").format(sql.SQL(" or ").join(conditions))


def _belonged(entity: Entity, alias: str) -> sql.Composable:
    """Return the condition that a past version under the alias belongs to the client.

    It does if the client owns its row now, whoever owned the row then, because the records of the row are deleted from
    the landings, too. It also does if it refers to the client, to a row that the client owns now, or to a deleted row
    that the client owned. Versions of rows under a portfolio that has since moved to another client stay, as those
    rows do.
    """
    if entity is CLIENTS:
        return _belongs(entity, alias)
    is_of_own_row = _IS_OF_OWN_ROW.format(
        id=sql.Identifier(alias, "id"), table=_table(entity), belongs=_belongs(entity, "own")
    )
    conditions = [is_of_own_row] + [
        _BELONGED.format(
            is_of_row=_belongs(entity, alias),
            key=sql.Identifier(alias, each.name),
            parent=_table(each.parent),
            history=sql.Identifier(HISTORY_SCHEMA, each.parent.name),
            inner=sql.Identifier(f"{alias}_"),
            belonged=_belonged(each.parent, f"{alias}_"),
        )
        for each in references(entity)
    ]
    return sql.SQL("({})").format(sql.SQL(" or ").join(conditions))


_IS_OF_OWN_ROW = sql.SQL("{id} in (select own.id from {table} own where own.tenant_id = %(tenant)s and {belongs})")
_BELONGED = sql.SQL(
    """
    ({is_of_row} or {key} in (
       select {inner}.id from {history} {inner}
        where {inner}.tenant_id = %(tenant)s and ({belonged})
          and not exists (select from {parent} p where p.tenant_id = {inner}.tenant_id and p.id = {inner}.id)))
    """
)
