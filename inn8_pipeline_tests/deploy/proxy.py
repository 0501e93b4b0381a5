"""Run nginx with the configuration of `deploy/nginx`, in a folder and on ports of its own, and send requests to it."""

import base64
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inn8_pipeline_tests.deploy.files import DEPLOY, ROOT
from inn8_pipeline_tests.deploy.servers import free_port

SECONDS_TO_START = 10.0
AUTH = """        auth_basic "Dagster";
        auth_basic_user_file /etc/inn8/proxy/operators.htpasswd;
"""


@dataclass(frozen=True)
class Answer:
    """A response: status, headers with lower-case names, body."""

    status: int
    headers: Mapping[str, str]
    body: str

    @property
    def json(self) -> Any:  # noqa: ANN401 (JSON)
        """The parsed JSON of the body."""
        return json.loads(self.body)


class _Staying(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_arguments: object) -> None:
        """Do not follow redirects: the test examines them."""


class Proxy:
    """nginx in front of two webservers. `operators` and `onlookers` are its ports."""

    def __init__(self, folder: Path, moved: Mapping[str, str]) -> None:
        """Prepare the folder; `moved` has further replacements for the texts of the configuration."""
        self.folder = folder
        self.operators, self.onlookers = free_port(), free_port()
        self._log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        folders = {"/etc/inn8/proxy": f"{folder}/proxy", "/tmp/": f"{folder}/", "/dev/log": f"{folder}/log"}  # noqa: S108
        self._moved = {"8443": str(self.operators), "8444": str(self.onlookers), **folders, **moved}
        (folder / "proxy").mkdir()
        subprocess.run(
            ["sh", "-c", documented("openssl req")], cwd=folder / "proxy", check=True, stderr=subprocess.DEVNULL
        )
        for users in ("operators", "onlookers"):
            command = ["htpasswd", "-B", "-b", "-c", f"{users}.htpasswd", users, f"{users}-password"]
            subprocess.run(command, cwd=folder / "proxy", check=True, stderr=subprocess.DEVNULL)
        shutil.copytree(DEPLOY / "nginx", folder / "nginx")
        for file in (folder / "nginx").glob("*.conf"):
            file.write_text(self._here(file.read_text(encoding="utf-8")), encoding="utf-8")
        self.tls = ssl.create_default_context(cafile=folder / "proxy" / "tls.crt")

    @contextmanager
    def running(self) -> Iterator["Proxy"]:
        """Run nginx until the context ends; it accepts requests when this is entered."""
        directives = "daemon off;" + (" user root;" if os.geteuid() == 0 else "")
        command = ["nginx", "-c", str(self.folder / "nginx" / "nginx.conf"), "-g", directives]
        self._log.bind(str(self.folder / "log"))
        # Standard output is a socket, as under systemd.
        output, unread = socket.socketpair()
        with self._log, output, unread, (self.folder / "nginx.log").open("w", encoding="utf-8") as log:
            process = subprocess.Popen(command, stdout=output.fileno(), stderr=log)
            try:
                self._wait(process)
                yield self
            finally:
                process.terminate()
                process.wait(SECONDS_TO_START)

    def forget(self) -> None:
        """Read and drop the lines of the log so far: the socket has room for ten, and nginx discards further ones."""
        self._log.settimeout(0)
        with suppress(BlockingIOError):
            while self._log.recv(65_536):
                pass

    def logged(self, words: str) -> str:
        """Return the first line of the log since `forget` that has these words."""
        self._log.settimeout(SECONDS_TO_START)
        while True:
            line = self._log.recv(65_536).decode()
            if words in line:
                return line

    def ask(self, port: int, path: str = "/", user: str = "", body: bytes | None = None, **headers: str) -> Answer:
        """Send a request over TLS as this user; write names of headers with underscores."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if user:
            sent["Authorization"] = authorization(user)
        if body is not None:
            sent["Content-Type"] = "application/json"
        request = urllib.request.Request(f"https://127.0.0.1:{port}{path}", body, sent)
        opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=self.tls), _Staying())
        try:
            with opener.open(request, timeout=30) as answer:
                return _read(answer)
        except urllib.error.HTTPError as answer:
            with answer:
                return _read(answer)

    def graphql(self, port: int, user: str, query: str) -> Any:  # noqa: ANN401 (JSON)
        """Return the data of a GraphQL query."""
        return self.ask(port, "/graphql", user, json.dumps({"query": query}).encode()).json["data"]

    def _here(self, text: str) -> str:
        known = "|".join(re.escape(each) for each in sorted(self._moved, key=len, reverse=True))
        return re.sub(known, lambda match: self._moved[match.group()], text)

    def _wait(self, process: "subprocess.Popen[bytes]") -> None:
        ends_at = time.monotonic() + SECONDS_TO_START
        while True:
            try:
                self.ask(self.operators)
            except OSError:
                if process.poll() is not None or time.monotonic() > ends_at:
                    raise AssertionError((self.folder / "nginx.log").read_text(encoding="utf-8")) from None
                time.sleep(0.1)
            else:
                return


def documented(program: str) -> str:
    """Return the command of docs/deploy.md that begins with this program."""
    text = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    found = re.search(rf"^\$ ({program} (?:.*\\\n)*.*)$", text, re.MULTILINE)
    assert found is not None
    return found.group(1)


def authorization(user: str) -> str:
    """Return the Authorization header of this user."""
    return "Basic " + base64.b64encode(f"{user}:{user}-password".encode()).decode()


def _read(answer: Any) -> Answer:  # noqa: ANN401 (urllib's two kinds)
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return Answer(answer.status, headers, answer.read().decode())
