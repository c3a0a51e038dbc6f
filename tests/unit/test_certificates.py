# SPDX-License-Identifier: GPL-3.0-or-later
"""Which roots TLS trusts: one place after the other, and never none."""

from __future__ import annotations

import inspect
import socket
import ssl
from pathlib import Path

import pytest
import requests

from scumble import certificates, client, transport, wire
from scumble.certificates import trusted
from scumble.credentials import Account, Secret
from scumble.errors import NotConnected, SetupError
from scumble.request import Request
from scumble.shapes import Size
from tests.servers import FaultServer, answers, gradient_png, success, write_certificate

SUBJECT = "Scumble test server"
GOOD = success([gradient_png(16, 16)])
CALL = wire.encode(Request("generate", "gpt-image-2", "a small red door", Size(1024, 1024), "low"))


def subjects(context: ssl.SSLContext) -> set[str]:
    return {
        value
        for certificate in context.get_ca_certs()
        for part in certificate["subject"]
        for name, value in part
        if name == "commonName"
    }


@pytest.fixture
def no_system_roots(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bundled Python that looks for roots where there are none."""
    nowhere = ssl.DefaultVerifyPaths(None, None, "SSL_CERT_FILE", "/nowhere", "SSL_CERT_DIR", "/nowhere")
    monkeypatch.setattr(ssl, "create_default_context", lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: nowhere)


@pytest.fixture
def pem(tmp_path: Path) -> Path:
    return write_certificate(tmp_path)


@pytest.mark.parametrize("variable", certificates.VARIABLES)
def test_what_the_environment_names_is_trusted_alone(pem: Path, tmp_path: Path, variable: str) -> None:
    """A file or a folder; the system's own are not added to it."""
    assert subjects(trusted({variable: str(pem)})) == {SUBJECT}
    folder = tmp_path / "hashed"
    folder.mkdir()
    (folder / "0123abcd.0").write_text(pem.read_text())
    assert trusted({variable: str(folder)}).cert_store_stats()["x509"] == 0, "a folder is read when needed"


@pytest.mark.parametrize("content", [b"", b"no certificate", b"\xff\xfe\x00"])
def test_an_environment_that_names_no_certificates_is_a_matter_of_setup(
    tmp_path: Path, content: bytes
) -> None:
    """It does not fall back to others, which would hide the mistake; a missing file is told apart."""
    (tmp_path / "bad.pem").write_bytes(content)
    with pytest.raises(SetupError, match="SSL_CERT_FILE names holds no certificates"):
        trusted({"SSL_CERT_FILE": str(tmp_path / "bad.pem")})
    (tmp_path / "empty").mkdir()
    with pytest.raises(SetupError, match="SSL_CERT_DIR names holds no certificates"):
        trusted({"SSL_CERT_DIR": str(tmp_path / "empty")})
    with pytest.raises(SetupError, match="CURL_CA_BUNDLE names no file"):
        trusted({"CURL_CA_BUNDLE": str(tmp_path / "missing")})


def test_the_system_comes_before_the_well_known_files(pem: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows and macOS have stores that no file shows; firms put their roots there."""
    system = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    system.load_verify_locations(pem)
    monkeypatch.setattr(ssl, "create_default_context", lambda: system)
    assert trusted({}, ("/nowhere",)) is system


def test_a_system_with_a_folder_of_certificates_has_roots(
    no_system_roots: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of it is loaded before it is needed, so the count says 0."""
    (tmp_path / "0123abcd.0").write_text("")
    system = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    monkeypatch.setattr(ssl, "create_default_context", lambda: system)
    there = ssl.DefaultVerifyPaths(None, str(tmp_path), "", "", "", "")
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: there)
    assert trusted({}, ()) is system


def test_well_known_files_come_next(no_system_roots: None, pem: Path, tmp_path: Path) -> None:
    """The first that has certificates; what is missing or broken is passed over."""
    broken = tmp_path / "broken.pem"
    broken.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    assert subjects(trusted({}, ("/nowhere", str(broken), str(pem)))) == {SUBJECT}


def test_certifi_comes_last(no_system_roots: None) -> None:
    """The list that comes with requests."""
    context = trusted({}, ("/nowhere",))
    assert context.cert_store_stats()["x509_ca"] > 100
    assert SUBJECT not in subjects(context)


def test_without_any_roots_nothing_is_trusted(no_system_roots: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an error of setup, not a connection without a check."""
    monkeypatch.setattr(certificates, "_certifis", lambda: "/nowhere")
    with pytest.raises(SetupError, match="SSL_CERT_FILE"):
        trusted({}, ())


@pytest.mark.parametrize("place", ["environment", "system", "file", "certifi"])
def test_whatever_the_place_names_and_certificates_are_checked(
    no_system_roots: None, pem: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """TLS 1.2 at least."""
    if place == "system":
        system = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        system.load_verify_locations(pem)
        monkeypatch.setattr(ssl, "create_default_context", lambda: system)
    environment = {"SSL_CERT_FILE": str(pem)} if place == "environment" else {}
    context = trusted(environment, (str(pem),) if place == "file" else ())
    assert context.verify_mode is ssl.CERT_REQUIRED and context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def send(base_url: str) -> bytes:
    return client.send(CALL, Account(base_url, Secret("sk-planted"), "a test"), on_sent=lambda: None).body


def test_a_bundled_python_without_roots_connects_by_a_well_known_file(
    no_system_roots: None, pem: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over a real TLS connection."""
    monkeypatch.setattr(certificates, "trusted", lambda: trusted({}, (str(pem),)))
    with FaultServer(answers(200, GOOD), tls=True) as server:
        assert send(server.base_url) == GOOD


def test_only_the_contexts_roots_count(pem: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """requests' own list is not added: a certificate that is only there is refused."""
    monkeypatch.setattr(certificates, "trusted", lambda: trusted({}, ()))
    monkeypatch.setattr(requests.adapters, "DEFAULT_CA_BUNDLE_PATH", str(pem))
    with FaultServer(answers(200, GOOD), tls=True) as server:
        with pytest.raises(NotConnected):
            send(server.base_url)
    assert server.received == []


def test_the_host_name_is_checked(pem: Path) -> None:
    """A trusted certificate for 127.0.0.1 does not speak for another host."""
    context = trusted({"SSL_CERT_FILE": str(pem)})
    with FaultServer(answers(200, GOOD), tls=True) as server:
        for name, expected in (("127.0.0.1", None), ("api.example.com", ssl.SSLCertVerificationError)):
            with socket.create_connection(("127.0.0.1", server.port)) as plain:
                if expected is None:
                    context.wrap_socket(plain, server_hostname=name).close()
                else:
                    with pytest.raises(expected, match=r"api\.example\.com"):
                        context.wrap_socket(plain, server_hostname=name)


def test_there_is_no_switch_to_turn_the_check_off() -> None:
    """Neither in these modules' words nor in what may be passed."""
    for module in (certificates, client, transport):
        source = inspect.getsource(module)
        for word in ("CERT_NONE", "CERT_OPTIONAL", "verify=False", "check_hostname = False", "insecure"):
            assert word not in source
    assert "verify" not in inspect.signature(client.send).parameters
