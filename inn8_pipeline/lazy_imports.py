"""Import modules when they are first used, so that the definitions load quickly.

Every code server, daemon and command loads the definitions. Without the modules that only a sync needs they load in
half of the time: SQLAlchemy, psycopg and Alembic cost 0.6 s and 30 MB, httpx and stamina 0.3 s and 20 MB, pandas and
pyarrow 0.3 s and 60 MB, Dagster's private modules about backfills, schedules and workspaces 0.2 s. A sync that finds
nothing changed does not need pandas and pyarrow either, and one of a single page no numpy (0.1 s).
Only a process that exports spans needs OpenTelemetry (0.15 s).
The help of a command needs none of them, nor rich (0.07 s), the contract or TLS: `inn8 sync --help` takes 0.2 s of CPU
time, not 1.1 s.

All other imports are at the top of their modules, with two exceptions. Functions import packages that may not be
installed: Celery and Kubernetes, and in the sandbox psutil and platformdirs. The commands load Dagster by
`cli.support.dagster_modules`, and are loaded by `cli.support.group`, because `inn8 --help` needs neither.
"""

from collections.abc import Callable, Iterable
from importlib import import_module
from types import ModuleType
from typing import Any


class _LazyModule(ModuleType):
    """A module that imports the real one when an attribute is first used."""

    def __getattr__(self, name: str) -> object:
        """Return the attribute of the real module."""
        return getattr(import_module(self.__name__), name)


def lazy_module(name: str) -> ModuleType:
    """Return the module of this name. It is imported when one of its attributes is first used.

    Unlike `importlib.util.LazyLoader` it is safe with several threads in Python 3.11. Import the module itself under
    `typing.TYPE_CHECKING`, so that its attributes keep their types.
    """
    return _LazyModule(name)


def lazy_names(package: dict[str, Any], modules: Iterable[str]) -> Callable[[str], object]:
    """Return the `__getattr__` of a package that offers the names in its `__all__`, which its modules define.

    A name is imported when it is first used, so that `from package import Name` does not load all modules of the
    package. Import the names under `typing.TYPE_CHECKING` too, so that they keep their types.

    Args:
        package: The `globals()` of the package, which keep the names that were imported.
        modules: The modules of the package, in the order in which they are searched.

    """

    def get(name: str) -> object:
        if name in package["__all__"]:
            for module in modules:
                found = vars(import_module(f"{package['__name__']}.{module}"))
                if name in found:
                    package[name] = found[name]
                    return found[name]
        message = f"module {package['__name__']!r} has no attribute {name!r}"
        raise AttributeError(message)

    return get
