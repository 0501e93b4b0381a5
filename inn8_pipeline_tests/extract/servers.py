"""A scripted INN8 API: a real server on the loopback that sends exactly the bytes that the test gives it."""

import io
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

TOKEN = "/oauth/token"


@dataclass(frozen=True)
class Seen:
    """A request as it arrived."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: str

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query))

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body))


Bytes = bytes | Iterable[bytes]
Script = Bytes | Callable[[Seen], Bytes]


def reply(body: bytes = b"[]", status: int = 200, *, headers: Mapping[str, str] | None = None, **named: str) -> bytes:
    """Return one whole response. `X_Total_Count="5"` becomes X-Total-Count; the length is right unless it is given."""
    given = {name.replace("_", "-"): value for name, value in named.items()} | dict(headers or {})
    given = {"Content-Type": "application/json", "Content-Length": str(len(body))} | given
    head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    return f"HTTP/1.1 {status} Whatever\r\n{head}\r\n".encode() + body


def token_reply(value: str = "token-1", **more: object) -> bytes:
    """Return the response of the token endpoint."""
    return reply(json.dumps({"access_token": value, "token_type": "Bearer", "expires_in": 3600} | more).encode())


def records(*ids: str) -> bytes:
    """Return a page of records with these ids."""
    return json.dumps([{"id": each} for each in ids]).encode()


@dataclass
class Inn8:
    """The scripted server. The scripts of a path are used one by one; the last one stays."""

    listener: socket.socket
    tls: ssl.SSLContext | None = None
    requests: list[Seen] = field(default_factory=list)
    scripts: dict[str, list[Script]] = field(default_factory=lambda: {TOKEN: [token_reply()]})
    connections: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _open: set[socket.socket] = field(default_factory=set)
    _threads: list[threading.Thread] = field(default_factory=list)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.listener.getsockname()[1]}"

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.host}"

    def on(self, path: str, *scripts: Script) -> None:
        """Answer requests of the path with these scripts in turn."""
        self.scripts[path] = list(scripts)

    def seen(self, path: str) -> list[Seen]:
        """Return the requests of one path, in order."""
        return [each for each in self.requests if each.path == path]

    def stop_accepting(self) -> None:
        # Wakes accept(), which closing alone does not.
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def hang_up(self) -> None:
        """End all connections and their threads. `serve` has returned, so that no thread is yet to be started."""
        with self._lock:
            still_open = list(self._open)
        for each in still_open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            connection.settimeout(20)
            if self.tls is not None:
                connection = self.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
            thread = threading.Thread(target=self._talk, args=(connection,))
            with self._lock:
                self.connections += 1
                self._open.add(connection)
                self._threads.append(thread)
            thread.start()

    def _talk(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as reader, suppress(OSError):
            while (seen := _read(reader)) is not None:
                for part in self._answer(seen):
                    connection.sendall(part)
        with self._lock:
            self._open.discard(connection)

    def _answer(self, seen: Seen) -> Iterable[bytes]:
        with self._lock:
            self.requests.append(seen)
            scripts = self.scripts.get(seen.path, [reply(b"{}", 404)])
            script = scripts.pop(0) if len(scripts) > 1 else scripts[0]
        parts = script(seen) if callable(script) else script
        return (parts,) if isinstance(parts, bytes) else parts


class HangUpError(OSError):
    """Raised within a script's parts: the server closes the connection there."""


def _read(reader: io.BufferedReader) -> Seen | None:
    if reader.peek(1)[:1] == b"\x16":  # TLS, which this server does not speak
        return None
    lines: list[str] = []
    while line := reader.readline().decode("latin-1").strip():
        lines.append(line)
    if not lines or not lines[0].endswith(" HTTP/1.1"):
        return None
    method, target, _ = lines[0].split(" ")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
    body = reader.read(int(headers.get("content-length", "0"))).decode()
    return Seen(method, target, headers, body)


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[Inn8]:
    """Run a server until the end of the `with`."""
    server = Inn8(socket.create_server(("127.0.0.1", 0)), tls)
    accepting = threading.Thread(target=server.serve)
    accepting.start()
    try:
        yield server
    finally:
        server.stop_accepting()
        accepting.join(10)
        server.hang_up()


def cut(response: bytes, keep: int) -> Callable[[Seen], Iterator[bytes]]:
    """Return a script that sends the first `keep` bytes of a response and then hangs up."""

    def parts(_: Seen) -> Iterator[bytes]:
        yield response[:keep]
        raise HangUpError

    return parts
