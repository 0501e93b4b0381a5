"""ASGI responses: the regular one, and those of the faults that replace it."""

import asyncio
import json
from collections.abc import Mapping

from starlette.types import Receive, Scope, Send

from inn8_pipeline.sandbox.api.faults import Fault
from inn8_pipeline.sandbox.errors import WrongTransportError

JSON = "application/json; charset=utf-8"
_PAGE = "<!doctype html><title>Maintenance</title><h1>We are back soon</h1>"


class SandboxResponse:
    """A complete response, by default JSON. `bytes_sent` counts the bytes of the body that were sent."""

    def __init__(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.status, self.body = status, body
        self.headers = {"content-type": JSON, **(headers or {})}
        self.bytes_sent = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 (ASGI's)
        """Send the response."""
        await self._start(send, len(self.body))
        await send({"type": "http.response.body", "body": self.body})
        self.bytes_sent = len(self.body)

    async def _start(self, send: Send, length: int | None) -> None:
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in self.headers.items()]
        if length is not None:
            headers.append((b"content-length", str(length).encode()))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})


class TruncatedResponse(SandboxResponse):
    """Half of the body, with the Content-Length of all of it or in chunks; then the connection closes."""

    def __init__(self, regular: SandboxResponse, *, chunked: bool) -> None:
        super().__init__(regular.status, regular.body, regular.headers)
        self._chunked = chunked

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 (ASGI's)
        """Send half of the body and leave the response unfinished."""
        half = self.body[: len(self.body) // 2]
        await self._start(send, None if self._chunked else len(self.body))
        # uvicorn closes the connection of an unfinished response.
        await send({"type": "http.response.body", "body": half, "more_body": True})
        self.bytes_sent = len(half)


class DroppedConnection(SandboxResponse):
    """No response: the connection closes without a byte."""

    def __init__(self) -> None:
        super().__init__(0, b"")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 (ASGI's)
        """Close the connection."""
        transport = getattr(getattr(send, "__self__", None), "transport", None)
        if transport is None:
            raise WrongTransportError(type(send).__name__)
        transport.abort()


class TrickledResponse(SandboxResponse):
    """The body, byte by byte, with a pause after each byte."""

    def __init__(self, regular: SandboxResponse, seconds: float) -> None:
        super().__init__(regular.status, regular.body, regular.headers)
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 (ASGI's)
        """Send byte after byte, until the client disconnects."""
        gone = asyncio.ensure_future(_until_gone(receive))
        await self._start(send, len(self.body))
        for index in range(len(self.body)):
            if gone.done():
                break
            last = index + 1 == len(self.body)
            await send({"type": "http.response.body", "body": self.body[index : index + 1], "more_body": not last})
            self.bytes_sent = index + 1
            await asyncio.wait([gone], timeout=self._seconds)
        gone.cancel()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def json_response(status: int, value: object, headers: Mapping[str, str] | None = None) -> SandboxResponse:
    """Return a response with this value as JSON."""
    return SandboxResponse(status, json.dumps(value, default=str).encode(), headers)


def fault_response(fault: Fault, regular: SandboxResponse) -> SandboxResponse:  # noqa: PLR0911 (a line for each kind)
    """Return the response that replaces the regular one."""
    match fault.kind:
        case "status":
            headers = {} if fault.retry_after is None else {"retry-after": str(fault.retry_after)}
            return json_response(fault.status, {"error": "fault", "message": "Set in the sandbox."}, headers)
        case "html":
            return SandboxResponse(200, _PAGE.encode(), {"content-type": "text/html; charset=utf-8"})
        case "object":
            return json_response(200, {"error": "unavailable", "message": "Set in the sandbox."})
        case "body":
            return SandboxResponse(200, fault.text.encode())
        case "redirect":
            return SandboxResponse(302, b"", {"location": fault.location})
        case "cut_length" | "cut_chunked":
            return TruncatedResponse(regular, chunked=fault.kind == "cut_chunked")
        case "trickle":
            return TrickledResponse(regular, fault.seconds)
        case _:
            return DroppedConnection()
