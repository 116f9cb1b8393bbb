"""The cover sheet and the portions of a product, as leaves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simpul.errors import Malformed, NotUnderstood
from simpul.protocol.sheets import Sheet, decode_portion, decode_sheet, encode_portion, encode_sheet
from tests.unit.protocol.parties import ARUNIKA, NOW

SHEET = Sheet(
    product="product--1",
    version=1,
    originator=ARUNIKA.party,
    title="Sumber radiologis hilang – kapal di pelabuhan",
    purpose="counter-proliferation",
    precedence="flash",
    handling="desk officers only",
    grade="B2",
    known=NOW - 1,
    portions=(1, 3),
)


def test_a_sheet_reads_back() -> None:
    assert decode_sheet(encode_sheet(SHEET)) == SHEET


@given(st.integers(1, 10_000), st.text(max_size=200))
def test_a_portion_carries_its_own_number(number: int, text: str) -> None:
    portion = decode_portion(encode_portion(number, text))
    assert (portion.number, portion.text) == (number, text)


def test_another_form_of_a_sheet_or_portion_is_refused() -> None:
    with pytest.raises(Malformed):
        decode_sheet(encode_sheet(SHEET) + b" ")
    with pytest.raises(NotUnderstood):
        decode_portion(b'{"colour":"blue",' + encode_portion(1, "text")[1:])
    with pytest.raises(Malformed):
        decode_portion(b"{}")
