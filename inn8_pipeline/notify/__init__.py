"""Post alerts to a webhook and call the heartbeat's URL.

The URLs are secrets, because anyone who knows one can post to it. No error and no log line contains them.
"""

import logging

import httpx

from inn8_pipeline.errors import NotifyError

TIMEOUT_SECONDS = 5.0

# At INFO, httpx logs each request with its full URL, which is a secret here.
logging.getLogger("httpx").setLevel(logging.WARNING)


def post(webhook: str, message: str) -> None:
    """Post a message in the format of Slack and compatible services: `{"text": …}`.

    Raises:
        NotifyError: The message was not accepted.

    """
    # Slack reads these characters as markup, but the message is plain text.
    escaped = message.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    _request("POST", webhook, {"text": escaped}, "alert", "INN8_ALERT_WEBHOOK")


def ping(url: str, variable: str) -> None:
    """Call the heartbeat's URL; `variable` is the setting with it.

    Raises:
        NotifyError: There was no response, or it was not successful.

    """
    _request("GET", url, None, "heartbeat", variable)


def _request(method: str, url: str, body: dict[str, str] | None, what: str, variable: str) -> None:
    try:
        status = httpx.request(method, url, json=body, timeout=TIMEOUT_SECONDS, follow_redirects=False).status_code
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise NotifyError(what, type(error).__name__, variable) from None
    if not httpx.codes.is_success(status):
        raise NotifyError(what, f"answered {status}", variable)
