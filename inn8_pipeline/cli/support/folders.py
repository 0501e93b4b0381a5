"""Locate this program's folder in the user's data directory and the files that the package contains."""

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import inn8_pipeline
from inn8_pipeline.lazy_imports import lazy_module

if TYPE_CHECKING:
    from inn8_pipeline.sandbox.postgres import embedded
else:
    embedded = lazy_module("inn8_pipeline.sandbox.postgres.embedded")


def data_folder() -> Path:
    """Return the path of this program's folder in the user's data directory. It is not created."""
    return embedded.default_folder().parent


def packaged(name: str) -> Path:
    """Return the path of a file of the repository's top level. A wheel contains it in the package's folder."""
    package = Path(inn8_pipeline.__file__).parent
    within = package / name
    return within if within.is_file() else package.parent / name


def folder_of_commands() -> Path | None:
    """Return the folder of the program `inn8` if it is not on the path; None if `inn8` can be typed as it is."""
    folder = Path(sys.executable).parent
    return folder if shutil.which("inn8") is None and (folder / "inn8").is_file() else None


def write_instance(home: Path) -> Path:
    """Create `home` as a DAGSTER_HOME and return it. If its dagster.yaml is not the packaged one, overwrite it."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    packaged_yaml, yaml = packaged("dagster.yaml").read_bytes(), home / "dagster.yaml"
    if not yaml.is_file() or yaml.read_bytes() != packaged_yaml:
        yaml.write_bytes(packaged_yaml)
    return home
