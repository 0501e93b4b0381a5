"""Import modules when they are first used, so that the definitions load quickly.

Every code server, daemon and command loads the definitions. Without the modules that only a sync needs they load in
half of the time: SQLAlchemy, psycopg and Alembic cost 0.6 s and 30 MB, httpx and stamina 0.3 s and 20 MB, pandas and
pyarrow 0.3 s and 60 MB. A sync that finds nothing changed does not need the last two either.
The help of a command needs none of them, nor rich (0.07 s): `inn8 sync --help` takes 0.3 s of CPU time, not 1.1 s.

All other imports are at the top of their modules, with two exceptions. Functions import packages that may not be
installed: Celery and Kubernetes, and in the sandbox psutil and platformdirs. The commands load Dagster by
`cli.support.dagster_modules`, and are loaded by `cli.support.group`, because `inn8 --help` needs neither.
"""

from importlib import import_module
from types import ModuleType


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
