"""Errors of the erasure of a person's data."""

from dataclasses import dataclass

from inn8_pipeline.errors.warehouse import WarehouseError


@dataclass(eq=False)
class StillSentError(WarehouseError):
    """What is to be erased is in INN8's newest responses: the next sync would bring it back."""

    entities: tuple[str, ...]

    def __str__(self) -> str:
        """Return the entities that INN8 sends it with, and the two ways out."""
        return (
            f"INN8 still sends this person's data ({', '.join(self.entities)}): the next sync would bring it back. "
            "Nothing was erased. Let INN8 erase it and sync once more, or erase it anyway with --still-sent."
        )


@dataclass(eq=False)
class NotVacuumedError(WarehouseError):
    """The erasure is done, but the tables could not be vacuumed."""

    condition: str
    statement: str

    def __str__(self) -> str:
        """Return what is done, what is not done, and the statement that does it."""
        return (
            f"The person's data is erased for good, but the tables could not be vacuumed ({self.condition}): its space "
            f"on the disk is not free yet, and the planner's statistics may hold values. Run: {self.statement}"
        )
