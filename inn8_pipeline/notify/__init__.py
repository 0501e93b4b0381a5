"""Post alerts to a webhook and call the heartbeat's address (httpx; no Dagster, no SQL).

The addresses are secrets, because whoever knows one can post there: no error and no log names one.
"""

import logging

import httpx

from inn8_pipeline.errors import NotifyError

TIMEOUT_SECONDS = 5.0

# At INFO httpx logs each request with its whole address, which is a secret here.
logging.getLogger("httpx").setLevel(logging.WARNING)


def post(webhook: str, message: str) -> None:
    """Post a message in the form that Slack and its like read: `{"text": …}`.

    Raises:
        NotifyError: The message was not accepted.

    """
    # Slack reads these as markup; the message is to be shown as it is.
    escaped = message.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    _request("POST", webhook, "alert", {"text": escaped})


def ping(url: str) -> None:
    """Call the heartbeat's address.

    Raises:
        NotifyError: There was no successful response.

    """
    _request("GET", url, "heartbeat", None)


def _request(method: str, url: str, what: str, body: dict[str, str] | None) -> None:
    try:
        status = httpx.request(method, url, json=body, timeout=TIMEOUT_SECONDS, follow_redirects=False).status_code
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise NotifyError(what, type(error).__name__) from None
    if not httpx.codes.is_success(status):
        raise NotifyError(what, f"answered {status}")
