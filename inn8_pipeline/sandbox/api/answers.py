"""Answers as ASGI sends them: sound ones, and each fault as it looks on the socket."""

import asyncio
import json
from collections.abc import Mapping

from starlette.types import Receive, Scope, Send

from inn8_pipeline.sandbox.api.faults import Fault
from inn8_pipeline.sandbox.errors import WrongTransportError

JSON = "application/json; charset=utf-8"
_PAGE = "<!doctype html><title>Maintenance</title><h1>We are back soon</h1>"


class SandboxResponse:
    """A whole answer; `bytes_sent` is what left here of its body."""

    def __init__(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Body and headers as given; the length is added, and JSON is the default type."""
        self.status, self.body = status, body
        self.headers = {"content-type": JSON, **(headers or {})}
        self.bytes_sent = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 (ASGI's)
        """Send it."""
        await self._start(send, len(self.body))
        await send({"type": "http.response.body", "body": self.body})
        self.bytes_sent = len(self.body)

    async def _start(self, send: Send, length: int | None) -> None:
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in self.headers.items()]
        if length is not None:
            headers.append((b"content-length", str(length).encode()))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})


class CutAnswer(SandboxResponse):
    """Half of the body under the whole one's Content-Length, or half of it in chunks; then the connection closes."""

    def __init__(self, sound: SandboxResponse, *, chunked: bool) -> None:
        """Cut the sound answer."""
        super().__init__(sound.status, sound.body, sound.headers)
        self._chunked = chunked

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 (ASGI's)
        """Send half, and leave it unfinished."""
        half = self.body[: len(self.body) // 2]
        await self._start(send, None if self._chunked else len(self.body))
        # The server closes a connection whose answer was left unfinished.
        await send({"type": "http.response.body", "body": half, "more_body": True})
        self.bytes_sent = len(half)


class NoAnswer(SandboxResponse):
    """The connection closes without a byte."""

    def __init__(self) -> None:
        """There is nothing to say."""
        super().__init__(0, b"")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 (ASGI's)
        """Close the connection."""
        transport = getattr(getattr(send, "__self__", None), "transport", None)
        if transport is None:
            raise WrongTransportError(type(send).__name__)
        transport.abort()


class TrickledAnswer(SandboxResponse):
    """The body, byte by byte, with a pause after each."""

    def __init__(self, sound: SandboxResponse, seconds: float) -> None:
        """Slow the sound answer down."""
        super().__init__(sound.status, sound.body, sound.headers)
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 (ASGI's)
        """Send byte after byte, until the reader goes."""
        gone = asyncio.ensure_future(_until_gone(receive))
        await self._start(send, len(self.body))
        for place in range(len(self.body)):
            if gone.done():
                break
            last = place + 1 == len(self.body)
            await send({"type": "http.response.body", "body": self.body[place : place + 1], "more_body": not last})
            self.bytes_sent = place + 1
            await asyncio.wait([gone], timeout=self._seconds)
        gone.cancel()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def of_json(status: int, value: object, headers: Mapping[str, str] | None = None) -> SandboxResponse:
    """Return an answer with this value as JSON."""
    return SandboxResponse(status, json.dumps(value, default=str).encode(), headers)


def of_fault(fault: Fault, sound: SandboxResponse) -> SandboxResponse:  # noqa: PLR0911 (a line for each kind)
    """Return what takes the place of the sound answer."""
    match fault.kind:
        case "status":
            waiting = {} if fault.retry_after is None else {"retry-after": str(fault.retry_after)}
            return of_json(fault.status, {"error": "fault", "message": "Set in the sandbox."}, waiting)
        case "html":
            return SandboxResponse(200, _PAGE.encode(), {"content-type": "text/html; charset=utf-8"})
        case "object":
            return of_json(200, {"error": "unavailable", "message": "Set in the sandbox."})
        case "body":
            return SandboxResponse(200, fault.text.encode())
        case "redirect":
            return SandboxResponse(302, b"", {"location": fault.location})
        case "cut_length" | "cut_chunked":
            return CutAnswer(sound, chunked=fault.kind == "cut_chunked")
        case "trickle":
            return TrickledAnswer(sound, fault.seconds)
        case _:
            return NoAnswer()
