"""Options of the sandbox for what servers do beside serving pages: ETags, rate limits, wrong totals."""

import httpx

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


def test_requests_beyond_the_limit_are_answered_with_429(api: httpx.Client, server: SandboxServer) -> None:
    server.options.requests_per_minute = 2
    responses = [api.get("/clients") for _ in range(3)]
    assert [each.status_code for each in responses] == [200, 200, 429]
    assert [each.headers["ratelimit-remaining"] for each in responses] == ["1", "0", "0"]
    assert 0 < int(responses[2].headers["retry-after"]) <= 60


def test_a_wrong_total_is_off_by_the_number_of_the_option(api: httpx.Client, server: SandboxServer) -> None:
    server.options.total_off_by = -3
    assert api.get("/clients").headers["x-total-count"] == "22"
