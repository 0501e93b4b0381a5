"""Options of the sandbox for what servers do beside serving pages: ETags, rate limits, wrong totals."""

import httpx

from inn8_pipeline.sandbox.api.dialect import Dialect
from inn8_pipeline.sandbox.api.server import SandboxServer
from inn8_pipeline.sandbox.world.world import World


def test_a_page_that_has_not_changed_is_answered_with_304_and_without_its_links(
    api: httpx.Client, server: SandboxServer, world: World
) -> None:
    server.options.etags = True
    etag = api.get("/clients?pageSize=10").headers["etag"]
    again = api.get("/clients?pageSize=10", headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")
    assert not {"link", "x-total-count"} & set(again.headers)
    world.put("clients", {"id": "CL-000001", "fullName": "Another Name"})
    assert api.get("/clients?pageSize=10", headers={"If-None-Match": etag}).status_code == 200


def test_a_last_modified_is_that_of_the_last_change(api: httpx.Client, server: SandboxServer, world: World) -> None:
    server.options.last_modified = True
    modified = api.get("/clients").headers["last-modified"]
    asked = {"If-Modified-Since": modified}
    assert [api.get(path, headers=asked).status_code for path in ("/clients", "/portfolios")] == [304, 304]
    assert api.get("/clients", headers={"If-Modified-Since": "Thu, 01 Jan 2026 00:00:00 GMT"}).status_code == 200
    world.put("clients", {"id": "CL-000001", "fullName": "Another Name"})
    changed = api.get("/clients", headers=asked)
    assert (changed.status_code, changed.headers["last-modified"] != modified) == (200, True)


def test_the_options_are_for_a_dialect_too(api: httpx.Client, server: SandboxServer) -> None:
    server.app.dialects["clients"] = Dialect("/people", "/data", "page", total_pointer="/total")
    server.options.etags = server.options.last_modified = True
    server.options.requests_per_minute, server.options.total_off_by = 2, 3
    page = api.get("/people")
    assert page.json()["total"] == 28
    assert page.headers["ratelimit-remaining"] == "1"
    assert api.get("/people", headers={"If-None-Match": page.headers["etag"]}).status_code == 304
    assert api.get("/people").status_code == 429
    server.options.etags = server.options.last_modified = False
    server.options.requests_per_minute = 0
    for conditional in ("etag", "last-modified"):
        server.app.dialects["clients"] = Dialect("/people", conditional=conditional)
        assert {"etag", "last-modified"} & set(api.get("/people").headers) == {conditional}


def test_requests_beyond_the_limit_are_answered_with_429(api: httpx.Client, server: SandboxServer) -> None:
    server.options.requests_per_minute = 2
    responses = [api.get("/clients") for _ in range(3)]
    assert [each.status_code for each in responses] == [200, 200, 429]
    assert [each.headers["ratelimit-remaining"] for each in responses] == ["1", "0", "0"]
    assert 0 < int(responses[2].headers["retry-after"]) <= 60


def test_a_wrong_total_is_off_by_the_number_of_the_option(api: httpx.Client, server: SandboxServer) -> None:
    server.options.total_off_by = -3
    assert api.get("/clients").headers["x-total-count"] == "22"
