"""Certificates are always verified; a company's own can be added by a file."""

import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from inn8_pipeline.entities import CLIENTS
from inn8_pipeline.errors import TransientApiError
from inn8_pipeline_tests.extract.conftest import NewClient
from inn8_pipeline_tests.extract.servers import Inn8, reply, serving


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Make a self-signed certificate for 127.0.0.1, with its key in the same file."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl, which makes the certificate, is not installed")
    key, pem = tmp_path / "key.pem", tmp_path / "both.pem"
    names = ("-subj", "/CN=inn8.test", "-addext", "subjectAltName=IP:127.0.0.1")
    make = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    subprocess.run([*make, "-keyout", key, "-out", pem, "-days", "2", *names], check=True, capture_output=True)
    pem.write_text(key.read_text() + pem.read_text())
    return pem


@pytest.fixture
def tls_server(certificate: Path) -> Iterator[Inn8]:
    """Run the scripted server behind TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with serving(context) as server:
        server.on("/clients", reply())
        yield server


def test_an_untrusted_certificate_is_refused_before_the_secret_is_sent(tls_server: Inn8, new_client: NewClient) -> None:
    with pytest.raises(TransientApiError, match="offered no TLS connection that is trusted here"):
        list(new_client(tls_server).fetch(CLIENTS))
    assert tls_server.requests == []


def test_a_certificate_named_by_ca_file_is_trusted(tls_server: Inn8, new_client: NewClient, certificate: Path) -> None:
    client = new_client(tls_server, ca_file=str(certificate))
    assert [page.records for page in client.fetch(CLIENTS)] == [0]


def test_a_read_over_tls_ends_when_the_client_is_closed(
    tls_server: Inn8, new_client: NewClient, certificate: Path
) -> None:
    release = threading.Event()
    tls_server.on("/clients", reply(Link='<?page=2>; rel="next"'), lambda _: reply() if release.wait(10) else b"")
    client = new_client(tls_server, ca_file=str(certificate))
    pages = iter(client.fetch(CLIENTS))
    next(pages)
    closing = threading.Thread(target=client.close)
    closing.start()
    closing.join(8)
    was_prompt = not closing.is_alive()
    release.set()
    closing.join()
    assert was_prompt
