"""Charters, leaves and steps as bytes: one form each, and nothing that nobody should sign."""

from __future__ import annotations

import hashlib

import pytest
from msgspec.structs import replace

from simpul.domain.circles import Leave
from simpul.errors import Malformed, PartnerFault
from simpul.protocol.canonical import decode, encode
from simpul.protocol.charters import (
    CharterStep,
    charter_hash,
    charter_to_wire,
    decode_charter,
    decode_leave,
    encode_charter,
    encode_leave,
)
from tests.unit.domain.charters import HASH, A, B, C, charter, inner


def test_a_charter_comes_back_as_it_was_signed() -> None:
    for made in (
        charter(A, B, C, circles=inner("east", "west"), within=("outer",)),
        charter(A, B, epoch=4, left=(C,)),
        charter(A, B, epoch=2, dissolved=True),
    ):
        assert decode_charter(encode_charter(made)) == made
        assert charter_hash(made) == hashlib.sha256(encode_charter(made)).digest()


def test_a_charter_that_nobody_should_sign_is_malformed() -> None:
    wire = charter_to_wire(charter(A, B, C))
    for bad in (
        replace(wire, threshold=1),
        replace(wire, convener="somebody"),
        replace(wire, previous=HASH),
        replace(wire, terms=replace(wire.terms, parties=(B, A))),
    ):
        with pytest.raises(Malformed):
            decode_charter(encode(bad))


def test_a_charter_cut_or_altered_anywhere_is_not_read_as_another() -> None:
    data = encode_charter(charter(A, B, circles=inner("east")))
    for at in range(0, len(data), 7):
        with pytest.raises(PartnerFault):
            decode_charter(data[:at])


def test_a_leave_comes_back_and_is_of_somebody() -> None:
    made = Leave(circle="ring", charter=HASH, party=A, at=5)
    assert decode_leave(encode_leave(made)) == made
    for bad in (replace(made, party="somebody"), replace(made, at=-1)):
        with pytest.raises(Malformed):
            decode_leave(encode_leave(bad))


def test_a_step_is_one_of_five() -> None:
    with pytest.raises(Malformed):
        decode(encode(CharterStep(step="expel", id="ring", epoch=1)), CharterStep)
    step = CharterStep(step="hold", id="ring", epoch=2, charter=HASH, left=(C,))
    assert decode(encode(step), CharterStep) == step
