"""The envelope: altered anywhere, cut anywhere, sent to anybody else, it does not open."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from simpul.domain.mail import Outgoing
from simpul.errors import (
    BadSignature,
    Malformed,
    Misdirected,
    NotUnderstood,
    PartnerFault,
    Unopenable,
    Unproven,
    WrongSuite,
)
from simpul.protocol import envelope, message, payloads
from simpul.protocol.canonical import encode
from simpul.protocol.envelope import CONTACT_EPOCH, HEADER_LENGTH, Address, padded
from simpul.protocol.message import Seal
from tests.unit.protocol.handmade import sealed_by_hand
from tests.unit.protocol.parties import (
    ARUNIKA,
    BOREALIA,
    CENDARA,
    DAY,
    EPOCH,
    NOW,
    REALM,
    address,
    drawn,
    drawn_message,
    opened,
    release_message,
    sealed,
    tale,
    unsealed,
)

WRAP = 1168
TOLD = tale([b"sheet", b"portion", *(drawn(f"object {n}", 900) for n in range(50))])
SENT = sealed(release_message(TOLD))
SMALL = sealed(
    message.procedure(
        payloads.Acks(),
        (),
        drawn_message("ack"),
        to=BOREALIA.party,
        lane="normal",
        now=NOW,
        expires=NOW + DAY,
    )
)


def flipped(data: bytes, at: int, bit: int = 0) -> bytes:
    return data[:at] + bytes((data[at] ^ (1 << bit),)) + data[at + 1 :]


def handmade(**change: Any) -> bytes:
    """The small message, sealed by somebody who breaks a rule."""
    return sealed_by_hand(SMALL, **change)


def test_what_was_sealed_opens_for_the_recipient() -> None:
    got = opened(SENT.envelope)
    assert got.payload == SENT.payload
    assert got.message == message.decode_message(SENT.message)
    assert got.name == message.message_name(SENT.message)
    assert got.unsealed.sender == ARUNIKA.party
    assert envelope.parse(SENT.envelope).name == hashlib.sha256(SENT.envelope).digest()


def test_the_handmade_envelope_opens_when_it_follows_the_rules() -> None:
    assert opened(handmade()).kind.name == "ack"


@settings(max_examples=20)
@given(st.binary(max_size=40_000))
def test_any_payload_reads_back(body: bytes) -> None:
    step = payloads.AgreementStep(step="propose", id="x", version=1)
    outgoing = message.procedure(
        step, (body,), drawn_message("any"), to=BOREALIA.party, lane="bulk", now=NOW, expires=NOW + 1
    )
    got = opened(sealed(outgoing).envelope)
    assert payloads.decode_payload(got.payload, payloads.AgreementStep) == (step, (body,))


@pytest.mark.parametrize("at", range(HEADER_LENGTH))
def test_no_altered_byte_of_the_header_opens(at: int) -> None:
    for bit in range(8):
        with pytest.raises((Malformed, NotUnderstood, WrongSuite, Misdirected, Unopenable)):
            opened(flipped(SENT.envelope, at, bit))


@pytest.mark.parametrize(
    ("at", "fault"), [(0, Malformed), (4, NotUnderstood), (5, WrongSuite), (6, Unopenable), (25, Misdirected)]
)
def test_each_field_of_the_header_has_its_own_fault(at: int, fault: type[PartnerFault]) -> None:
    with pytest.raises(fault):
        opened(flipped(SENT.envelope, at, 1))


def test_no_altered_byte_of_the_wrap_opens() -> None:
    for at in range(HEADER_LENGTH, HEADER_LENGTH + WRAP):
        with pytest.raises(Unopenable):
            opened(flipped(SMALL.envelope, at))


def test_no_altered_chunk_of_the_body_opens() -> None:
    body = HEADER_LENGTH + WRAP
    length = len(SENT.envelope)
    places = [*range(body, body + 56), *range(body + 56, length, 1009), *range(length - 20, length)]
    assert length > body + 2 * 16_400, "several chunks"
    for at in places:
        with pytest.raises(Unopenable):
            opened(flipped(SENT.envelope, at))


def test_swapped_and_dropped_chunks_do_not_open() -> None:
    start = HEADER_LENGTH + WRAP + 56
    one, two = SENT.envelope[start : start + 16_400], SENT.envelope[start + 16_400 : start + 32_800]
    head, rest = SENT.envelope[:start], SENT.envelope[start + 32_800 :]
    for body in (two + one + rest, one + rest, two + rest, one + two):
        with pytest.raises(Unopenable):
            opened(head + body)


def test_every_truncation_is_refused() -> None:
    for length in [
        *range(HEADER_LENGTH + WRAP + 80),
        *range(HEADER_LENGTH + WRAP + 80, len(SMALL.envelope), 61),
    ]:
        with pytest.raises((Malformed, Unopenable)):
            opened(SMALL.envelope[:length])
    with pytest.raises(Unopenable):
        opened(SMALL.envelope + b"\0")


def test_bytes_that_are_no_envelope_and_too_many_of_them_are_malformed() -> None:
    for data in (b"", b"SMPL", b"{}" * 1000):
        with pytest.raises(Malformed):
            envelope.parse(data)
    with pytest.raises(Malformed, match="limit"):
        envelope.parse(SMALL.envelope, len(SMALL.envelope) - 1)


def test_nobody_else_opens_it() -> None:
    with pytest.raises(Unopenable):
        unsealed(SENT.envelope, CENDARA)
    parsed = envelope.parse(SENT.envelope)
    with pytest.raises(Unopenable):
        envelope.unseal(parsed, BOREALIA.prekeys[EPOCH + 1], epoch=EPOCH, realm=REALM, me=BOREALIA.party)


def test_another_realm_does_not_open_it() -> None:
    with pytest.raises(Unopenable):
        unsealed(SENT.envelope, realm="exercise-1")


def test_a_message_of_another_realm_inside_is_misdirected() -> None:
    live = message.decode_message(SMALL.message)
    other = encode(replace(live, realm="exercise-1"))
    with pytest.raises(Misdirected):
        opened(handmade(message_bytes=other))


def test_a_prekey_of_another_suite_is_refused_before_it_is_used() -> None:
    parsed = replace(envelope.parse(SENT.envelope), suite=2)
    with pytest.raises(WrongSuite):
        envelope.unseal(parsed, BOREALIA.prekeys[EPOCH], epoch=EPOCH, realm=REALM, me=BOREALIA.party)


def test_a_suite_that_was_not_agreed_is_refused_after_opening() -> None:
    got = opened(SMALL.envelope)
    envelope.require_suite(got, 1)
    with pytest.raises(WrongSuite):
        envelope.require_suite(got, 2)


def test_sealing_signed_words_again_for_a_third_nation_is_misdirected() -> None:
    theirs = address(CENDARA, BOREALIA)
    inner = unsealed(SMALL.envelope)
    forwarded = handmade(to=theirs, seal_bytes=inner.seal_bytes)
    with pytest.raises(Misdirected, match="header"):
        unsealed(forwarded, CENDARA)
    readdressed = handmade(to=theirs, signer=BOREALIA.signing)
    with pytest.raises(Misdirected, match="recipient"):
        unsealed(readdressed, CENDARA)


def test_stripping_either_signature_is_refused() -> None:
    for strip in (0, 1):
        with pytest.raises(BadSignature):
            opened(handmade(strip=strip))


def test_words_signed_by_another_key_are_refused() -> None:
    with pytest.raises(BadSignature):
        opened(handmade(signer=BOREALIA.signing))
    with pytest.raises(BadSignature):
        opened(handmade(signer=BOREALIA.signing, change={"key": ARUNIKA.signing.public.id}))
    inside = unsealed(SMALL.envelope)
    with pytest.raises(BadSignature, match="another signing key"):
        envelope.open_message(inside, BOREALIA.signing.public)


def test_signatures_over_another_message_or_seal_do_not_hold() -> None:
    inside = unsealed(SMALL.envelope)
    key = ARUNIKA.signing.public
    second = encode(replace(message.decode_message(SMALL.message), number=2))
    attempt = encode(replace(inside.seal, attempt=2))
    for changed in (replace(inside, message=second), replace(inside, seal_bytes=attempt)):
        with pytest.raises(BadSignature):
            envelope.open_message(changed, key)


def test_a_swapped_payload_is_unproven() -> None:
    with pytest.raises(Unproven):
        opened(handmade(payload=payloads.encode_payload(payloads.Hello(package=1))))
    stated = message.decode_message(SMALL.message)
    longer = encode(replace(stated, payload=replace(stated.payload, length=stated.payload.length + 1)))
    with pytest.raises(Unproven, match="length"):
        opened(handmade(message_bytes=longer))


def test_padding_that_is_not_zero_and_seals_in_another_form_are_malformed() -> None:
    with pytest.raises(Malformed, match="padding"):
        opened(handmade(tail=b"\0\0\1"))
    good = encode(Seal(suite=1, header=bytes(32), attempt=1, key=bytes(32)))
    for seal_bytes in (good + b" ", b"{}", b"\xff"):
        with pytest.raises(Malformed):
            opened(handmade(seal_bytes=seal_bytes))


@pytest.mark.parametrize("data", [b"{}", b"not json", b"\xff", b'{"from":1}', b"[" * 60_000, bytes(70_000)])
def test_a_message_that_does_not_parse_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        opened(handmade(message_bytes=data))


def test_faults_of_a_verified_sender_are_told_apart_from_forgeries() -> None:
    unknown_kind = encode(replace(message.decode_message(SMALL.message), kind="level"))
    unknown_field = SMALL.message[:-1] + b',"zz":1}'
    for data in (unknown_kind, unknown_field):
        with pytest.raises(NotUnderstood):
            opened(handmade(message_bytes=data))
        with pytest.raises(BadSignature):
            opened(handmade(message_bytes=data, strip=1))


def test_the_contact_mailbox_takes_only_its_kinds() -> None:
    contact = BOREALIA.card.realm(REALM).contact
    to = Address(tag=contact.tag, epoch=CONTACT_EPOCH, prekey=contact.prekey)
    hello = message.procedure(
        payloads.Hello(),
        (),
        drawn_message("hi"),
        to=BOREALIA.party,
        lane="contact",
        now=NOW,
        expires=NOW + DAY,
    )
    assert opened(sealed(hello, to).envelope).kind.name == "hello"
    with pytest.raises(Misdirected, match="contact"):
        opened(handmade(to=to))


def test_a_payload_over_its_kinds_limit_is_malformed() -> None:
    big = payloads.encode_payload(payloads.Acks(), [bytes(2000)])
    stated = message.decode_message(SMALL.message)
    carried = message.Carried(sha256=hashlib.sha256(big).digest(), length=len(big), encoding="identity")
    with pytest.raises(Malformed, match="limit"):
        opened(handmade(message_bytes=encode(replace(stated, payload=carried)), payload=big))


def test_sealing_again_changes_the_envelope_and_not_the_message() -> None:
    again = envelope.seal(SMALL.message, SMALL.payload, ARUNIKA.signing, SMALL.address, attempt=2)
    first, second = opened(SMALL.envelope), opened(again)
    assert first.name == second.name
    assert again != SMALL.envelope
    assert (first.unsealed.seal.attempt, second.unsealed.seal.attempt) == (1, 2)


def test_a_stored_message_verifies_again_years_later() -> None:
    inside = unsealed(SMALL.envelope)
    key = ARUNIKA.card.pair_of(REALM, inside.seal.key)
    read = envelope.verify_again(inside.message, inside.seal_bytes, inside.signatures, key)
    assert read == message.decode_message(SMALL.message)
    with pytest.raises(BadSignature):
        envelope.verify_again(inside.message, inside.seal_bytes, inside.signatures, BOREALIA.signing.public)
    with pytest.raises(BadSignature):
        envelope.verify_again(inside.message, inside.seal_bytes, (b"", inside.signatures[1]), key)


@given(st.integers(0, 20_000_000))
def test_padding_hides_length_at_a_bounded_cost(length: int) -> None:
    size = padded(length)
    assert size >= length
    assert size <= max(length * 1.12, length)
    assert padded(size) == size
    assert padded(length, envelope.FLOOR) >= envelope.FLOOR


def test_lengths_in_one_class_are_not_told_apart() -> None:
    def size(note: str) -> int:
        notice = payloads.CheckpointNotice(note=note)
        outgoing: Outgoing = message.procedure(
            notice, (), drawn_message("n"), to=BOREALIA.party, lane="normal", now=NOW, expires=NOW + DAY
        )
        return len(sealed(outgoing).envelope)

    assert size("x" * 40) == size("x" * 44)


def test_the_relay_sees_no_name_and_no_word() -> None:
    outside = SENT.envelope
    for secret in (ARUNIKA.party, BOREALIA.party, "Arunika", "release", REALM):
        assert secret.encode() not in outside
        assert bytes.fromhex(ARUNIKA.party) not in outside
