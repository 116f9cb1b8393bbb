"""Portions, words and values: each portion has its own, and nothing of a portion leaks into another."""

from __future__ import annotations

from typing import Any

import pytest

from simpul.domain.objects import Granular, Object
from tests.unit.formats.examples import SHA256, TLP_GREEN, accepted, good, observable, some_id

RED = "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed"


def pairs(made: Object) -> set[tuple[str, str]]:
    return {(value.kind, value.key) for value in made.values}


def marked(selectors: list[str], ref: str = RED) -> dict[str, Any]:
    return {"marking_ref": ref, "selectors": selectors}


def test_words_are_for_people_and_leave_out_ids_times_and_codes() -> None:
    made = accepted(
        good(
            "indicator",
            description="seen at the quay",
            x_note="custom words",
            x_author_ref=some_id("identity", 9),
            x_when="2026-03-01T08:30:00.000Z",
            granular_markings=None,
        )
    )
    (text,) = made.texts
    for word in ("Relay", "seen at the quay", "custom words", "198.51.100.7", "malicious-activity"):
        assert word in text
    for other in ("indicator--", "identity--", "2026-03-01", "marking-definition--"):
        assert other not in text


def test_words_of_references_and_inner_parts_are_found() -> None:
    text = accepted(good("attack-pattern")).texts[0]
    assert "X-1" in text
    assert "Whaling" in text
    assert "delivery" in text


def test_a_marked_property_is_a_portion_with_its_own_words_and_values() -> None:
    made = accepted(
        good(
            "indicator",
            description="the source is Ann",
            granular_markings=[marked(["description", "pattern"]), marked(["labels.[1]"], TLP_GREEN)],
            labels=["open", "half-open"],
        )
    )
    assert made.granular == (
        Granular(selectors=("description", "pattern"), markings=(RED,)),
        Granular(selectors=("labels.[1]",), markings=(TLP_GREEN,)),
    )
    assert len(made.texts) == 3
    assert "the source is Ann" in made.texts[1]
    assert "Ann" not in made.texts[0]
    assert "open" in made.texts[0].split("\n")
    assert made.texts[2] == "half-open"
    assert {(v.key, v.portion) for v in made.values} == {("198.51.100.7", 1)}


def test_a_part_of_a_marked_part_bears_both_marks() -> None:
    made = accepted(
        good(
            "attack-pattern",
            granular_markings=[
                marked(["external_references"], TLP_GREEN),
                marked(["external_references.[0].url"]),
            ],
        )
    )
    assert made.granular[0].markings == (TLP_GREEN,)
    assert made.granular[1].markings == tuple(sorted((TLP_GREEN, RED)))
    assert "https://example.org/x" in made.texts[2]
    assert "https://example.org/x" not in made.texts[1]


def test_a_language_mark_is_a_portion_without_markings() -> None:
    made = accepted(good("tool", granular_markings=[{"lang": "id", "selectors": ["name"]}]))
    assert made.granular == (Granular(selectors=("name",), markings=(), lang="id"),)


def test_a_selector_reaches_names_with_dots_in_them() -> None:
    made = accepted(
        good("tool", x_fields={"a.b": {"c": "hidden"}}, granular_markings=[marked(["x_fields.a.b.c"])])
    )
    assert made.texts[1] == "hidden"


def test_a_selector_that_may_mean_two_places_marks_both() -> None:
    made = accepted(
        good(
            "tool",
            x_f={"a.b": "first", "a": {"b": "second"}},
            granular_markings=[marked(["x_f.a.b"])],
        )
    )
    assert made.texts[1] == "first\nsecond"
    assert "second" not in made.texts[0]


OBSERVED = [
    (observable("ipv4-addr", value="198.51.100.0/24"), {("ipv4-net", "198.51.100.0/24")}),
    (observable("ipv6-addr", value="2001:DB8::1"), {("ipv6", "2001:db8::1")}),
    (observable("domain-name", value="Bücher.Example"), {("domain", "xn--bcher-kva.example")}),
    (observable("url", value="HTTP://Example.org:80/a"), {("url", "http://example.org/a")}),
    (observable("email-addr", value="Ann@Example.org"), {("email", "ann@example.org")}),
    (observable("mac-addr", value="d2:fb:49:24:37:18"), {("mac", "d2:fb:49:24:37:18")}),
    (observable("autonomous-system", number=64500), {("asn", "64500")}),
    (
        observable("file", name="C:\\a\\Evil.EXE", hashes={"SHA-256": SHA256.upper(), "MD5": "A" * 32}),
        {("file-name", "evil.exe"), ("sha256", SHA256), ("md5", "a" * 32)},
    ),
    (
        observable("artifact", url="https://example.org/x", hashes={"SHA-1": "b" * 40}),
        {("url", "https://example.org/x"), ("sha1", "b" * 40)},
    ),
    (
        observable("x-simpul-identifier", kind="passport", value="X 1234567", country="XA"),
        {("passport", "XA:X1234567"), ("passport", "X1234567")},
    ),
    (observable("x-simpul-identifier", kind="phone", value="+62 812-3456-789"), {("phone", "+628123456789")}),
    (good("identity", contact_information="desk@example.org"), {("email", "desk@example.org")}),
    (
        good("infrastructure", x_imo_number="IMO 9074729", mmsi=525000001),
        {("imo", "9074729"), ("mmsi", "525000001")},
    ),
    ({"type": "x-vessel", "id": some_id("x-vessel"), "imo": "9074729"}, {("imo", "9074729")}),
]


@pytest.mark.parametrize(("value", "expected"), OBSERVED)
def test_observables_are_read_in_their_normal_form(
    value: dict[str, Any], expected: set[tuple[str, str]]
) -> None:
    assert pairs(accepted(value)) == expected


PATTERNS = [
    ("[ipv4-addr:value = '198[.]51[.]100[.]7']", {("ipv4", "198.51.100.7")}),
    ("[ipv4-addr:value ISSUBSET '198.51.100.77/24']", {("ipv4-net", "198.51.100.0/24")}),
    ("[network-traffic:dst_ref.value = 'relay.example.org']", {("domain", "relay.example.org")}),
    (f"[file:hashes.'SHA-256' = '{SHA256}']", {("sha256", SHA256)}),
    (
        f"[file:hashes.MD5 = '{'a' * 32}' OR file:name IN ('A.exe', 'b.exe')]",
        {("md5", "a" * 32), ("file-name", "a.exe"), ("file-name", "b.exe")},
    ),
    ("[domain-name:value NOT = 'example.org' OR url:value != 'https://example.org/']", set()),
    ("[domain-name:value LIKE '%.example.org']", set()),
    ("[ipv4-addr:value = '198.51.100.7' AND network-traffic:dst_port = 443]", {("ipv4", "198.51.100.7")}),
    ("[x-simpul-identifier:value = '9074729' AND x-simpul-identifier:kind = 'imo']", {("imo", "9074729")}),
    (
        (
            "[x-simpul-identifier:kind = 'passport' AND x-simpul-identifier:country = 'XA'"
            " AND x-simpul-identifier:value = 'X1234567']"
        ),
        {("passport", "XA:X1234567"), ("passport", "X1234567")},
    ),
    (
        (
            "[x-simpul-identifier:value = 'GB82WEST12345698765432' AND x-simpul-identifier:kind = 'iban'] OR"
            " [x-simpul-identifier:value = '525000001' AND x-simpul-identifier:kind = 'mmsi']"
        ),
        {("iban", "GB82WEST12345698765432"), ("mmsi", "525000001")},
    ),
]


@pytest.mark.parametrize(("pattern", "expected"), PATTERNS)
def test_what_one_value_decides_in_a_pattern_is_taken_for_matching(
    pattern: str, expected: set[tuple[str, str]]
) -> None:
    assert pairs(accepted(good("indicator", pattern=pattern))) == expected


def test_a_pattern_of_another_language_is_kept_and_not_judged() -> None:
    assert accepted(good("indicator", pattern="rule x { }", pattern_type="yara")).values == ()


def test_thousands_of_portions_take_time_in_proportion() -> None:
    labels = [f"word-{n}" for n in range(15_000)]
    marking = marked([f"labels.[{n}]" for n in range(15_000)])
    made = accepted(good("tool", labels=labels, granular_markings=[marking]))
    assert made.texts[1] == "\n".join(labels)


def test_observed_data_with_objects_inside_has_their_values_and_is_not_misled_by_malformed_ones() -> None:
    inside = {
        "0": {"type": "domain-name", "value": "Port.Example.org"},
        "1": {"type": "file", "hashes": {"SHA-256": SHA256, "MD5": 5}, "name": ["none"]},
        "2": {"type": "x-simpul-identifier", "kind": "imo", "value": "9074729"},
        "3": {"type": "x-simpul-identifier", "kind": "shoe size", "value": "42"},
        "4": {"type": "ipv4-addr"},
        "5": {"type": "ipv4-addr", "value": {"deep": 1}},
        "6": {"type": ["ipv4-addr"], "value": "203.0.113.7"},
        "7": "no object",
        "8": {"type": "observed-data", "objects": {}},
        "9": {"type": "network-traffic", "value": "203.0.113.7"},
    }
    made = accepted(
        good(
            "observed-data",
            object_refs=None,
            objects=inside,
            granular_markings=[marked(["objects.0"])],
        )
    )
    assert pairs(made) == {("domain", "port.example.org"), ("sha256", SHA256), ("imo", "9074729")}
    assert {value.key: value.portion for value in made.values}["port.example.org"] == 1
    assert made.seen == ()


def test_what_says_that_something_was_seen_names_it() -> None:
    refs = [some_id("ipv4-addr", 1), some_id("domain-name", 2)]
    assert accepted(good("observed-data", object_refs=refs)).seen == tuple(refs)
    target = some_id("indicator", 1)
    assert accepted(good("sighting", sighting_of_ref=target)).seen == (target,)
    assert accepted(good("note", object_refs=refs)).seen == ()
