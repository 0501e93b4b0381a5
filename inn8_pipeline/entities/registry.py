"""The entities that the pipeline knows, in the order in which they depend on each other."""

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager

from inn8_pipeline.entities.clients import CLIENTS
from inn8_pipeline.entities.portfolios import PORTFOLIOS
from inn8_pipeline.entities.transactions import TRANSACTIONS
from inn8_pipeline.entities.types import Dimension, Entity
from inn8_pipeline.errors import UnknownEntityError


class Registry(Collection[Entity]):
    """The declared entities, parents before children."""

    def __init__(self, entities: Iterable[Entity]) -> None:
        self._entities: list[Entity] = []
        for entity in entities:
            self.register(entity)

    def __iter__(self) -> Iterator[Entity]:
        """Yield the entities, parents before children."""
        return iter(tuple(self._entities))

    def __contains__(self, entity: object) -> bool:
        """Return whether this entity is registered."""
        return entity in self._entities

    def __len__(self) -> int:
        """Return the number of entities."""
        return len(self._entities)

    def named(self, name: str) -> Entity:
        """Return the entity of this name.

        Raises:
            UnknownEntityError: No entity of this name is declared.

        """
        for entity in self._entities:
            if entity.name == name:
                return entity
        raise UnknownEntityError(name, tuple(map(str, self._entities)))

    def by_singular(self) -> dict[str, Entity]:
        """Return the entities by their singular names, such as `client`."""
        return {entity.singular: entity for entity in self._entities}

    def children_of(self, parent: Entity) -> tuple[Entity, ...]:
        """Return the entities that refer to this one."""
        return tuple(entity for entity in self._entities if any(each.parent is parent for each in entity.references))

    def dimensions(self) -> tuple[Dimension, ...]:
        """Return the dimensions that the entities fill, each once."""
        return tuple(dict.fromkeys(each for entity in self._entities for each in entity.dimensions))

    def register(self, entity: Entity) -> None:
        """Add an entity, whose parents must be registered before it.

        Raises:
            ValueError: Its name is taken, or a parent of it is not registered.

        """
        taken = {name for each in self._entities for name in (each.name, each.singular, *each.tables)}
        missing = [each.parent.name for each in entity.references if each.parent not in self._entities]
        if taken & {entity.name, entity.singular} or missing:
            message = f"{entity.name} cannot be registered: taken names {taken}, missing parents {missing}"
            raise ValueError(message)
        self._entities.append(entity)

    @contextmanager
    def registered(self, entity: Entity) -> Iterator[None]:
        """Register an entity for as long as the context is open."""
        self.register(entity)
        try:
            yield
        finally:
            self._entities.remove(entity)


ENTITIES = Registry((CLIENTS, PORTFOLIOS, TRANSACTIONS))
