"""The simulated API as an ASGI application: token endpoint, collections, and `/_sandbox` to control the simulation."""

import asyncio
import dataclasses
import json
from collections.abc import Callable  # noqa: TC003 (a reader of the type hints may ask for it at run time)
from typing import Any, cast

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from inn8_pipeline.sandbox.api.dialect import Dialect  # noqa: TC001 (likewise)
from inn8_pipeline.sandbox.api.faults import ActiveFaults, FaultPath, Faults
from inn8_pipeline.sandbox.api.limits import LastModified, MinuteLimit, with_etag
from inn8_pipeline.sandbox.api.pages import PageCache, Query, ServedPage, ServerOptions
from inn8_pipeline.sandbox.api.responses import SandboxResponse, fault_response, json_response
from inn8_pipeline.sandbox.api.stats import Stats
from inn8_pipeline.sandbox.api.tokens import TokenRefusal, Tokens
from inn8_pipeline.sandbox.errors import InvalidQueryError, UnknownNameError, WrongTransportError
from inn8_pipeline.sandbox.world.world import COLLECTIONS, Collection, World

MAX_BODY_BYTES = 1_000_000
NOT_MODIFIED = 304


class SandboxApp:
    """Serve a world. `dialects` has the collections that are not served as the built-in contract says.

    `on_request(path, query)` is called before each response of a collection.
    """

    def __init__(self, world: World, tokens: Tokens, options: ServerOptions) -> None:
        self.world, self.tokens, self.options = world, tokens, options
        self.faults, self.stats = Faults(), Stats()
        self.dialects: dict[Collection, Dialect] = {}
        self.on_request: Callable[[str, str], None] | None = None
        self._pages = PageCache(world)
        self._limit = MinuteLimit()
        self._modified = LastModified(world)

    def warm(self) -> None:
        """Render and cache all pages now."""
        self._pages.warm(self.options)

    def close(self) -> None:
        """Close temporary files. The world stays open."""
        self._pages.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            raise WrongTransportError(scope["type"])
        request = Request(scope, receive)
        method, path, query = request.method, request.url.path, request.url.query
        if path.startswith("/_sandbox/"):
            await (await self._control(request))(scope, receive, send)
            return
        self.stats.begin(path, request.headers.get("user-agent", ""))
        response = SandboxResponse(0, b"")
        try:
            response = await self._respond(request)
            await response(scope, receive, send)
        finally:
            self.stats.end(method, path, query, response.status, response.bytes_sent)

    async def _respond(self, request: Request) -> SandboxResponse:
        collections = {self.dialects[name].path if name in self.dialects else f"/{name}": name for name in COLLECTIONS}
        methods = {"/oauth/token": "POST"} | dict.fromkeys(collections, "GET")
        wanted = methods.get(request.url.path)
        if wanted is None:
            return json_response(404, {"error": "not_found"})
        if request.method != wanted:
            return json_response(405, {"error": "method_not_allowed"}, {"allow": wanted})
        if request.url.path == "/oauth/token":
            return await self._token(request)
        return await self._collection(request, collections[request.url.path])

    async def _token(self, request: Request) -> SandboxResponse:
        active = self.faults.take("token")
        await self._wait(active, 0)
        body = await _body(request)
        if body is None:
            return json_response(413, {"error": "invalid_request"})
        granted = self.tokens.grant(request.headers.get("content-type", ""), body)
        if isinstance(granted, TokenRefusal):
            regular = json_response(granted.status, {"error": granted.error, "error_description": granted.description})
        else:
            payload = {"access_token": granted, "token_type": "Bearer", "expires_in": self.tokens.expires_in}
            regular = json_response(200, payload, {"cache-control": "no-store"})
        fault = active.replacing()
        return fault_response(fault, regular) if fault else regular

    async def _collection(self, request: Request, collection: Collection) -> SandboxResponse:
        active = self.faults.take(cast("FaultPath", collection), _page_number(request))
        if "revoke" in active:
            self.tokens.revoke_all()
        if not self.tokens.accepts(request.headers.get("authorization", "")):
            return json_response(401, {"error": "invalid_token"}, {"www-authenticate": 'Bearer error="invalid_token"'})
        limit = self.options.requests_per_minute
        headers, refusal = self._limit.take(limit) if limit else ({}, None)
        if refusal is not None:
            return refusal
        if self.on_request is not None:
            self.on_request(request.url.path, request.url.query)
        await self._wait(active, self.options.delay)
        try:
            regular = self._page(request, collection, active)
        except InvalidQueryError as error:
            return json_response(400, {"error": "bad_request", "message": str(error)})
        regular = self._conditional(request, collection, regular)
        regular.headers |= headers
        fault = active.replacing()
        return fault_response(fault, regular) if fault else regular

    def _conditional(self, request: Request, collection: Collection, regular: SandboxResponse) -> SandboxResponse:
        """Return the response with its validators, or a 304. An ETag precedes a Last-Modified."""
        asked, dialect = request.headers.get("if-none-match", ""), self.dialects.get(collection)
        kind = dialect.conditional if dialect else "no"
        if self.options.etags or kind == "etag":
            regular = with_etag(regular, asked)
        if regular.status != NOT_MODIFIED and (self.options.last_modified or kind == "last-modified"):
            since = "" if asked else request.headers.get("if-modified-since", "")
            regular = self._modified.add(regular, since)
        return regular

    def _page_in_dialect(self, request: Request, collection: Collection) -> SandboxResponse:
        dialect = self.dialects[collection]
        query = dialect.query(request.query_params, self.options)
        page = self._pages.page(collection, query, self.options, compress=False)
        total = {"records": page.total, "pages": page.last}.get(dialect.total_unit)
        announced = None if total is None else total + self.options.total_off_by
        body, headers = dialect.rendered(page, query, str(request.url.replace(query="")), announced)
        return SandboxResponse(200, body, headers)

    def _page(self, request: Request, collection: Collection, active: ActiveFaults) -> SandboxResponse:
        if collection in self.dialects:
            return self._page_in_dialect(request, collection)
        options = dataclasses.replace(
            self.options,
            pascal=self.options.pascal or "pascal" in active,
            paging=self.options.paging and "no_paging" not in active,
            windows=self.options.windows and "no_windows" not in active,
            last_link=self.options.last_link and "no_last" not in active,
            total_count=self.options.total_count and "no_total" not in active,
        )
        query = Query.parse(request.query_params, options)
        compress = "gzip" in request.headers.get("accept-encoding", "")
        served = dataclasses.replace(query, page=1) if "same_page" in active else query
        page = self._pages.page(collection, served, options, compress=compress)
        headers = {"content-encoding": "gzip"} if page.is_compressed else {}
        if options.paging:
            headers |= _paging_headers(request, dataclasses.replace(page, number=query.page), query, options, active)
        return SandboxResponse(200, page.body, headers | {"vary": "accept-encoding"})

    async def _wait(self, active: ActiveFaults, seconds: float) -> None:
        fault = active.get("delay")
        seconds += fault.seconds if fault else 0
        if seconds:
            await asyncio.sleep(seconds)

    async def _control(self, request: Request) -> SandboxResponse:
        body = await _body(request)
        try:
            match request.method, request.url.path:
                case "GET", "/_sandbox/stats":
                    return json_response(200, self.stats.as_json() | {"tokens_issued": self.tokens.issued})
                case "GET", "/_sandbox/faults":
                    return json_response(200, [dataclasses.asdict(fault) for fault in self.faults.pending()])
                case "DELETE", "/_sandbox/faults":
                    self.faults.clear()
                case "POST", "/_sandbox/faults":
                    given = json.loads(body or b"")
                    for fault in given if isinstance(given, list) else [given]:
                        self.faults.add(**fault)
                case "POST", ("/_sandbox/change" | "/_sandbox/insert") as path:
                    edit = self._change if path.endswith("change") else self._insert
                    return json_response(200, edit(**json.loads(body or b"")))
                case _:
                    return json_response(404, {"error": "not_found"})
        except (ValueError, TypeError) as error:
            return json_response(400, {"error": "bad_request", "message": str(error)})
        return json_response(200, {})

    def _change(self, collection: str, fraction: float, salt: str = "") -> dict[str, int]:
        return {"changed": self.world.change_fraction(_collection(collection), fraction, salt)}

    def _insert(self, collection: str, count: int, salt: str = "", *, at_end: bool = False) -> dict[str, int]:
        return {"inserted": self.world.insert(_collection(collection), count, salt, at_end=at_end)}


def _collection(name: str) -> Collection:
    if name not in COLLECTIONS:
        raise UnknownNameError("collection", [name], COLLECTIONS)
    return name


def _paging_headers(
    request: Request, page: ServedPage, query: Query, options: ServerOptions, active: ActiveFaults
) -> dict[str, str]:
    links = page.links(str(request.url.replace(query="")), query, with_last=options.last_link)
    foreign = active.get("foreign_next")
    if foreign:
        links = f'<{foreign.location}>; rel="next"'
    elif "loop_next" in active:
        links = f'<{request.url}>; rel="next"'
    headers = {"link": links}
    if options.total_count:
        headers["x-total-count"] = str(page.total + options.total_off_by + ("wrong_total" in active))
    return headers


def _page_number(request: Request) -> int | None:
    text = request.query_params.get("page", "1")
    return int(text) if text.isascii() and text.isdigit() else None


async def _body(request: Request) -> bytes | None:
    """Return the body of the request; None if it is longer than `MAX_BODY_BYTES`."""
    parts: list[Any] = []
    async for part in request.stream():
        parts.append(part)
        if sum(map(len, parts)) > MAX_BODY_BYTES:
            return None
    return b"".join(parts)
