"""Dagster's own settings as commands read them: its folder (DAGSTER_HOME) and the URL of its storage."""

import os
from pathlib import Path

from inn8_pipeline.cli.support.folders import data_folder, write_instance
from inn8_pipeline.errors import SettingsError
from inn8_pipeline.settings import Environment, well_formed

STORAGE_URL = "DAGSTER_POSTGRES_URL"
STORAGE_EXAMPLE = "postgresql+psycopg2://inn8:secret@localhost:5432/dagster"


def dagster_home(environment: Environment) -> Path:
    """Return DAGSTER_HOME. If it is not set, create and return our own folder with the packaged dagster.yaml."""
    named = environment.read("DAGSTER_HOME", "/srv/inn8", default="")
    if not named:
        return write_instance(data_folder() / "dagster")
    home = Path(named).expanduser()
    if not home.is_absolute() or not home.is_dir():
        raise SettingsError("DAGSTER_HOME", "must be the absolute path of a folder", "/srv/inn8")
    return home


def read_storage_url(environment: Environment) -> str | None:
    """Return the URL of Dagster's storage, and set it in this process's environment, where dagster.yaml reads it.

    The URL may come from the file that DAGSTER_POSTGRES_URL_FILE names, which Dagster itself does not read. Return None
    if the instance's dagster.yaml does not use the variable.
    """
    config = dagster_home(environment) / "dagster.yaml"
    if not config.is_file() or STORAGE_URL not in _text(config):
        return None
    url = environment.read(STORAGE_URL, STORAGE_EXAMPLE)
    if not url.startswith("postgresql+psycopg2://"):
        raise SettingsError(STORAGE_URL, "must be a URL that begins with postgresql+psycopg2://", STORAGE_EXAMPLE)
    os.environ[STORAGE_URL] = well_formed(STORAGE_URL, url, STORAGE_EXAMPLE)
    return url


def _text(config: Path) -> str:
    try:
        return config.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        problem = f"names a folder whose dagster.yaml cannot be read ({type(error).__name__}): nothing was run"
        raise SettingsError("DAGSTER_HOME", problem, "/srv/inn8") from None
