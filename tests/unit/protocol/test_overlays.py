"""An overlay has one byte form, and nothing else is read as one."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given
from msgspec.structs import replace

from simpul.domain.clauses import Outcome
from simpul.domain.labels import Classification, Tlp
from simpul.domain.overlays import Overlay, OverlayRule, When, faults, overlay_values
from simpul.errors import Malformed, NotUnderstood
from simpul.protocol.canonical import encode
from simpul.protocol.documents import open_document, sign
from simpul.protocol.overlays import (
    KIND,
    OVERLAY_LIMIT,
    decode_overlay,
    encode_overlay,
    overlay_hash,
)
from tests.properties.strategies import overlays
from tests.unit.protocol.parties import ARUNIKA

RULES = Overlay(
    party=ARUNIKA.party,
    version=3,
    title="Rules of Arunika",
    rules=(
        OverlayRule(
            id="one",
            then=Outcome.DENY,
            when=When(
                topics=frozenset({"b", "a"}),
                levels=frozenset({Classification("XA", "RAHASIA"), Classification("XA", "TERBATAS")}),
                tlp_from=Tlp.AMBER_STRICT,
                since=0,
            ),
            note="why",
        ),
        OverlayRule(id="two", then=Outcome.NEEDS_APPROVAL, approvals=2),
    ),
)


def test_an_overlay_is_read_back_from_its_bytes_and_named_by_their_hash() -> None:
    data = encode_overlay(RULES)
    assert decode_overlay(data) == RULES
    assert overlay_hash(RULES) == hashlib.sha256(data).digest()
    assert data == encode(overlay_values(RULES))


@given(overlays.filter(lambda overlay: not faults(overlay)))
def test_every_sound_overlay_has_one_byte_form(overlay: Overlay) -> None:
    data = encode_overlay(overlay)
    assert decode_overlay(data) == overlay
    assert encode_overlay(decode_overlay(data)) == data


def test_its_party_signs_it_as_a_document() -> None:
    document = sign(KIND, "live", encode_overlay(RULES), ARUNIKA.signing)
    opened = open_document(
        document.encode(), kind=KIND, realm="live", keys=[ARUNIKA.signing.public], limit=OVERLAY_LIMIT
    )
    assert decode_overlay(opened.payload) == RULES
    assert opened.hash == overlay_hash(RULES)


def changed(**change: Any) -> bytes:
    """The payload with its first rule changed."""
    values = overlay_values(RULES)
    values["rules"][0] |= change
    return encode(values)


@pytest.mark.parametrize(
    "change",
    [
        {"then": "permit"},
        {"then": "redact"},
        {"then": "shred"},
        {"id": "Upper Case"},
        {"id": "two"},
        {"approvals": 2},
        {"when": {"topics": ["b", "a"]}},
        {"when": {"topics": ["a", "a"]}},
        {"when": {"tlp_from": "orange"}},
        {"when": {"since": 9, "until": 9}},
        {"when": {"levels": [["XA"]]}},
        {"when": {}},
        {"when": None},
        {"note": ""},
    ],
)
def test_what_is_not_the_one_form_of_sound_rules_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        decode_overlay(changed(**change))


@pytest.mark.parametrize("change", [{"else": "permit"}, {"when": {"tlp_to": "amber"}}])
def test_an_unknown_field_is_critical(change: dict[str, Any]) -> None:
    with pytest.raises(NotUnderstood):
        decode_overlay(changed(**change))


def test_too_long_an_overlay_is_neither_written_nor_read() -> None:
    long = replace(RULES, title="x" * OVERLAY_LIMIT)
    with pytest.raises(Malformed):
        encode_overlay(long)
    with pytest.raises(Malformed):
        decode_overlay(encode(overlay_values(long)))


def test_rules_in_another_order_are_another_overlay() -> None:
    turned = replace(RULES, rules=tuple(reversed(RULES.rules)))
    assert overlay_hash(turned) != overlay_hash(RULES)
