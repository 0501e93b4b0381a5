"""Build the image without an engine: run the Dockerfile's steps, one after another, in a folder instead of `/`.

Only the user is left out, because it needs root. RUN lines are run by a shell, COPY copies the files that .dockerignore
admits, ENV and CMD are read.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from inn8_pipeline_tests.deploy.files import DEPLOY, ROOT, Instruction, stage

MOVED = ("/wheels", "/build", "/opt/inn8", "/srv/inn8", "/usr/local/bin", "/run/secrets")
SECONDS = 600
# The RUN lines use the machine's Python and its pip, which the environment itself does not have.
PYTHON = os.environ.get("DEPLOY_PYTHON") or getattr(sys, "_base_executable", sys.executable)


@dataclass(frozen=True)
class Image:
    """A folder that replaces the root of a container's file system."""

    root: Path

    def path(self, text: str) -> str:
        """Return the text with the image's absolute paths replaced by paths in this folder."""
        for each in MOVED:
            text = text.replace(each, f"{self.root}{each}")
        return text

    def build(self, *stages: str) -> None:
        """Run the instructions of these stages."""
        self._provide_python()
        for instruction in (each for name in stages for each in stage(name)):
            if instruction.keyword == "RUN" and "useradd" not in instruction.text:
                self._run(instruction.text)
            elif instruction.keyword == "COPY" and "--from" not in instruction.text:
                self._copy(instruction)
            elif instruction.keyword == "WORKDIR":
                Path(self.path(instruction.text)).mkdir(parents=True, exist_ok=True)

    def variables(self) -> dict[str, str]:
        """Return the image's environment variables, without any of this machine's."""
        (text,) = (each.text for each in stage("base") if each.keyword == "ENV")
        given = dict(word.split("=", 1) for word in text.split())
        path = f"{self.root}/opt/inn8/bin:{self.root}/usr/local/bin:/usr/bin:/bin"
        return {name: self.path(value) for name, value in given.items()} | {"PATH": path, "HOME": str(self.root)}

    def program(self, name: str) -> str | None:
        """Return the path of this program in the image, if it has it; programs of the base image do not count."""
        path = f"{self.root}/opt/inn8/bin:{self.root}/usr/local/bin"
        return shutil.which(name, path=path)

    def _provide_python(self) -> None:
        folder = self.root / "base"
        folder.mkdir(parents=True, exist_ok=True)
        for name, arguments in (("python", ""), ("pip", "-m pip --disable-pip-version-check --no-input")):
            script = folder / name
            script.write_text(f'#!/bin/sh\nexec "{PYTHON}" {arguments} "$@"\n', encoding="utf-8")
            script.chmod(0o755)

    def _run(self, text: str) -> None:
        environment = {**os.environ, "PATH": f"{self.root}/base:{os.environ['PATH']}"}
        done = subprocess.run(
            ["sh", "-ec", self.path(text)], cwd=self.root / "build", env=environment, check=False, timeout=SECONDS,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        assert done.returncode == 0, (text, done.stdout[-4000:])

    def _copy(self, instruction: Instruction) -> None:
        *sources, target = instruction.words
        folder = self.root / "build" if not target.startswith("/") else Path("/")
        for source in sources:
            assert is_sent(source), f".dockerignore keeps {source} out"
            to = folder / self.path(target)
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, to, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                to = to / Path(source).name if target.endswith("/") else to
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / source, to)


def is_sent(path: str) -> bool:
    """Return whether the build can read this file or folder of the repository."""
    lines = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in lines, "everything is to be kept out that is not let in by name"
    return f"!{path}" in lines
