"""The imitated API over HTTP: token, collections, and a control of its own under `/_sandbox` that INN8 does not have.

What is served comes from the world, what goes wrong from the faults; here is only what a request becomes.
"""

import asyncio
import dataclasses
import json
from collections.abc import Callable  # noqa: TC003 (a reader of the type hints may ask for it at run time)
from typing import Any, cast

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from inn8_pipeline.sandbox.api.answers import SandboxResponse, of_fault, of_json
from inn8_pipeline.sandbox.api.faults import Faults, Met, Path
from inn8_pipeline.sandbox.api.pages import Habits, Pages, Query, ServedPage
from inn8_pipeline.sandbox.api.stats import Stats
from inn8_pipeline.sandbox.api.tokens import Refusal, Tokens
from inn8_pipeline.sandbox.errors import BadQueryError, UnknownNameError, WrongTransportError
from inn8_pipeline.sandbox.world.world import COLLECTIONS, Collection, World

LARGEST_BODY = 1_000_000


class SandboxApp:
    """An ASGI application over a world. `on_request(path, query)` is called before each answer of a collection."""

    def __init__(self, world: World, tokens: Tokens, habits: Habits) -> None:
        """Begin without faults."""
        self.world, self.tokens, self.habits = world, tokens, habits
        self.faults, self.stats = Faults(), Stats()
        self.on_request: Callable[[str, str], None] | None = None
        self._pages = Pages(world)

    def warm(self) -> None:
        """Render all pages now."""
        self._pages.warm(self.habits)

    def close(self) -> None:
        """Give temporary files back; the world stays."""
        self._pages.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            raise WrongTransportError(scope["type"])
        request = Request(scope, receive)
        method, path, query = request.method, request.url.path, request.url.query
        if path.startswith("/_sandbox/"):
            await (await self._control(request))(scope, receive, send)
            return
        self.stats.begin(path, request.headers.get("user-agent", ""))
        answer = SandboxResponse(0, b"")
        try:
            answer = await self._answer(request)
            await answer(scope, receive, send)
        finally:
            self.stats.end(method, path, query, answer.status, answer.bytes_sent)

    async def _answer(self, request: Request) -> SandboxResponse:
        route = {"/oauth/token": "POST"} | {f"/{name}": "GET" for name in COLLECTIONS}
        wanted = route.get(request.url.path)
        if wanted is None:
            return of_json(404, {"error": "not_found"})
        if request.method != wanted:
            return of_json(405, {"error": "method_not_allowed"}, {"allow": wanted})
        if request.url.path == "/oauth/token":
            return await self._token(request)
        return await self._collection(request, cast("Collection", request.url.path[1:]))

    async def _token(self, request: Request) -> SandboxResponse:
        met = self.faults.take("token")
        await self._wait(met, 0)
        body = await _body(request)
        if body is None:
            return of_json(413, {"error": "invalid_request"})
        granted = self.tokens.grant(request.headers.get("content-type", ""), body)
        if isinstance(granted, Refusal):
            sound = of_json(granted.status, {"error": granted.error, "error_description": granted.description})
        else:
            answer = {"access_token": granted, "token_type": "Bearer", "expires_in": self.tokens.expires_in}
            sound = of_json(200, answer, {"cache-control": "no-store"})
        fault = met.answer()
        return of_fault(fault, sound) if fault else sound

    async def _collection(self, request: Request, collection: Collection) -> SandboxResponse:
        met = self.faults.take(cast("Path", collection), _page_number(request))
        if "revoke" in met:
            self.tokens.revoke_all()
        if not self.tokens.accepts(request.headers.get("authorization", "")):
            return of_json(401, {"error": "invalid_token"}, {"www-authenticate": 'Bearer error="invalid_token"'})
        if self.on_request is not None:
            self.on_request(request.url.path, request.url.query)
        await self._wait(met, self.habits.delay)
        try:
            sound = self._page(request, collection, met)
        except BadQueryError as error:
            return of_json(400, {"error": "bad_request", "message": str(error)})
        fault = met.answer()
        return of_fault(fault, sound) if fault else sound

    def _page(self, request: Request, collection: Collection, met: Met) -> SandboxResponse:
        habits = dataclasses.replace(
            self.habits,
            pascal=self.habits.pascal or "pascal" in met,
            paging=self.habits.paging and "no_paging" not in met,
            windows=self.habits.windows and "no_windows" not in met,
            last_link=self.habits.last_link and "no_last" not in met,
            total_count=self.habits.total_count and "no_total" not in met,
        )
        query = Query.read(request.query_params, habits)
        compress = "gzip" in request.headers.get("accept-encoding", "")
        page = self._pages.page(collection, query, habits, compress=compress)
        headers = {"content-encoding": "gzip"} if page.is_compressed else {}
        if habits.paging:
            headers |= _paging_headers(request, page, query, habits, met)
        return SandboxResponse(200, page.body, headers | {"vary": "accept-encoding"})

    async def _wait(self, met: Met, seconds: float) -> None:
        fault = met.get("delay")
        seconds += fault.seconds if fault else 0
        if seconds:
            await asyncio.sleep(seconds)

    async def _control(self, request: Request) -> SandboxResponse:
        body = await _body(request)
        try:
            match request.method, request.url.path:
                case "GET", "/_sandbox/stats":
                    return of_json(200, self.stats.as_json() | {"tokens_issued": self.tokens.issued})
                case "GET", "/_sandbox/faults":
                    return of_json(200, [dataclasses.asdict(fault) for fault in self.faults.pending()])
                case "DELETE", "/_sandbox/faults":
                    self.faults.clear()
                case "POST", "/_sandbox/faults":
                    given = json.loads(body or b"")
                    for fault in given if isinstance(given, list) else [given]:
                        self.faults.add(**fault)
                case "POST", "/_sandbox/change":
                    return of_json(200, {"changed": self._change(**json.loads(body or b""))})
                case _:
                    return of_json(404, {"error": "not_found"})
        except (ValueError, TypeError) as error:
            return of_json(400, {"error": "bad_request", "message": str(error)})
        return of_json(200, {})

    def _change(self, collection: str, fraction: float, salt: str = "") -> int:
        if collection not in COLLECTIONS:
            raise UnknownNameError("collection", [collection], COLLECTIONS)
        return self.world.change_fraction(collection, fraction, salt)


def _paging_headers(request: Request, page: ServedPage, query: Query, habits: Habits, met: Met) -> dict[str, str]:
    links = page.links(str(request.url.replace(query="")), query, with_last=habits.last_link)
    foreign = met.get("foreign_next")
    if foreign:
        links = f'<{foreign.location}>; rel="next"'
    elif "loop_next" in met:
        links = f'<{request.url}>; rel="next"'
    headers = {"link": links}
    if habits.total_count:
        headers["x-total-count"] = str(page.total + ("wrong_total" in met))
    return headers


def _page_number(request: Request) -> int | None:
    text = request.query_params.get("page", "1")
    return int(text) if text.isascii() and text.isdigit() else None


async def _body(request: Request) -> bytes | None:
    """Return the request's body; None where it is longer than anybody needs."""
    parts: list[Any] = []
    async for part in request.stream():
        parts.append(part)
        if sum(map(len, parts)) > LARGEST_BODY:
            return None
    return b"".join(parts)
