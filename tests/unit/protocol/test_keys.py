"""Signing pairs, prekeys, log keys, sealed user keys and the self-test."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simpul.errors import BadSignature, CryptoUnavailable, HomeDamaged, Malformed, Unauthorised, Unopenable
from simpul.protocol import keys
from simpul.protocol.keys import LogKey, PrekeySecret, PublicKey, SigningKey
from tests.unit.protocol.parties import ARUNIKA, BOREALIA, drawn

TYPE = "application/vnd.simpul.test; version=1; realm=live; suite=1"
CHEAP = keys.PassphraseCost(passes=1, memory=64, lanes=1)


def test_both_signatures_must_hold() -> None:
    pair = ARUNIKA.signing.sign(TYPE, b"body")
    public = ARUNIKA.signing.public
    public.verify(TYPE, b"body", pair)
    other = BOREALIA.signing.sign(TYPE, b"body")
    for bad in [(pair[0], other[1]), (other[0], pair[1]), (pair[0], b""), (b"", pair[1]), (pair[1], pair[0])]:
        with pytest.raises(BadSignature):
            public.verify(TYPE, b"body", bad)


def test_a_signature_does_not_count_for_another_body_type_or_key() -> None:
    pair = ARUNIKA.signing.sign(TYPE, b"body")
    for type_, body, key in [
        (TYPE.replace("live", "exercise-1"), b"body", ARUNIKA),
        (TYPE, b"bodY", ARUNIKA),
        (TYPE, b"body", BOREALIA),
    ]:
        with pytest.raises(BadSignature):
            key.signing.public.verify(type_, body, pair)


def test_the_pre_authentication_encoding_is_that_of_dsse() -> None:
    assert keys.pre_authentication("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_a_public_key_reads_back_and_refuses_other_lengths() -> None:
    public = ARUNIKA.signing.public
    assert PublicKey.read(public.raw) == public
    for raw in (public.raw[:-1], public.raw + b"\0", b""):
        with pytest.raises(Malformed):
            PublicKey.read(raw)


def test_a_key_of_garbage_verifies_nothing() -> None:
    pair = ARUNIKA.signing.sign(TYPE, b"body")
    with pytest.raises(BadSignature):
        PublicKey(b"\xff" * 32, b"\xff" * 1952).verify(TYPE, b"body", pair)


def test_a_seed_of_another_length_is_refused() -> None:
    for make in (SigningKey, LogKey, PrekeySecret):
        with pytest.raises(ValueError, match="bytes"):
            make(bytes(31))


def test_the_fingerprint_covers_both_halves_of_the_root() -> None:
    root = ARUNIKA.root.public
    name = keys.fingerprint(root)
    assert len(name) == 50
    assert name != keys.fingerprint(PublicKey(BOREALIA.root.public.classical, root.quantum))
    assert name != keys.fingerprint(PublicKey(root.classical, BOREALIA.root.public.quantum))


def test_a_fingerprint_for_eye_and_ear() -> None:
    name = "0123456789abcdef" * 3 + "01"
    assert keys.groups(name).split() == [name[at : at + 5] for at in range(0, 50, 5)]
    spelled = keys.spelled(name)
    assert len(spelled) == 10
    assert spelled[0] == "zero one two three four"
    assert spelled[2] == "alfa bravo charlie delta echo"


@settings(max_examples=10)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=64))
def test_what_is_wrapped_unwraps_only_with_its_key_and_info(key: bytes, info: bytes) -> None:
    secret = PrekeySecret(drawn("wrap"))
    wrapped = keys.wrap(secret.public, key, info)
    assert len(wrapped) == 1168
    assert secret.unwrap(wrapped, info) == key
    for other, about in ((PrekeySecret(drawn("other")), info), (secret, info + b"!")):
        with pytest.raises(Unopenable):
            other.unwrap(wrapped, about)


def test_a_prekey_that_is_none_is_malformed() -> None:
    for raw in (b"", bytes(1215), b"\xff" * 1216):
        with pytest.raises(Malformed):
            keys.wrap(raw, bytes(32), b"")


def test_the_log_key_signs_two_separate_lines() -> None:
    log = ARUNIKA.log
    public = keys.LogPublicKey.read(log.public.raw)
    public.verify_classical(b"note", log.sign_classical(b"note"))
    public.verify_quantum(b"note", log.sign_quantum(b"note"))
    with pytest.raises(BadSignature):
        public.verify_classical(b"note!", log.sign_classical(b"note"))
    with pytest.raises(BadSignature):
        public.verify_quantum(b"note", log.sign_classical(b"note"))
    with pytest.raises(Malformed):
        keys.LogPublicKey.read(log.public.raw[1:])


def test_a_user_key_opens_with_its_passphrase_only() -> None:
    seed = drawn("user", 64)
    sealed = keys.seal_user_key(seed, "kata sandi", drawn("salt", 16), drawn("nonce", 12), cost=CHEAP)
    assert keys.open_user_key(sealed, "kata sandi") == seed
    assert seed not in sealed
    with pytest.raises(Unauthorised):
        keys.open_user_key(sealed, "kata sandj")


def test_an_altered_user_key_never_opens() -> None:
    sealed = keys.seal_user_key(drawn("user", 64), "p", drawn("salt", 16), drawn("nonce", 12), cost=CHEAP)
    for at in range(17, len(sealed)):
        changed = sealed[:at] + bytes((sealed[at] ^ 1,)) + sealed[at + 1 :]
        with pytest.raises(Unauthorised):
            keys.open_user_key(changed, "p")


@pytest.mark.parametrize("sealed", [b"", b"SMPU\x01", b"SMPU\x01" + b"\xff" * 80, b"x" * 80])
def test_bytes_that_are_no_sealed_key_say_so(sealed: bytes) -> None:
    with pytest.raises(HomeDamaged):
        keys.open_user_key(sealed, "p")


def test_the_default_cost_is_that_of_rfc_9106() -> None:
    assert (keys.PASSPHRASE_COST.passes, keys.PASSPHRASE_COST.memory) == (3, 64 * 1024)


def test_this_build_passes_its_self_test() -> None:
    keys.self_test()


def test_a_build_that_computes_wrongly_is_refused_by_name() -> None:
    keys.check_answers({"Ed25519": lambda: True})
    with pytest.raises(CryptoUnavailable, match="AES-256-GCM"):
        keys.check_answers({"Ed25519": lambda: True, "AES-256-GCM": lambda: False})


def test_a_build_that_lacks_an_algorithm_is_refused_by_name() -> None:
    def lacking() -> bool:
        raise Unopenable("no such algorithm")

    with pytest.raises(CryptoUnavailable, match="X-Wing") as caught:
        keys.check_answers({"X-Wing": lacking})
    assert caught.value.do is not None
    assert "wheel" in caught.value.do
