"""Enrolments, certificates and exclusions as bytes: one form each, and nothing that names nobody."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from simpul.domain.blind import Certificate, Enrolment, Exclusion
from simpul.errors import Malformed, PartnerFault
from simpul.protocol.blind import (
    CARDS_MOST,
    ENROLMENT,
    ENROLMENT_FILE,
    decode_certificate,
    decode_enrolment,
    decode_exclusion,
    encode_certificate,
    encode_enrolment,
    encode_exclusion,
    enrolment_file,
    read_enrolment_file,
)
from simpul.protocol.charters import charter_to_wire, decode_charter, encode_charter
from simpul.protocol.documents import Document
from tests.unit.domain.charters import HASH, A, B, C
from tests.unit.domain.test_blind import blind

ASKED = Enrolment(circle="ring", convener=A, party=B)
CERTIFIED = Certificate(circle="ring", convener=A, party=B, since=1)
EXCLUDED = Exclusion(circle="ring", charter=HASH, convener=A, releasable=(B, C), asked=bytes(range(16)))


def test_each_comes_back_as_it_was_signed() -> None:
    assert decode_enrolment(encode_enrolment(ASKED)) == ASKED
    assert decode_certificate(encode_certificate(CERTIFIED)) == CERTIFIED
    assert decode_exclusion(encode_exclusion(EXCLUDED)) == EXCLUDED
    assert decode_charter(encode_charter(blind())) == blind()
    assert charter_to_wire(blind()).blind


def test_what_names_no_circle_or_nobody_is_malformed() -> None:
    for enrolment in (
        replace(ASKED, circle="A Ring"),
        replace(ASKED, party="b"),
        replace(ASKED, convener=""),
    ):
        with pytest.raises(Malformed):
            decode_enrolment(encode_enrolment(enrolment))
    with pytest.raises(Malformed):
        decode_certificate(encode_certificate(replace(CERTIFIED, party="b")))
    for releasable in ((), (C, B), (B, B), ("b",)):
        with pytest.raises(Malformed):
            decode_exclusion(encode_exclusion(replace(EXCLUDED, releasable=releasable)))


def test_an_enrolment_file_comes_back_and_is_bounded() -> None:
    document = Document(kind=ENROLMENT, realm="live", payload=encode_enrolment(ASKED), signatures=())
    data = enrolment_file(document, [document.encode()])
    assert read_enrolment_file(data) == (document, (document,))
    for bad in (data[:-1], b"", enrolment_file(document, [document.encode()] * (CARDS_MOST + 1))):
        with pytest.raises(PartnerFault):
            read_enrolment_file(bad)
    with pytest.raises(PartnerFault, match="limit"):
        read_enrolment_file(bytes(ENROLMENT_FILE + 1))
