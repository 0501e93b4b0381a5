"""Read the files of `deploy/`: YAML, the Dockerfile's instructions, the names of settings."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from inn8_pipeline_tests.variables import read_by_name

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


@dataclass(frozen=True)
class Instruction:
    """One instruction of the Dockerfile: `keyword` in capitals, `text` on one line, and its stage."""

    stage: str
    keyword: str
    text: str

    @property
    def words(self) -> list[str]:
        """The arguments, without flags such as `--chmod`; for CMD, ENTRYPOINT and so on the parsed list."""
        if self.text.startswith("["):
            listed: list[str] = yaml.safe_load(self.text)
            return listed
        return [word for word in shlex.split(self.text) if not word.startswith("--")]


def load(name: str) -> Any:  # noqa: ANN401 (YAML can be anything)
    """Return the content of a YAML file of the repository."""
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def dockerfile() -> list[Instruction]:
    """Return the Dockerfile's instructions in order, without comments and the lines before the first stage."""
    return list(_instructions())


def stage(name: str) -> list[Instruction]:
    """Return the instructions of one stage, without those of the stage that it is built on."""
    found = [each for each in dockerfile() if each.stage == name]
    assert found, f"the Dockerfile has no stage {name}"
    return found


def _instructions() -> Iterator[Instruction]:
    lines = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").splitlines()
    kept = "\n".join(line for line in lines if line and not line.startswith("#"))
    current = ""
    for line in kept.replace("\\\n", " ").splitlines():
        keyword, text = line.strip().split(maxsplit=1)
        if keyword == "FROM":
            current = text.rsplit(" AS ", maxsplit=1)[1]
        elif current:
            yield Instruction(current, keyword, re.sub(r"\s+", " ", text))


def known_settings() -> set[str]:
    """Return the names of all settings and of Dagster's storage URL, each also with `_FILE`."""
    names = read_by_name() | {"DAGSTER_POSTGRES_URL"}
    return names | {f"{name}_FILE" for name in names}
