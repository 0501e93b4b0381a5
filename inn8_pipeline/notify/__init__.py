"""Post alerts to a webhook and call the heartbeat's URL.

The URLs are secrets, because anyone who knows one can post to it. No error and no log line contains them.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from inn8_pipeline.errors import NotifyError

TIMEOUT_SECONDS = 5.0

# At INFO, httpx logs each request with its full URL, which is a secret here.
logging.getLogger("httpx").setLevel(logging.WARNING)


def post(webhook: str, message: str, payload: str = "slack", changes: Sequence[Mapping[str, Any]] = ()) -> None:
    """Post a message.

    Args:
        webhook: The address.
        message: The text, one line for each change.
        payload: The form: `slack` (also of compatible services), `teams` (an adaptive card, as Teams' workflows accept
            it) or `json` (the text, and the changes as objects).
        changes: The changes as JSON objects.

    Raises:
        NotifyError: The message was not accepted.

    """
    bodies = {"slack": _slack(message), "teams": _teams(message), "json": {"text": message, "changes": list(changes)}}
    _request("POST", webhook, bodies[payload], "alert", "INN8_ALERT_WEBHOOK")


def _slack(message: str) -> dict[str, Any]:
    # Slack reads these characters as markup, but the message is plain text.
    return {"text": message.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")}


def _teams(message: str) -> dict[str, Any]:
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [{"type": "TextBlock", "text": line, "wrap": True} for line in message.splitlines()],
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def ping(url: str, variable: str) -> None:
    """Call the heartbeat's URL; `variable` is the setting with it.

    Raises:
        NotifyError: There was no response, or it was not successful.

    """
    _request("GET", url, None, "heartbeat", variable)


def _request(method: str, url: str, body: dict[str, Any] | None, what: str, variable: str) -> None:
    try:
        status = httpx.request(method, url, json=body, timeout=TIMEOUT_SECONDS, follow_redirects=False).status_code
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise NotifyError(what, type(error).__name__, variable) from None
    if not httpx.codes.is_success(status):
        raise NotifyError(what, f"answered {status}", variable)
