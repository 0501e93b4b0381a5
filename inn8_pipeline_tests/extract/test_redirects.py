"""A redirect is followed to a trailing slash only, and its target is named by its difference."""

import pytest

from inn8_pipeline.entities import CLIENTS
from inn8_pipeline.errors import (
    ContractError,
)
from inn8_pipeline_tests.extract.conftest import SECRET, NewClient
from inn8_pipeline_tests.extract.servers import TOKEN, Inn8, records, reply, serving, token_reply


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("path", [TOKEN, "/clients"])
def test_a_redirect_to_another_origin_is_not_followed_and_the_difference_is_named(
    server: Inn8, new_client: NewClient, path: str, status: int
) -> None:
    with serving() as other:
        server.on("/clients", reply())
        server.on(path, reply(b"", status, Location=f"{other.url}{path}/?private=1"))
        ports = f"port {other.host.rpartition(':')[2]} instead of {server.host.rpartition(':')[2]}"
        with pytest.raises(ContractError, match=rf"is a redirect \({status}\) to {ports}, which was not") as caught:
            list(new_client(server).fetch(CLIENTS))
        assert other.connections == 0
    assert "private" not in str(caught.value)


@pytest.mark.parametrize(
    ("location", "where"),
    [
        ("/login?private=1", "the path /login"),
        ("/Jane Doe", "another path"),
        ("https://{host}/clients", "the scheme https instead of http"),
        ("//elsewhere.example/", "the host elsewhere.example"),
        ("http://[", "what is not an address"),
    ],
)
def test_the_target_of_a_refused_redirect_is_named_by_its_difference(
    server: Inn8, new_client: NewClient, location: str, where: str
) -> None:
    server.on("/clients", reply(b"", 302, Location=location.format(host=server.host)))
    with pytest.raises(ContractError, match=rf"is a redirect \(302\) to {where}, which was not followed") as caught:
        list(new_client(server).fetch(CLIENTS))
    assert "private" not in str(caught.value)


@pytest.mark.parametrize("status", [307, 308])
@pytest.mark.parametrize("location", ["{path}/", "{url}{path}/?private=1"])
def test_a_redirect_to_a_trailing_slash_is_followed_with_our_query(
    server: Inn8, new_client: NewClient, status: int, location: str
) -> None:
    for path, response in ((TOKEN, token_reply()), ("/clients", reply(records("a"), X_Total_Count="1"))):
        server.on(path, reply(b"", status, Location=location.format(path=path, url=server.url)))
        server.on(f"{path}/", response)
    assert [page.records for page in new_client(server).fetch(CLIENTS)] == [1]
    (token_request,), (seen,) = server.seen(f"{TOKEN}/"), server.seen("/clients/")
    assert token_request.method == "POST"
    assert token_request.form["client_secret"] == SECRET
    assert seen.query == {"pageSize": "1000"}
    assert seen.headers["authorization"] == "Bearer token-1"


def test_a_post_is_not_repeated_for_a_redirect_that_may_change_the_method(server: Inn8, new_client: NewClient) -> None:
    server.on(TOKEN, reply(b"", 301, Location=f"{TOKEN}/"))
    with pytest.raises(ContractError, match="is a redirect"):
        new_client(server).check_credentials()


def test_redirects_between_two_spellings_of_a_path_end(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", reply(b"", 308, Location="/clients/"))
    server.on("/clients/", reply(b"", 308, Location="/clients"))
    with pytest.raises(ContractError, match="is a redirect"):
        list(new_client(server).fetch(CLIENTS))
    assert len(server.requests) == 3
