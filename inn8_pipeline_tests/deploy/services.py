"""Run the services of compose.yaml as processes on this machine: their commands, variables, secrets, health checks.

Differences from containers: all listen on loopback, each on a free port, and the folder of an `Image` is their root.
"""

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from inn8_pipeline_tests.deploy.files import load, stage
from inn8_pipeline_tests.deploy.image import Image

SECONDS_TO_START = 120.0
SECONDS_TO_STOP = 20.0
SECONDS_TO_ANSWER = 60.0


def interpolated(text: str, given: Mapping[str, str]) -> str:
    """Return the text with ${NAME}, ${NAME:-default} and ${NAME:?complaint} as compose replaces them."""

    def value(match: "re.Match[str]") -> str:
        name, kind, rest = match.groups()
        if name not in given and kind == ":?":
            raise KeyError(name)
        return given.get(name, rest or "")

    return re.sub(r"\$\{(\w+)(?:(:[-?])([^}]*))?\}", value, text)


class Service:
    """One service of compose.yaml. `ports` maps the ports of the containers to those on this machine."""

    def __init__(self, name: str, image: Image, given: Mapping[str, str], ports: Mapping[str, str]) -> None:
        self.name, self._image, self._ports = name, image, ports
        self._said: dict[str, Any] = load("deploy/compose.yaml")["services"][name]
        given_variables = self._said.get("environment", {})
        variables = {each: image.path(interpolated(str(value), given)) for each, value in given_variables.items()}
        self._environment = {**image.variables(), **self._settings(given), **variables}

    def run(self) -> str:
        """Run the command, which must succeed, and return its output."""
        return self._done(self._moved(self.command))

    def ask(self, *command: str) -> str:
        """Run another command in this service, as `docker compose exec` does, and return its output."""
        return self._done(self._moved(list(command)))

    @contextmanager
    def running(self, log: Path) -> Iterator["Service"]:
        """Run the service until the context ends; it is healthy when this is entered."""
        with log.open("w", encoding="utf-8") as output:
            process = subprocess.Popen(
                self._moved(self.command), env=self._environment, cwd=self._folder, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip
        try:
            self._wait(process, log)
            yield self
        finally:
            process.terminate()
            try:
                process.wait(SECONDS_TO_STOP)
            finally:
                _kill_what_is_left(process)

    @property
    def command(self) -> list[str]:
        """Entry point and command, as the first process of the container runs them."""
        (entry,) = (each.words for each in stage("base") if each.keyword == "ENTRYPOINT")
        target = self._said.get("build", {"target": "pipeline"})["target"]
        (default,) = (each.words for each in stage(target) if each.keyword == "CMD")
        command: list[str] = self._said.get("command", default)
        return entry + command

    @property
    def health_check(self) -> list[str]:
        """The command of the health check."""
        kind, *words = self._said["healthcheck"]["test"]
        assert kind == "CMD"
        return [str(word) for word in words]

    @property
    def _folder(self) -> Path:
        return self._image.root / "srv" / "inn8"

    def _settings(self, given: Mapping[str, str]) -> dict[str, str]:
        """Return the settings of `settings.env`, if the service reads that file."""
        return dict(given) if "env_file" in self._said else {}

    def _moved(self, words: list[str]) -> list[str]:
        program, *rest = words
        found = self._image.program(program)
        assert found is not None, f"the image has no program {program}"
        return [found, *(self._here(word) for word in rest)]

    def _here(self, word: str) -> str:
        word = word.replace("0.0.0.0", "127.0.0.1")  # noqa: S104 (what the container says, and this machine must not)
        for theirs, ours in self._ports.items():
            word = re.sub(rf"\b{theirs}\b", ours, word)
        return word

    def _done(self, words: list[str]) -> str:
        done = subprocess.run(
            words, env=self._environment, cwd=self._folder, text=True, timeout=SECONDS_TO_ANSWER, check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert done.returncode == 0, (words, done.stdout[-4000:])
        return done.stdout

    def _wait(self, process: "subprocess.Popen[bytes]", log: Path) -> None:
        ends_at = time.monotonic() + SECONDS_TO_START
        while True:
            try:
                self._done(self._moved(self.health_check))
            except AssertionError as unwell:
                if process.poll() is not None or time.monotonic() > ends_at:
                    raise AssertionError(self.name, log.read_text(encoding="utf-8")[-4000:]) from unwell
                time.sleep(0.5)
            else:
                return


def _kill_what_is_left(process: "subprocess.Popen[bytes]") -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()
