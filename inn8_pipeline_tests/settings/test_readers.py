"""A wrong setting is an error when it is read; the error names the variable and never repeats the value."""

import codecs
import ssl
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from inn8_pipeline.errors import SettingsError
from inn8_pipeline.settings import (
    Environment,
    read_alerts,
    read_api,
    read_celery,
    read_database,
    read_heartbeat_url,
    read_sync,
    read_tenant,
)

TENANT = {
    "INN8_BASE_URL": "https://api.inn8.example",
    "INN8_CLIENT_ID": "fullview",
    "INN8_CLIENT_SECRET": "a-well-kept-secret",
}
NOT_UTF8 = "pass\udcffword"
"""The byte 0xFF in a variable, as Python represents it."""


def error_of(read: Callable[[], object]) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        read()
    return caught.value


@pytest.mark.parametrize(
    "url",
    [
        "api.inn8.example",
        "//api.inn8.example",
        "ftp://api.inn8.example",
        "https:/api.inn8.example",
        "https://",
        "https:///v1",
        '"https://api.inn8.example"',
        "'https://api.inn8.example'",
        "https://api.inn8.example/v1?tenant=7",
        "https://api.inn8.example/v1?",
        "https://api.inn8.example/v1#",
        "https://fullview:secret@api.inn8.example",
        "https://api.inn8.example:https",
        "https://api.inn8.example:0",
        "https://api.inn8.example:65536",
        "https://api.inn8.exa\tmple",
        "https://api.inn8.exa mple",
        "https://[::1]x",
        "https://[::1",
        "https://[fe80::1%eth0]",
        "https://[not::an::address]",
        "https://-api.inn8.example",
        "https://api..inn8.example",
        "https://api.inn8.example\\v1",
        "https://api.inn8.example/v1 beta",
        "https://api.ınn8.example",
    ],
)
def test_an_invalid_base_url_is_refused_without_repeating_it(url: str) -> None:
    error = error_of(lambda: read_tenant(Environment({**TENANT, "INN8_BASE_URL": url}), "default"))
    assert error.variable == "INN8_BASE_URL"
    assert "secret" not in str(error)


@pytest.mark.parametrize(
    "url",
    [
        "https://api.inn8.example",
        "HTTPS://API.INN8.EXAMPLE:8443/wealth/v1",
        "https://10.0.0.7/v1.2/~tenant/a%20b",
        "https://[2001:db8::7]:8443",
        "http://localhost:8080",
        "http://127.0.0.1",
        "http://[::1]:8080",
        "https://inn8_mock:8080",
        "https://xn--nn8-hpa.example.",
    ],
)
def test_a_base_url_is_read_without_the_slash_at_its_end(url: str) -> None:
    assert read_tenant(Environment({**TENANT, "INN8_BASE_URL": f"{url}/"}), "default").base_url == url


def test_credentials_are_not_sent_in_clear_text_unless_it_is_allowed() -> None:
    variables = {**TENANT, "INN8_BASE_URL": "http://api.inn8.example"}
    error = error_of(lambda: read_tenant(Environment(variables), "default"))
    assert error.variable == "INN8_BASE_URL"
    assert "INN8_ALLOW_HTTP" in str(error)
    allowed = Environment({**variables, "INN8_ALLOW_HTTP": "true"})
    assert read_tenant(allowed, "default").base_url == "http://api.inn8.example"


@pytest.mark.parametrize("url", ["acme.example", "http://acme.example", ""])
def test_the_error_of_a_further_tenant_names_its_own_variable(url: str) -> None:
    variables = {**TENANT, "INN8_TENANT_ID": "firm", "INN8_TENANTS": "firm,acme"}
    variables |= {name.replace("INN8_", "INN8_ACME__"): value for name, value in TENANT.items()}
    wrong = Environment({**variables, "INN8_ACME__BASE_URL": url})
    assert error_of(lambda: read_tenant(wrong, "acme")).variable == "INN8_ACME__BASE_URL"
    assert read_tenant(wrong, "firm").tenant_id == "firm"


def test_the_request_budget_of_a_further_tenant_is_that_of_the_default_tenant_unless_it_has_its_own() -> None:
    variables = {**TENANT, "INN8_TENANT_ID": "firm", "INN8_TENANTS": "firm,acme"}
    variables |= {name.replace("INN8_", "INN8_ACME__"): value for name, value in TENANT.items()}
    assert read_tenant(Environment(variables), "acme").max_requests_per_minute is None
    variables["INN8_MAX_REQUESTS_PER_MINUTE"] = "60"
    assert read_tenant(Environment(variables), "acme").max_requests_per_minute == 60
    variables["INN8_ACME__MAX_REQUESTS_PER_MINUTE"] = "5"
    assert [read_tenant(Environment(variables), each).max_requests_per_minute for each in ("firm", "acme")] == [60, 5]
    variables["INN8_ACME__MAX_REQUESTS_PER_MINUTE"] = "0"
    error = error_of(lambda: read_tenant(Environment(variables), "acme"))
    assert error.variable == "INN8_ACME__MAX_REQUESTS_PER_MINUTE"


@pytest.mark.parametrize("name", ["INN8_CLIENT_ID", "INN8_CLIENT_SECRET", "INN8_SCOPE", "INN8_DATABASE_URL"])
@pytest.mark.parametrize("text", [NOT_UTF8, "two\nlines", "a\x00b", "bell\x07"])
def test_invalid_text_is_refused_without_repeating_it(name: str, text: str) -> None:
    error = error_of(lambda: Environment({name: text}).read(name, "example"))
    assert error.variable == name
    assert text not in str(error)
    str(error).encode()


@pytest.mark.parametrize("content", [b"pass\xffword", "secret".encode("utf-16"), b"two\nlines", b"a\x00b"])
def test_a_file_without_a_valid_setting_is_refused(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_bytes(content)
    error = error_of(lambda: Environment({"INN8_CLIENT_SECRET_FILE": str(file)}).read("INN8_CLIENT_SECRET", "example"))
    assert error.variable == "INN8_CLIENT_SECRET_FILE"
    assert "lines" not in str(error)


def test_a_byte_order_mark_is_not_part_of_a_secret(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_bytes(codecs.BOM_UTF8 + "gehéim\r\n".encode())
    assert Environment({"INN8_CLIENT_SECRET_FILE": str(file)}).read("INN8_CLIENT_SECRET", "example") == "gehéim"


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../../etc/passwd", "America", "x" * 5000, "/etc/localtime", ""])
def test_an_unknown_time_zone_is_refused(zone: str) -> None:
    if zone:
        assert error_of(lambda: read_sync(Environment({"INN8_TIMEZONE": zone}))).variable == "INN8_TIMEZONE"
    else:
        assert read_sync(Environment({"INN8_TIMEZONE": zone})).timezone == "UTC"


@pytest.mark.parametrize("url", ["hooks.example/T0", "ftp://hooks.example", "https://hooks.exa mple/T0", "https://"])
def test_an_invalid_address_for_alerts_or_the_heartbeat_is_refused(url: str) -> None:
    assert error_of(lambda: read_alerts(Environment({"INN8_ALERT_WEBHOOK": url}))).variable == "INN8_ALERT_WEBHOOK"
    assert error_of(lambda: read_alerts(Environment({"INN8_UI_URL": url}))).variable == "INN8_UI_URL"
    heartbeat = Environment({"INN8_HEARTBEAT_URL": url})
    assert error_of(lambda: read_heartbeat_url(heartbeat, "default")).variable == "INN8_HEARTBEAT_URL"


def test_an_address_for_alerts_may_have_a_query() -> None:
    url = "https://hooks.example:8443/T0/B0?token=of-the-channel"
    assert read_alerts(Environment({"INN8_ALERT_WEBHOOK": url})).webhook == url


def test_a_file_without_certificates_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "inn8.pem"
    for content in (None, b"", b"no certificate"):
        if content is not None:
            file.write_bytes(content)
        assert error_of(lambda: read_api(Environment({"INN8_CA_FILE": str(file)}))).variable == "INN8_CA_FILE"
    bundle = ssl.get_default_verify_paths().cafile
    if bundle is not None:
        assert read_api(Environment({"INN8_CA_FILE": bundle})).ca_file == bundle


def test_celerys_queue_must_be_a_url() -> None:
    environment = Environment({"INN8_CELERY_BROKER": "localhost:6379"})
    assert error_of(lambda: read_celery(environment)).variable == "INN8_CELERY_BROKER"


@pytest.mark.parametrize("url", ["postgresql://localhost:99999/inn8", "postgresql://localhost:port/inn8"])
def test_an_invalid_port_of_a_database_is_refused(url: str) -> None:
    assert error_of(lambda: read_database(Environment({"INN8_DATABASE_URL": url}))).variable == "INN8_DATABASE_URL"


def test_a_history_that_begins_in_the_future_is_refused_because_nothing_would_be_synced() -> None:
    today = read_sync(Environment({})).today()
    assert read_sync(Environment({"INN8_TRANSACTIONS_FROM": today.isoformat()})).transactions_from == today
    tomorrow = today + timedelta(days=2)
    error = error_of(lambda: read_sync(Environment({"INN8_TRANSACTIONS_FROM": tomorrow.isoformat()})))
    assert error.variable == "INN8_TRANSACTIONS_FROM"
    assert "is in the future" in str(error)
