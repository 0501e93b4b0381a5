"""The sandbox as a running server: in a thread of this process, or alone until a signal ends it. Loopback only."""

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
from inn8_pipeline.sandbox.api.pages import Habits
from inn8_pipeline.sandbox.api.stats import Stats
from inn8_pipeline.sandbox.api.tokens import Tokens
from inn8_pipeline.sandbox.errors import ServerNotRunningError, ServerStuckError
from inn8_pipeline.sandbox.world.world import World

LOOPBACK = "127.0.0.1"
CLIENT_ID = "sandbox-client"
CLIENT_SECRET = "sandbox-secret"  # noqa: S105 (opens nothing but seeded data on this machine)
SECONDS_TO_START = 15.0
SECONDS_TO_STOP = 15.0


class SandboxServer:
    """Serves a world at `base_url` from a background thread, between `start` and `stop` or in a `with` block.

    `faults`, `stats`, `tokens`, `habits` and `world` may be used from any thread while it runs. The world stays open
    when the server stops.
    """

    def __init__(  # noqa: PLR0913 (all but the world by name)
        self, world: World, *, port: int = 0, client_id: str = CLIENT_ID, client_secret: str = CLIENT_SECRET,
        expires_in: float = 3600, habits: Habits | None = None,
    ) -> None:  # fmt: skip
        """Prepare; nothing listens yet. Port 0 takes a free one."""
        self.world = world
        self.client_id, self.client_secret = client_id, client_secret
        self.habits = habits or Habits()
        self.tokens = Tokens(client_id, client_secret, expires_in)
        self.app = SandboxApp(world, self.tokens, self.habits)
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
        """What goes wrong on purpose."""
        return self.app.faults

    @property
    def stats(self) -> Stats:
        """What was asked."""
        return self.app.stats

    @property
    def base_url(self) -> str:
        """The address, without a slash at its end; only while it runs."""
        if self._socket is None:
            raise ServerNotRunningError
        return f"http://{LOOPBACK}:{self._socket.getsockname()[1]}"

    def warm(self) -> None:
        """Render all pages now, so that a benchmark measures its client and not this server."""
        self.app.warm()

    def start(self) -> None:
        """Listen, and return when requests are answered."""
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
        ends_at = time.monotonic() + SECONDS_TO_START
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > ends_at:
                self.stop()
                raise ServerStuckError("start", SECONDS_TO_START)
            time.sleep(0.005)

    def stop(self) -> None:
        """Stop listening, end what is under way within a second, and leave no thread. Twice is once."""
        server, thread, listening = self._server, self._thread, self._socket
        self._server = self._thread = self._socket = None
        if server is None or thread is None or listening is None:
            return
        server.should_exit = True
        thread.join(SECONDS_TO_STOP)
        listening.close()
        self.app.close()
        if thread.is_alive():
            raise ServerStuckError("stop", SECONDS_TO_STOP)


def serve(server: SandboxServer, announce: Callable[[SandboxServer], None]) -> None:
    """Run the server until SIGINT or SIGTERM; `announce` is called once, when it answers. Main thread only."""
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
