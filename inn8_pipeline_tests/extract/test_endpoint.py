"""What an endpoint accepts: INN8's address, clear text to the loopback, a certificate file."""

import pytest

from inn8_pipeline.errors import (
    SettingsError,
)
from inn8_pipeline.extract.client import Inn8Client
from inn8_pipeline.extract.endpoint import Endpoint
from inn8_pipeline.extract.hosts import is_loopback
from inn8_pipeline_tests.extract.circuits import MemoryCircuits
from inn8_pipeline_tests.extract.conftest import SECRET


@pytest.mark.parametrize(
    "url",
    [
        "http://api.inn8.example",
        "http://10.0.0.1",
        "http://127.0.0.1.evil.example",
        "http://[::2]/",
        "http://localhost.evil.example",
        "http://0.0.0.0",
    ],
)
def test_credentials_are_not_sent_in_clear_text_to_another_host(url: str) -> None:
    with pytest.raises(SettingsError, match="INN8_ALLOW_HTTP"):
        Endpoint("acme", url, "our-id", SECRET)
    assert Endpoint("acme", url, "our-id", SECRET, allow_http=True).base_url == url


@pytest.mark.parametrize("url", ["http://127.0.0.1:80", "http://127.9.9.9/x", "http://[::1]:8/", "http://LOCALHOST"])
def test_clear_text_is_accepted_on_the_loopback(url: str) -> None:
    assert Endpoint("acme", url, "our-id", SECRET).url("/clients").endswith("/clients")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "inn8",
        "ftp://inn8",
        "https://",
        "https://h:port",
        "https://h:99999",
        "https://u:pw@h/",
        "https://h/?q=1",
        "https://[h",
        "https://h/v1?",
        "https://h/v1#",
        "https://h\t.example/v1",
        "https://h/v1\n",
        "https://[::1]x/v1",
    ],
)
def test_an_unusable_base_url_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(SettingsError, match="INN8_BASE_URL") as caught:
        Endpoint("acme", url, "our-id", SECRET)
    assert "pw" not in str(caught.value)


def test_a_certificate_file_that_cannot_be_read_is_a_settings_error(circuits: MemoryCircuits) -> None:
    endpoint = Endpoint("acme", "https://inn8.example", "our-id", SECRET, ca_file="/nowhere/ca.pem")
    with pytest.raises(SettingsError, match="INN8_CA_FILE"):
        Inn8Client(endpoint, circuits)


@pytest.mark.parametrize(
    ("host", "is_ours"), [("127.0.0.1", True), ("LocalHost", True), ("::1", True), ("10.0.0.1", False), ("here", False)]
)
def test_a_loopback_address_is_recognized(host: str, is_ours: bool) -> None:  # noqa: FBT001
    assert is_loopback(host) is is_ours
