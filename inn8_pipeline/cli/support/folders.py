"""The folder of this program in the user's data directory, and the files that come with the package."""

from pathlib import Path

import inn8_pipeline
from inn8_pipeline.sandbox.postgres.embedded import default_folder


def data_folder() -> Path:
    """Return this program's folder in the user's data directory. Nothing is created."""
    return default_folder().parent


def packaged(name: str) -> Path:
    """Return the path of a file of the repository's top level; in a wheel it lies within the package."""
    package = Path(inn8_pipeline.__file__).parent
    within = package / name
    return within if within.is_file() else package.parent / name


def write_instance(home: Path) -> Path:
    """Make `home` a DAGSTER_HOME with the packaged dagster.yaml, replacing one of another release; return it."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    packaged_yaml, yaml = packaged("dagster.yaml").read_bytes(), home / "dagster.yaml"
    if not yaml.is_file() or yaml.read_bytes() != packaged_yaml:
        yaml.write_bytes(packaged_yaml)
    return home
