"""A relay that speaks TLS itself, under a private authority."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from msgspec import Struct

from simpul.app import found_node, open_node
from simpul.errors import InputFault
from simpul.protocol.mailboxes import public_key
from simpul.relay.program import system_clock
from simpul.transport.relay import RelayClient, RelayRefused, RelayUnreachable
from tests.cli.program import Running, simpul
from tests.relay_process import READER, WRITER


class Authority(Struct, frozen=True):
    """A private authority and what it signed for 127.0.0.1, as PEM files."""

    authority: Path
    certificate: Path
    key: Path


def made(folder: Path) -> Authority:
    folder.mkdir()
    signer, holder = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "A private authority")])
    leaf = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "A relay")])
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    files = {
        "authority.pem": _certificate(root, root, signer, signer, x509.BasicConstraints(True, None)),
        "relay.pem": _certificate(leaf, root, holder, signer, here),
        "relay.key": holder.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return Authority(*(folder / name for name in files))


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    holder: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    extension: x509.ExtensionType,
) -> bytes:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(holder.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
    )
    return builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return made(tmp_path_factory.mktemp("tls") / "authority")


@pytest.fixture(scope="module")
def relay(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A relay with a certificate, with limits of its own, for one account."""
    folder = tmp_path_factory.mktemp("relay")
    (folder / "limits.toml").write_text("account_mailboxes = 1\n")
    (folder / "accounts").write_text(f"{public_key(READER).hex()}\n")
    running = Running(
        "relay", "--data", folder / "data", "--limits", folder / "limits.toml", "--accounts", folder / "accounts",
        "--certificate", authority.certificate, "--key", authority.key,
    )  # fmt: skip
    yield running
    running.close()


def client(url: str, certificates: Path | None, seed: bytes = READER) -> RelayClient:
    return RelayClient(url, seed, system_clock, timeout_seconds=10, certificates=certificates)


def test_an_envelope_passes_through_tls(relay: Running, authority: Authority) -> None:
    url = relay.ready["url"]
    assert url.startswith("https://127.0.0.1:")
    reader = client(url, authority.authority)
    assert reader.info().relay == url
    put_seed = b"p" * 32
    (tag,) = reader.register([("normal", public_key(put_seed))])
    reader.put(tag, put_seed, b"sealed")
    (waiting,) = reader.list()
    assert reader.fetch([waiting.id]) == [(waiting.id, b"sealed")]
    # The relay was started with limits and accounts of its own.
    with pytest.raises(RelayRefused) as full:
        reader.register([("normal", public_key(b"q" * 32))])
    assert full.value.reason == "too-many"
    stranger = client(url, authority.authority, WRITER)
    with pytest.raises(RelayRefused):
        stranger.register([("normal", public_key(b"r" * 32))])
    reader.close()
    stranger.close()


def test_a_relay_whose_authority_is_not_trusted_is_not_talked_to(relay: Running, tmp_path: Path) -> None:
    for certificates in (None, made(tmp_path / "other").authority):
        one = client(relay.ready["url"], certificates)
        with pytest.raises(RelayUnreachable, match=r"(?i)certificate"):
            one.info()
        one.close()


def test_a_node_trusts_the_authority_that_its_settings_name(
    relay: Running, authority: Authority, tmp_path: Path
) -> None:
    home, url = tmp_path / "home", relay.ready["url"]
    found_node(
        home,
        name="Arunika",
        country="XA",
        root=tmp_path / "root",
        relays=[url],
        kek=None,
        passphrase=None,
        unencrypted=True,
    )
    with open_node(home) as node:
        line = node.connect(url)
        with pytest.raises(RelayUnreachable):
            line.list()
        line.close()
    for written in (str(authority.authority), "own.pem"):
        (home / "own.pem").write_bytes(authority.authority.read_bytes())
        (home / "config.toml").write_text(f'relay_certificates = "{written}"\n')
        with open_node(home) as node:
            line = node.connect(url)
            with pytest.raises(RelayRefused):  # it answers: this account is not one of its own
                line.register([("normal", public_key(b"s" * 32))])
            line.close()
    for content in (None, b"no certificate"):
        (home / "own.pem").unlink(missing_ok=True)
        if content is not None:
            (home / "own.pem").write_bytes(content)
        with open_node(home) as node, pytest.raises(InputFault) as fault:
            node.connect(url)
        assert fault.value.input == str(home / "own.pem")
        assert "relay_certificates" in str(fault.value.do)


def test_a_relay_without_a_usable_certificate_does_not_start(authority: Authority, tmp_path: Path) -> None:
    data = ("relay", "--data", tmp_path / "data", "--json")
    other = made(tmp_path / "other")
    wrong: list[tuple[str | Path, ...]] = [
        ("--key", authority.key),
        ("--certificate", tmp_path / "absent"),
        ("--certificate", authority.certificate),
        ("--certificate", authority.certificate, "--key", other.key),
        ("--certificate", authority.key, "--key", authority.key),
        ("--limits", authority.key),
        ("--accounts", authority.key),
    ]
    for options in wrong:
        ended = simpul(*data, *options)
        assert (ended.code, ended.error["code"]) == (1, "bad-input"), options
