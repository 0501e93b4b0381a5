"""A shell that runs the commands of a page one after the other and keeps exported variables and the folder."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

SECONDS = 300
_TICK_SECONDS = 0.2
_KEEP = 'code=$?; env -0 > "$0/env"; pwd > "$0/pwd"; exit $code'


class Shell:
    """Bash, started for each command with the variables and in the folder that the command before left."""

    def __init__(self, variables: Mapping[str, str], folder: Path) -> None:
        """Start in `folder`, with these variables and no others."""
        self.variables, self.folder = dict(variables), folder

    def type(self, command: str) -> "subprocess.CompletedProcess[str]":
        """Run a command and wait until it has ended."""
        with TemporaryDirectory() as kept:
            done = subprocess.run(
                ["bash", "-c", f"{command}\n{_KEEP}", kept],
                env=self.variables, cwd=self.folder, timeout=SECONDS, check=False,
                stdin=subprocess.DEVNULL, capture_output=True, text=True,
            )  # fmt: skip
            after = Path(kept, "env").read_bytes().split(b"\0")
            self.variables = dict(os.fsdecode(line).split("=", 1) for line in after if line)
            self.folder = Path(Path(kept, "pwd").read_text(encoding="utf-8").rstrip("\n"))
        return done

    def serve(self, command: str, answers: Callable[[], bool]) -> None:
        """Start a command that does not end, wait until it answers, then kill it with all of its processes."""
        with subprocess.Popen(
            ["bash", "-c", command], env=self.variables, cwd=self.folder, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        ) as started:  # fmt: skip
            ends_at = time.monotonic() + SECONDS
            try:
                while not answers():
                    assert started.poll() is None, f"{command} ended with {started.returncode}"
                    assert time.monotonic() < ends_at, f"{command} did not answer within {SECONDS} s"
                    time.sleep(_TICK_SECONDS)
            finally:
                os.killpg(started.pid, signal.SIGKILL)
