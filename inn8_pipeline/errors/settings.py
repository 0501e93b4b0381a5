"""Errors of settings, and of names and days that a caller gives."""

from dataclasses import dataclass

from inn8_pipeline.errors.base import Inn8Error


@dataclass(eq=False)
class SettingsError(Inn8Error):
    """A setting is missing or wrong. `problem` never repeats a secret's value."""

    variable: str
    problem: str
    example: str

    def __str__(self) -> str:
        """Return one line: the variable, what is wrong with it, an example."""
        return f"{self.variable} {self.problem}. Set it, for example: {self.variable}={self.example}"


@dataclass(eq=False)
class ContractFileError(SettingsError):
    """A line of the contract file is wrong. `variable` names the file; `example` is its path."""

    line: int
    key: str

    def __str__(self) -> str:
        """Return the file, the line, the key, what is wrong with it, and what to do."""
        return (
            f"{self.variable} names {self.example}, where line {self.line} is wrong: {self.key} {self.problem}. "
            "Nothing was fetched or written. Correct the line (docs/contract.md has each key), then run "
            "`inn8 contract show`."
        )


@dataclass(eq=False)
class UnknownEntityError(Inn8Error):
    """No entity of this name is declared."""

    name: str
    known: tuple[str, ...]

    def __str__(self) -> str:
        """Return the name, and the names that there are."""
        return (
            f"There is no entity {self.name!r}: nothing was done. The entities are {', '.join(self.known)}; "
            "if a newer release wrote this name, run that release."
        )


@dataclass(eq=False)
class NoDaysError(Inn8Error):
    """A run of an entity with days of trade was launched without any."""

    entity: str

    def __str__(self) -> str:
        """Return what is missing, and how to launch the run."""
        return (
            f"No days of trade were chosen for {self.entity}: nothing was fetched or written. Launch the run again "
            "with a partition, or a range of them."
        )
