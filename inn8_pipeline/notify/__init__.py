"""What leaves for the operator's own services: messages to a webhook, and the heartbeat.

Here belong two requests and their bounds (httpx; no Dagster, no SQL). When they are made is `defs`'s. The addresses are
secrets, for whoever knows one can post there: no error names one.
"""

import logging

import httpx

from inn8_pipeline.errors import NotifyError

SECONDS = 5.0

# httpx logs each request with its whole address, which here is a secret, wherever somebody has asked for INFO.
logging.getLogger("httpx").setLevel(logging.WARNING)


def post(webhook: str, message: str) -> None:
    """Post a message as Slack and its like read it, `{"text": …}`; NotifyError where it was not taken."""
    # What Slack reads as its own marks: the message is to be shown as it is.
    escaped = message.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    _request("POST", webhook, "alert", {"text": escaped})


def ping(url: str) -> None:
    """Call the heartbeat's address; NotifyError where it does not answer well."""
    _request("GET", url, "heartbeat", None)


def _request(method: str, url: str, what: str, body: dict[str, str] | None) -> None:
    try:
        status = httpx.request(method, url, json=body, timeout=SECONDS, follow_redirects=False).status_code
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise NotifyError(what, type(error).__name__) from None
    if not httpx.codes.is_success(status):
        raise NotifyError(what, f"answered {status}")
