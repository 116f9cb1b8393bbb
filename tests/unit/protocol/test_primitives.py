"""The algorithms of suite 1 against others' vectors (the files of cryptography_vectors)."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import cryptography_vectors
import pytest
from cryptography.cobblestone import Cobblestone256Encryptor
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.bindings._rust import openssl
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey, MLDSA65PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from simpul.protocol import known_answers as known
from simpul.protocol.keys import PrekeySecret

VECTORS = Path(cryptography_vectors.__file__).parent


def records(path: str) -> Iterator[dict[str, str]]:
    for block in re.split(r"(?m)^(?=count = )", (VECTORS / path).read_text()):
        fields = dict(line.split(" = ", 1) for line in block.splitlines() if " = " in line)
        if fields:
            yield fields


@pytest.mark.parametrize(("name", "kind"), [("mldsa44", MLDSA44PublicKey), ("mldsa65", MLDSA65PublicKey)])
def test_mldsa_accepts_nists_answers_and_nothing_else(name: str, kind: type[MLDSA65PublicKey]) -> None:
    cases = [r for r in records(f"asymmetric/MLDSA/kat_MLDSA_{name[-2:]}_det_pure.rsp") if "pk" in r]
    assert len(cases) >= 10
    for case in cases[:10]:
        public = kind.from_public_bytes(bytes.fromhex(case["pk"]))
        message, context = bytes.fromhex(case["msg"]), bytes.fromhex(case.get("ctx", ""))
        signature = bytes.fromhex(case["sm"])[: -len(message) or None]
        public.verify(signature, message, context)
        with pytest.raises(InvalidSignature):
            public.verify(signature, message + b"!", context)


def test_mlkem_768_decapsulates_nists_answers() -> None:
    cases = [r for r in records("asymmetric/MLKEM/kat_MLKEM_768.rsp") if "ss" in r]
    assert len(cases) >= 10
    for case in cases[:10]:
        seed = bytes.fromhex(case["d"]) + bytes.fromhex(case["z"])
        private = MLKEM768PrivateKey.from_seed_bytes(seed)
        assert private.public_key().public_bytes_raw().hex() == case["pk"].lower()
        assert private.decapsulate(bytes.fromhex(case["ct"])).hex() == case["ss"].lower()


def xwing_vectors() -> list[dict[str, object]]:
    cases = json.loads((VECTORS / "HPKE" / "hpke-pq-test-vectors.json").read_text())
    return [case for case in cases if case["kem_id"] == 0x647A and case["kdf_id"] == 1]


def test_our_seed_expansion_gives_the_published_x_wing_keys() -> None:
    for case in xwing_vectors():
        assert PrekeySecret(bytes.fromhex(str(case["skRm"]))).public.hex() == case["pkRm"]


def test_x_wing_hpke_opens_the_published_answers() -> None:
    suite = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
    for case in xwing_vectors():
        secret = PrekeySecret(bytes.fromhex(str(case["skRm"])))
        encryptions = case["encryptions"]
        assert isinstance(encryptions, list)
        first = encryptions[0]
        opened = openssl.hpke._decrypt_with_aad(
            suite,
            bytes.fromhex(str(case["enc"])) + bytes.fromhex(first["ct"]),
            secret._key,
            info=bytes.fromhex(str(case["info"])),
            aad=bytes.fromhex(first["aad"]),
        )
        assert opened.hex() == first["pt"]


def test_ed25519_signs_as_rfc_8032_says() -> None:
    lines = (VECTORS / "asymmetric" / "Ed25519" / "sign.input").read_text().splitlines()[:50]
    for line in lines:
        secret, _, message, signed = line.split(":")[:4]
        key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(secret[:64]))
        assert (key.sign(bytes.fromhex(message)) + bytes.fromhex(message)).hex() == signed


def cobblestone_open(key: bytes, context: bytes, sealed: bytes) -> bytes:
    """An independent reading of c2sp.org/chunked-encryption with SHA-512 and AES-256-GCM (spec/envelope.md)."""
    salt, commitment, body = sealed[:24], sealed[24:56], sealed[56:]
    info = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0" + salt + context
    derived = HKDFExpand(algorithm=hashes.SHA512(), length=32 + 12 + 32, info=info).derive(key)
    aead, base = AESGCM(derived[:32]), int.from_bytes(derived[32:44], "big")
    assert derived[44:] == commitment
    chunks = [body[at : at + 16400] for at in range(0, len(body), 16400)]
    assert len(chunks[-1]) < 16400, "truncated"
    nonces = ((base ^ number).to_bytes(12, "big") for number in range(len(chunks)))
    return b"".join(aead.decrypt(nonce, chunk, None) for nonce, chunk in zip(nonces, chunks, strict=True))


@pytest.mark.parametrize("length", [0, 1, 16383, 16384, 16385, 40_000])
def test_cobblestone_256_is_what_its_specification_says(length: int) -> None:
    sealer = Cobblestone256Encryptor(known.COBBLESTONE_KEY, b"a context")
    sealed = sealer.update(bytes(length)) + sealer.finalize()
    assert cobblestone_open(known.COBBLESTONE_KEY, b"a context", sealed) == bytes(length)


def test_the_known_answers_are_those_the_library_gives() -> None:
    assert AESGCM(bytes(32)).encrypt(bytes(12), bytes(16), None) == known.AESGCM_SEALED
    with pytest.raises(InvalidTag):
        AESGCM(bytes(32)).decrypt(bytes(12), known.AESGCM_SEALED[:-1] + b"\0", None)
    assert hashlib.sha256(b"simpul known answers").digest() == known.XWING_SEED
