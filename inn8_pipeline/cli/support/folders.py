"""Where the command keeps things: its folder in the user's data directory, and the files that come with the package.

Not here: what is in the databases.
"""

from pathlib import Path

import inn8_pipeline
from inn8_pipeline.errors import SettingsError
from inn8_pipeline.sandbox.postgres.embedded import default_folder
from inn8_pipeline.settings import Environment


def data_folder() -> Path:
    """Ours in the user's data directory. Nothing is created."""
    return default_folder().parent


def packaged(name: str) -> Path:
    """A file of the repository's top level: in a clone it lies there, in a wheel within the package."""
    package = Path(inn8_pipeline.__file__).parent
    within = package / name
    return within if within.is_file() else package.parent / name


def write_instance(home: Path) -> Path:
    """Make `home` a DAGSTER_HOME with the packaged dagster.yaml, renewed if it is of another version."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    ours, theirs = packaged("dagster.yaml").read_bytes(), home / "dagster.yaml"
    if not theirs.is_file() or theirs.read_bytes() != ours:
        theirs.write_bytes(ours)
    return home


def dagster_home(environment: Environment) -> Path:
    """DAGSTER_HOME, or where it is not set a folder of ours with the packaged dagster.yaml."""
    named = environment.read("DAGSTER_HOME", "/srv/inn8", default="")
    if not named:
        return write_instance(data_folder() / "dagster")
    home = Path(named).expanduser()
    if not home.is_absolute() or not home.is_dir():
        raise SettingsError("DAGSTER_HOME", "must be the absolute path of a folder", "/srv/inn8")
    return home
