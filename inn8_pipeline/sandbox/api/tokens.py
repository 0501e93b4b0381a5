"""OAuth 2.0 client credentials: issue and check access tokens, which expire and can be revoked."""

import hmac
import secrets
import threading
import time
from dataclasses import dataclass, field
from urllib.parse import parse_qs

SCOPES = frozenset({"api.read", "api.write"})


@dataclass(frozen=True, slots=True)
class TokenRefusal:
    """An OAuth error response (RFC 6749, section 5.2)."""

    status: int
    error: str
    description: str


@dataclass
class Tokens:
    """Issue and check access tokens. `expires_in`, in seconds, may be changed for the tokens issued from then on."""

    client_id: str
    client_secret: str = field(repr=False)
    expires_in: float = 3600
    issued: int = 0
    _live: dict[str, float] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def grant(self, content_type: str, body: bytes) -> str | TokenRefusal:
        """Return a new token for a form-encoded request with valid credentials, or why it is refused."""
        if content_type.partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
            return TokenRefusal(400, "invalid_request", "The request must be form-encoded.")
        form = {name: values[-1] for name, values in parse_qs(body.decode("latin-1")).items()}
        if form.get("grant_type") != "client_credentials":
            return TokenRefusal(400, "unsupported_grant_type", "Only client_credentials is granted.")
        if not self._knows(form.get("client_id", ""), form.get("client_secret", "")):
            return TokenRefusal(401, "invalid_client", "The client id or its secret is wrong.")
        if not set(form.get("scope", "").split()) <= SCOPES:
            return TokenRefusal(400, "invalid_scope", "The scopes are api.read and api.write.")
        return self._issue()

    def accepts(self, authorization: str) -> bool:
        """Return whether the header has a valid token."""
        scheme, _, token = authorization.partition(" ")
        with self._lock:
            expires_at = self._live.get(token)
        return scheme.lower() == "bearer" and expires_at is not None and time.monotonic() < expires_at

    def revoke_all(self) -> None:
        """Revoke all tokens issued so far."""
        with self._lock:
            self._live.clear()

    def _knows(self, client_id: str, client_secret: str) -> bool:
        id_matches = hmac.compare_digest(client_id.encode(), self.client_id.encode())
        return hmac.compare_digest(client_secret.encode(), self.client_secret.encode()) and id_matches

    def _issue(self) -> str:
        token = secrets.token_urlsafe(32)
        with self._lock:
            self._live[token] = time.monotonic() + self.expires_in
            self.issued += 1
        return token
