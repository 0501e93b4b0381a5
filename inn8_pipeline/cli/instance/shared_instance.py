"""One Dagster instance for a command that uses it again and again."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cached_property

from dagster import DagsterInstance, RepositoryDefinition

from inn8_pipeline.cli.instance.instance import open_instance, storage_guarded
from inn8_pipeline.definitions import defs
from inn8_pipeline.errors import Inn8Error
from inn8_pipeline.settings import Environment


class SharedInstance:
    """The Dagster instance and the definitions, which are opened once, when the first check needs them.

    An instance that cannot be opened is not tried again: each attempt may take until its timeout.
    """

    def __init__(self, environment: Environment, opened: ExitStack) -> None:
        """Open the instance of these settings when it is needed, until `opened` is closed."""
        self._environment = environment
        self._opened = opened
        self._instance: DagsterInstance | None = None
        self._error: Inn8Error | None = None

    @contextmanager
    def instance(self) -> Iterator[DagsterInstance]:
        """Yield the instance; an error of its storage in the block is a `DagsterStorageError`."""
        if self._error is not None:
            raise self._error
        if self._instance is None:
            # Definitions that are built while an instance is open read its storage, which may not work.
            with suppress(Inn8Error):
                _ = self.repository
            try:
                self._instance = self._opened.enter_context(open_instance(self._environment))
            except Inn8Error as error:
                self._error = error
                raise
        with storage_guarded():
            yield self._instance

    @cached_property
    def repository(self) -> RepositoryDefinition:
        """The definitions, whose schedules and sensors should be on."""
        return defs().get_repository_def()
