"""Run the simulated API on loopback: in a thread of this process, or in the foreground until a signal."""

import signal
import socket
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Self

import uvicorn

from inn8_pipeline.sandbox.api.app import SandboxApp
from inn8_pipeline.sandbox.api.faults import Faults
from inn8_pipeline.sandbox.api.pages import ServerOptions
from inn8_pipeline.sandbox.api.stats import Stats
from inn8_pipeline.sandbox.api.tokens import Tokens
from inn8_pipeline.sandbox.errors import ServerNotRunningError, ServerStuckError
from inn8_pipeline.sandbox.world.world import World

LOOPBACK = "127.0.0.1"
CLIENT_ID = "sandbox-client"
CLIENT_SECRET = "sandbox-secret"  # noqa: S105 (opens nothing but seeded data on this machine)
START_SECONDS = 15.0
STOP_SECONDS = 15.0


class SandboxServer:
    """Serve a world at `base_url` from a background thread, between `start` and `stop` or in a `with` block.

    `faults`, `stats`, `tokens`, `options` and `world` may be used from any thread. Stopping does not close the world.
    Port 0 chooses a free one.
    """

    def __init__(  # noqa: PLR0913 (all but the world by name)
        self, world: World, *, port: int = 0, client_id: str = CLIENT_ID, client_secret: str = CLIENT_SECRET,
        expires_in: float = 3600, options: ServerOptions | None = None,
    ) -> None:  # fmt: skip
        self.world = world
        self.client_id, self.client_secret = client_id, client_secret
        self.options = options or ServerOptions()
        self.tokens = Tokens(client_id, client_secret, expires_in)
        self.app = SandboxApp(world, self.tokens, self.options)
        self._port = port
        self._socket: socket.socket | None = None
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    def __repr__(self) -> str:
        return f"SandboxServer({self.base_url if self._socket else 'stopped'})"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def faults(self) -> Faults:
        """The faults to inject."""
        return self.app.faults

    @property
    def stats(self) -> Stats:
        """The statistics of requests."""
        return self.app.stats

    @property
    def base_url(self) -> str:
        """The address, without a trailing slash.

        Raises:
            ServerNotRunningError: The server is not running.

        """
        if self._socket is None:
            raise ServerNotRunningError
        return f"http://{LOOPBACK}:{self._socket.getsockname()[1]}"

    def warm(self) -> None:
        """Render all pages now, so that a benchmark measures the client and not this server."""
        self.app.warm()

    def start(self) -> None:
        """Start to listen, and return when the server accepts requests."""
        self._socket = socket.create_server((LOOPBACK, self._port), backlog=512)
        config = uvicorn.Config(
            self.app, log_config=None, log_level="critical", access_log=False, lifespan="off", ws="none",
            server_header=False, timeout_graceful_shutdown=1, timeout_keep_alive=60,
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, args=([self._socket],), name="inn8-sandbox", daemon=True
        )
        self._thread.start()
        ends_at = time.monotonic() + START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > ends_at:
                self.stop()
                raise ServerStuckError("start", START_SECONDS)
            time.sleep(0.005)

    def stop(self) -> None:
        """Stop listening, end open requests within a second and join the thread. Stopping again does nothing."""
        server, thread, listening = self._server, self._thread, self._socket
        self._server = self._thread = self._socket = None
        if server is None or thread is None or listening is None:
            return
        server.should_exit = True
        thread.join(STOP_SECONDS)
        listening.close()
        self.app.close()
        if thread.is_alive():
            raise ServerStuckError("stop", STOP_SECONDS)


def serve(server: SandboxServer, announce: Callable[[SandboxServer], None]) -> None:
    """Run the server until SIGINT or SIGTERM, in the main thread; `announce` is called once it accepts requests."""
    ended = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        ended.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with server:
            announce(server)
            ended.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
