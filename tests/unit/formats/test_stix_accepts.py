"""Good objects of every type are accepted, and what is read from them is right."""

from __future__ import annotations

import hashlib
import json

import msgspec
import pytest
import stix2

from simpul.domain.cutting import mentions
from simpul.domain.objects import NO_VERSION, Object
from simpul.domain.stix_types import FAMILIES, TYPES
from simpul.errors import InputFault
from simpul.formats.stix import object_of, stamp, version_of
from tests.unit.formats.examples import GOOD, LATER, accepted, good, read_bytes, some_id


def test_there_is_an_example_of_every_type_of_the_specification() -> None:
    assert GOOD.keys() == TYPES.keys()
    counts = [list(FAMILIES.values()).count(family) for family in ("sdo", "sro", "meta", "sco")]
    assert counts == [19, 2, 3, 19]  # incident, and x-simpul-identifier, are the nineteenth


@pytest.mark.parametrize("type", GOOD)
def test_a_good_object_of_each_type_is_accepted_with_its_bytes(type: str) -> None:
    raw = msgspec.json.encode(GOOD[type])
    made = read_bytes(raw)
    assert isinstance(made, Object), made
    assert (made.id, made.type, made.raw) == (GOOD[type]["id"], type, raw)
    assert made.sha256 == hashlib.sha256(raw).digest()
    assert made.version == version_of(LATER) or type == "marking-definition" or FAMILIES[type] == "sco"


@pytest.mark.parametrize("type", sorted(GOOD.keys() - {"x-simpul-identifier"}))
def test_the_reference_library_accepts_the_examples_too(type: str) -> None:
    assert stix2.parse(json.dumps(GOOD[type]), version="2.1")["id"] == GOOD[type]["id"]


@pytest.mark.parametrize("type", GOOD)
def test_every_spelling_of_the_same_json_is_accepted(type: str) -> None:
    for indent, separators in ((None, (",", ":")), (None, (", ", ": ")), (4, (" ,", " : "))):
        raw = json.dumps(GOOD[type], indent=indent, separators=separators).encode()
        assert isinstance(read_bytes(raw), Object)


def test_unknown_types_properties_and_extensions_are_kept_as_they_are() -> None:
    accepted({"type": "x-mitre-matrix", "id": some_id("x-mitre-matrix"), "tactic_refs": [], "x": None})
    accepted(good("tool", x_risk={"score": 1.5, "why": ["a"]}, extensions={"x-example-ext": {"a": 1}}))
    accepted(good("file", id=some_id("file"), extensions={some_id("extension-definition"): {"a": [None]}}))


def test_the_version_is_modified_or_created_or_none_in_microseconds() -> None:
    assert accepted(good("tool")).version == 1_772_440_200_123_456
    assert accepted(good("marking-definition")).version == 1_772_353_800_000_000
    assert accepted(good("url")).version == NO_VERSION
    assert version_of("2026-03-02T08:30:00.1234569Z") == 1_772_440_200_123_456
    assert version_of("1969-12-31T23:59:59.5Z") == -500_000
    assert version_of("2016-12-31T23:59:60Z") == version_of("2017-01-01T00:00:00Z")
    assert stamp(1_772_440_200_123_456) == "2026-03-02T08:30:00.123456Z"
    assert stamp(1_772_353_800_000_000) == "2026-03-01T08:30:00.000Z"


def test_revocation_and_markings_are_read() -> None:
    made = accepted(good("tool", revoked=True))
    assert made.revoked
    assert made.markings == tuple(GOOD["tool"]["object_marking_refs"])


def test_every_id_in_the_bytes_is_found_wherever_it_stands() -> None:
    hidden = some_id("malware", 5)
    made = accepted(
        good(
            "note",
            content=f"See {some_id('tool', 2)}, and (xindicator--{'1' * 8}-0000-4000-8000-{'2' * 12}).",
            x_seen_by=[{some_id("identity", 3): [some_id("x-thing", 4).upper()]}],
        )
    )
    ids = mentions(made.raw, made.id)
    for other in (some_id("tool", 2), some_id("identity", 3), some_id("x-thing", 4), some_id("indicator")):
        assert other in ids
    assert f"xindicator--{'1' * 8}-0000-4000-8000-{'2' * 12}" in ids
    assert made.id not in ids
    broken = accepted(good("note", content=f"see\n{hidden}\t{some_id('tool', 6)}"))
    ids = mentions(broken.raw, broken.id)
    assert {hidden, some_id("tool", 6)} <= ids
    assert not any(other.startswith(("n", "t")) and other != some_id("tool", 6) for other in ids)
    escaped = msgspec.json.encode(good("note", content="see HERE")).replace(
        b"HERE", hidden.replace("-", "\\u002d").encode()
    )
    again = read_bytes(escaped)
    assert isinstance(again, Object)
    assert hidden in mentions(again.raw, again.id)


def test_bytes_from_the_store_are_read_again() -> None:
    raw = msgspec.json.encode(GOOD["tool"])
    assert object_of(raw).id == GOOD["tool"]["id"]
    with pytest.raises(InputFault, match="required and missing") as caught:
        object_of(msgspec.json.encode(good("tool", name=None)))
    assert caught.value.where == "name"
