"""A link to Postgres that a test takes down and brings up again: a relay on a TCP port of this machine."""

import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from sqlalchemy import URL


class Link:
    """The link. `port` leads to the server; `carried` is the number of connections that it has carried."""

    def __init__(self, address: tuple[str, int] | str) -> None:
        """Bring it up."""
        self.carried = 0
        self._address = address
        self._pairs: list[socket.socket] = []
        self._lock = threading.Lock()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._is_up = True
        threading.Thread(target=self._accept, daemon=True).start()

    def up(self) -> None:
        """Carry connections again."""
        with self._lock:
            self._is_up = True

    def down(self) -> None:
        """Break all connections, and carry no new ones."""
        with self._lock:
            self._is_up = False
            for each in self._pairs:
                _shut(each)
            self._pairs.clear()

    def close(self) -> None:
        """End it."""
        self.down()
        _shut(self._listening)
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            with self._lock:
                if not self._is_up:
                    client.close()
                    continue
                server = self._connect()
                self._pairs += [client, server]
                self.carried += 1
            threading.Thread(target=_carry, args=(client, server), daemon=True).start()

    def _connect(self) -> socket.socket:
        if isinstance(self._address, tuple):
            return socket.create_connection(self._address)
        server = socket.socket(socket.AF_UNIX)
        server.connect(self._address)
        return server


def _carry(client: socket.socket, server: socket.socket) -> None:
    with client, server, selectors.DefaultSelector() as selector, ExitStack() as shut:
        for each in (client, server):
            shut.callback(_shut, each)
        selector.register(client, selectors.EVENT_READ, server)
        selector.register(server, selectors.EVENT_READ, client)
        while True:
            for key, _ in selector.select():
                try:
                    data = key.fileobj.recv(65536)  # type: ignore[union-attr]
                    key.data.sendall(data)
                except OSError:
                    return
                if not data:
                    return


def _shut(each: socket.socket) -> None:
    try:
        each.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


@contextmanager
def linked(url: URL) -> Iterator[Link]:
    """Yield a link to the server of a URL, which may name a folder with its socket."""
    host = url.host or str(url.query["host"])
    link = Link(f"{host}/.s.PGSQL.{url.port or 5432}" if host.startswith("/") else (host, url.port or 5432))
    try:
        yield link
    finally:
        link.close()
