"""Examine the token endpoint, and what a refused token looks like."""

from collections.abc import Iterator

import msgspec

from inn8_pipeline.contract import CollectionContract, Contract
from inn8_pipeline.errors import ApiError
from inn8_pipeline.extract.paging.page import top_level_keys
from inn8_pipeline.extract.raw import RawResponse
from inn8_pipeline.probe.findings import ProbeFinding, Severity
from inn8_pipeline.probe.server import ProbedServer

WRONG_TOKEN = "not-a-token"  # noqa: S105 (it is to be refused)
OK, UNAUTHORIZED = frozenset({200, 201, 203}), 401
OAUTH_ERRORS = {
    "invalid_client": "Check INN8_CLIENT_ID and INN8_CLIENT_SECRET, or whether they are sent in another way.",
    "invalid_scope": "INN8 does not grant the scope.",
    "unauthorized_client": "INN8 does not grant client credentials to this client.",
    "unsupported_grant_type": "INN8 does not grant client credentials.",
    "invalid_request": "INN8 expects another request.",
}
"""The errors of RFC 6749, section 5.2. Another text of the server is not shown."""
LINES = {"invalid_client": 'token.credentials = "basic"', "invalid_scope": 'token.scope = "…"'}


def examine_token(server: ProbedServer, contract: Contract) -> Iterator[ProbeFinding]:
    """Yield findings about the response of the token endpoint; one that loses data if no token can be had."""
    try:
        response = server.raw.token_response()
    except ApiError as error:
        yield ProbeFinding("token", "response", Severity.LOSES, "no response", str(error))
        return
    if response.status not in OK:
        yield _refused(response)
        return
    answer = _object(response.body)
    if not isinstance(answer.get("access_token"), str):
        meaning = "No request can be made. Check INN8_BASE_URL and the path of the token endpoint."
        yield ProbeFinding(
            "token",
            "response",
            Severity.LOSES,
            "without access_token",
            meaning,
            f'token.path = "{contract.token.path}"',
        )
        return
    yield _lifetime(answer.get("expires_in"))
    yield _type(answer.get("token_type"))
    yield _scope(answer.get("scope"), contract)


def examine_refusal(server: ProbedServer, collection: CollectionContract) -> ProbeFinding:
    """Return a finding about the response to a wrong token, which must be 401: then the token is renewed."""
    response = server.raw.get(collection.path, token=WRONG_TOKEN)
    keys = ", ".join(top_level_keys(response.body)) or "none"
    scheme = response.headers.get("www-authenticate", "").split(" ")[0].lower()
    seen = f"{response.status}, keys: {keys}, WWW-Authenticate: {'Bearer' if scheme == 'bearer' else 'no Bearer'}"
    if response.status == UNAUTHORIZED:
        return ProbeFinding("token", "refusal", Severity.AS_CONTRACT, seen)
    if response.status in OK:
        meaning = "INN8 accepts any token: tell INN8, because anyone can read the data."
        return ProbeFinding("token", "refusal", Severity.HANDLED, seen, meaning)
    meaning = "Only after 401 is the token renewed: a token that is revoked early ends in an error of that sync."
    return ProbeFinding("token", "refusal", Severity.HANDLED, seen, meaning)


def _refused(response: RawResponse) -> ProbeFinding:
    error = _object(response.body).get("error")
    name = error if isinstance(error, str) and error in OAUTH_ERRORS else ""
    meaning = OAUTH_ERRORS.get(name, "Check INN8_BASE_URL, the credentials and the path of the token endpoint.")
    line = LINES.get(name, "" if name else 'token.path = "…"')
    seen = f"{response.status} {name}".strip()
    return ProbeFinding("token", "response", Severity.LOSES, seen, f"No request can be made. {meaning}", line)


def _lifetime(expires_in: object) -> ProbeFinding:
    if isinstance(expires_in, bool) or not isinstance(expires_in, int | float):
        seen = "not given" if expires_in is None else "no number"
        meaning = "A token is used for 30 seconds, so many are requested."
        severity = Severity.HANDLED if expires_in is None or isinstance(expires_in, str) else Severity.LOSES
        return ProbeFinding("token", "lifetime", severity, seen, meaning)
    return ProbeFinding("token", "lifetime", Severity.AS_CONTRACT, f"{expires_in:g} s")


def _type(token_type: object) -> ProbeFinding:
    if token_type is None or str(token_type).lower() == "bearer":
        return ProbeFinding("token", "type", Severity.AS_CONTRACT, "Bearer" if token_type else "not given")
    return ProbeFinding("token", "type", Severity.LOSES, "not Bearer", "A sync ends in an error.")


def _scope(scope: object, contract: Contract) -> ProbeFinding:
    asked = set(contract.token.scope.split())
    if not isinstance(scope, str):
        return ProbeFinding("token", "scope", Severity.AS_CONTRACT, "not named, so as requested")
    granted = set(scope.split())
    missing = sorted(asked - granted)
    if missing:
        line = f'token.scope = "{" ".join(sorted(asked & granted))}"'
        meaning = "Reading needs only the scope to read; requests without it are refused."
        return ProbeFinding("token", "scope", Severity.HANDLED, f"granted without {', '.join(missing)}", meaning, line)
    return ProbeFinding("token", "scope", Severity.AS_CONTRACT, "as requested")


def _object(body: bytes) -> dict[str, object]:
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
