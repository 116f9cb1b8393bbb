"""Documents: every signature on them holds, and nothing else changes their name."""

from __future__ import annotations

import pytest

from simpul.errors import BadSignature, Malformed, Misdirected, WrongSuite
from simpul.protocol.documents import (
    Document,
    countersign,
    open_document,
    parse_document,
    sign,
    verify,
)
from tests.unit.protocol.parties import ARUNIKA, BOREALIA, CENDARA

A, B = ARUNIKA.signing, BOREALIA.signing
BOTH = sign("agreement", "live", b"terms", A, B)


def test_a_document_reads_back_and_its_signers_are_known() -> None:
    document = open_document(
        BOTH.encode(), kind="agreement", realm="live", keys=[A.public, B.public, CENDARA.signing.public]
    )
    assert document == BOTH
    assert verify(document, [A.public, B.public]) == {A.public.id, B.public.id}


def test_another_signature_does_not_change_the_name() -> None:
    first = sign("agreement", "live", b"terms", A)
    both = countersign(first, B)
    assert first.hash == both.hash
    assert [s.key for s in both.signatures] == [A.public.id, B.public.id]
    assert countersign(both, A) == both


def test_a_signature_by_an_unexpected_key_spoils_the_document() -> None:
    with pytest.raises(BadSignature, match="may not sign"):
        verify(BOTH, [A.public])


def test_a_document_without_a_signature_is_not_signed() -> None:
    with pytest.raises(BadSignature, match="not signed"):
        verify(Document(kind="card", realm="*", payload=b"x", signatures=()), [A.public])


def test_the_same_signature_twice_is_not_two() -> None:
    one = BOTH.signatures[0]
    twice = Document(kind="agreement", realm="live", payload=b"terms", signatures=(one, one))
    with pytest.raises(BadSignature):
        verify(twice, [A.public])


def test_a_signature_moved_to_another_kind_realm_or_payload_does_not_hold() -> None:
    for kind, realm, payload in [
        ("card", "live", b"terms"),
        ("agreement", "exercise-1", b"terms"),
        ("agreement", "live", b"other terms"),
    ]:
        moved = Document(kind=kind, realm=realm, payload=payload, signatures=BOTH.signatures)
        with pytest.raises(BadSignature):
            verify(moved, [A.public, B.public])


def test_another_kind_or_realm_is_misdirected() -> None:
    for kind, realm in [("card", "live"), ("agreement", "exercise-1")]:
        with pytest.raises(Misdirected):
            open_document(BOTH.encode(), kind=kind, realm=realm, keys=[A.public, B.public])


def test_stripping_one_algorithm_of_a_signature_is_refused() -> None:
    data = BOTH.encode()
    classical, quantum = BOTH.signatures[0].pair
    with pytest.raises(BadSignature):
        verify(parse_document(data.replace(quantum, bytes(len(quantum)))), [A.public, B.public])
    with pytest.raises(BadSignature):
        verify(parse_document(data.replace(classical, bytes(64))), [A.public, B.public])


def test_every_truncation_and_extension_is_malformed() -> None:
    data = sign("agreement", "live", b"terms", A).encode()
    for length in [*range(60), *range(60, len(data), 97), len(data) - 1]:
        with pytest.raises(Malformed):
            parse_document(data[:length])
    with pytest.raises(Malformed):
        parse_document(data + b"\0")


def test_every_altered_byte_before_the_signatures_is_refused() -> None:
    data = sign("agreement", "live", b"terms", A).encode()
    for at in range(4 + 2 + 10 + 5 + 9 + 1 + 32):
        changed = data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]
        with pytest.raises((Malformed, BadSignature, WrongSuite, Misdirected)):
            open_document(changed, kind="agreement", realm="live", keys=[A.public])


def test_the_suite_that_is_not_built_is_refused() -> None:
    data = bytearray(BOTH.encode())
    data[5] = 2
    with pytest.raises(WrongSuite):
        parse_document(bytes(data))


def test_a_document_over_the_limit_is_malformed() -> None:
    data = BOTH.encode()
    assert parse_document(data, len(data)) == BOTH
    with pytest.raises(Malformed, match="limit"):
        parse_document(data, len(data) - 1)


def test_a_name_that_is_not_ascii_is_malformed() -> None:
    data = BOTH.encode().replace(b"live", b"l\xefve")
    with pytest.raises(Malformed, match="ASCII"):
        parse_document(data)
