"""Each rule refuses what breaks it, names the path, and says why in plain words; every fault is listed."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from simpul.formats.stix import OBJECT_LIMIT
from tests.unit.formats.examples import GOOD, SHA256, good, read_bytes, refused, some_id

UPPER = "tool--0000000A-0000-4000-8000-000000000001"

RULES: list[tuple[str, dict[str, Any], str, str]] = [
    # type, change, path, a piece of the message
    ("tool", {"type": None}, "type", "is missing"),
    ("tool", {"type": 5}, "type", "is not text"),
    ("tool", {"type": "Tool!"}, "type", "not a type name"),
    ("tool", {"type": "bundle"}, "type", "a bundle stands where one object should"),
    ("tool", {"spec_version": "2.2"}, "spec_version", "is not one of '2.1'"),
    ("tool", {"spec_version": None}, "spec_version", "is required and missing"),
    ("tool", {"id": None}, "id", "is required and missing"),
    ("tool", {"id": "tool--1"}, "id", "is not an id of the form type--uuid"),
    ("tool", {"id": UPPER}, "id", "is not in lower case"),
    ("tool", {"id": "tool--00000001-0000-0000-0000-000000000001"}, "id", "is not an RFC 4122 UUID"),
    ("tool", {"id": some_id("malware")}, "id", "begins with 'malware' but the type is 'tool'"),
    ("tool", {"name": None}, "name", "is required and missing"),
    ("tool", {"name": 5}, "name", "is a number, not text"),
    ("tool", {"name": None, "x": 1}, "name", "is required"),
    ("tool", {"description": ["a"]}, "description", "is a list, not text"),
    ("tool", {"aliases": "a"}, "aliases", "is not a list"),
    ("tool", {"aliases": []}, "aliases", "is an empty list"),
    ("tool", {"aliases": ["a", 5]}, "aliases.[1]", "is a number, not text"),
    ("tool", {"created": "2026-03-01"}, "created", "is not a time in UTC"),
    ("tool", {"created": "2026-03-01T08:30:00+00:00"}, "created", "is not a time in UTC"),
    ("tool", {"created": "2026-03-01 08:30:00Z"}, "created", "is not a time in UTC"),
    ("tool", {"created": "2026-02-30T08:30:00Z"}, "created", "is not a time in UTC"),
    ("tool", {"created": "2026-03-09T08:30:00Z"}, "modified", "is before 'created'"),
    ("tool", {"confidence": 101}, "confidence", "is 101, above 100"),
    ("tool", {"confidence": 5.0}, "confidence", "is a number, not a whole number"),
    ("tool", {"confidence": True}, "confidence", "is true or false, not a whole number"),
    ("tool", {"revoked": "true"}, "revoked", "is text, not true or false"),
    (
        "tool",
        {"created_by_ref": some_id("tool")},
        "created_by_ref",
        "may not point to an object of type 'tool'",
    ),
    ("tool", {"created_by_ref": "ann"}, "created_by_ref", "is not an id"),
    ("tool", {"object_marking_refs": [some_id("tool")]}, "object_marking_refs.[0]", "may not point to"),
    ("tool", {"external_references": [{"source_name": "x"}]}, "external_references.[0]", "at least one of"),
    ("tool", {"external_references": [{"url": "x"}]}, "external_references.[0].source_name", "is required"),
    ("tool", {"external_references": ["x"]}, "external_references.[0]", "is not an object"),
    (
        "tool",
        {"kill_chain_phases": [{"phase_name": "x"}]},
        "kill_chain_phases.[0].kill_chain_name",
        "required",
    ),
    ("tool", {"extensions": {}}, "extensions", "is an empty object"),
    ("tool", {"extensions": {"x": 1}}, "extensions.x", "is not an object"),
    (
        "tool",
        {"granular_markings": [{"marking_ref": some_id("marking-definition"), "selectors": ["nome"]}]},
        "granular_markings.[0].selectors.[0]",
        "'nome' selects nothing",
    ),
    (
        "tool",
        {"granular_markings": [{"lang": "en", "selectors": ["." * 500_000]}]},
        "granular_markings.[0].selectors.[0]",
        "is longer than 1000 characters",
    ),
    ("tool", {"granular_markings": [{"selectors": ["name"]}]}, "granular_markings.[0]", "at least one of"),
    (
        "tool",
        {
            "granular_markings": [
                {"lang": "en", "marking_ref": some_id("marking-definition"), "selectors": ["name"]}
            ]
        },
        "granular_markings.[0].lang",
        "may not stand beside 'marking_ref'",
    ),
    ("campaign", {"last_seen": "2026-01-01T00:00:00Z"}, "last_seen", "is before 'first_seen'"),
    ("grouping", {"context": None}, "context", "is required"),
    ("indicator", {"pattern": "[ipv4-addr:value = ]"}, "pattern", "a value should stand here"),
    ("indicator", {"pattern_type": None}, "pattern_type", "is required"),
    ("indicator", {"valid_until": "2020-01-01T00:00:00Z"}, "valid_until", "is before 'valid_from'"),
    ("location", {"latitude": 91}, "latitude", "is 91, above 90"),
    ("location", {"longitude": None}, "longitude", "is required beside 'latitude'"),
    (
        "location",
        {"latitude": None, "longitude": None, "country": None, "precision": None},
        "",
        "at least one",
    ),
    ("malware", {"is_family": None}, "is_family", "is required"),
    ("malware", {"sample_refs": [some_id("tool")]}, "sample_refs.[0]", "may not point to"),
    ("malware-analysis", {"result": None}, "", "at least one of 'result', 'analysis_sco_refs'"),
    ("note", {"object_refs": []}, "object_refs", "is an empty list"),
    ("observed-data", {"number_observed": 0}, "number_observed", "is 0, below 1"),
    ("observed-data", {"object_refs": None}, "", "at least one of 'object_refs', 'objects'"),
    ("observed-data", {"object_refs": [some_id("tool")]}, "object_refs.[0]", "may not point to"),
    ("opinion", {"opinion": "maybe"}, "opinion", "'maybe' is not one of 'agree'"),
    ("report", {"published": None}, "published", "is required"),
    ("relationship", {"source_ref": some_id("sighting")}, "source_ref", "may not point to"),
    ("relationship", {"target_ref": some_id("bundle")}, "target_ref", "may not point to"),
    ("relationship", {"target_ref": None}, "target_ref", "is required"),
    ("sighting", {"sighting_of_ref": GOOD["url"]["id"]}, "sighting_of_ref", "may not point to"),
    ("sighting", {"where_sighted_refs": [some_id("tool")]}, "where_sighted_refs.[0]", "may not point to"),
    ("language-content", {"contents": {"de": "x"}}, "contents.de", "translated properties"),
    ("marking-definition", {"definition": None, "definition_type": None}, "", "at least one of"),
    ("marking-definition", {"definition_type": None}, "definition_type", "is required beside 'definition'"),
    ("extension-definition", {"extension_types": ["new"]}, "extension_types.[0]", "'new' is not one of"),
    ("extension-definition", {"created_by_ref": None}, "created_by_ref", "is required"),
    ("artifact", {"payload_bin": "a b c"}, "payload_bin", "is not Base64"),
    ("artifact", {"url": "https://example.org"}, "url", "may not stand beside 'payload_bin'"),
    ("autonomous-system", {"number": "64500"}, "number", "is text, not a whole number"),
    ("autonomous-system", {"number": 1 << 53}, "number", "beyond ±(2^53-1)"),
    ("directory", {"path": None}, "path", "is required"),
    ("email-message", {"body": "x"}, "body_multipart", "may not stand beside 'body'"),
    ("email-message", {"is_multipart": False}, "body_multipart", "may not stand beside 'is_multipart' false"),
    ("email-message", {"body_multipart": [{"content_type": "x"}]}, "body_multipart.[0]", "at least one of"),
    ("file", {"hashes": {"MD5": "xyz"}}, "hashes.MD5", "is not 32 hexadecimal digits"),
    ("file", {"hashes": {}}, "hashes", "algorithm names and hash values"),
    ("file", {"hashes": None, "name": None}, "", "at least one of 'hashes', 'name'"),
    ("file", {"magic_number_hex": "4d5"}, "magic_number_hex", "even number of hexadecimal digits"),
    ("file", {"extensions": {"archive-ext": {}}}, "extensions.archive-ext.contains_refs", "is required"),
    ("file", {"extensions": {"pdf-ext": {}}}, "extensions.pdf-ext", "at least one of"),
    ("ipv4-addr", {"id": some_id("ipv4-addr"), "value": "1.2.3"}, "value", "is not an IPv4 address"),
    ("ipv4-addr", {"value": "198.51.100.8"}, "id", "does not follow from the object's values"),
    ("ipv6-addr", {"id": some_id("ipv6-addr"), "value": "fe80::1%eth0"}, "value", "a zone"),
    ("mac-addr", {"id": some_id("mac-addr"), "value": "x"}, "value", "is not a MAC address"),
    ("network-traffic", {"src_ref": None, "id": some_id("network-traffic")}, "", "'src_ref', 'dst_ref'"),
    ("network-traffic", {"is_active": True}, "end", "may not stand beside 'is_active' true"),
    ("network-traffic", {"dst_port": 70000}, "dst_port", "is 70000, above 65535"),
    ("network-traffic", {"protocols": []}, "protocols", "is an empty list"),
    (
        "process",
        {"pid": None, "command_line": None, "environment_variables": None, "extensions": None},
        "",
        "at least one of",
    ),
    (
        "process",
        {"extensions": {"windows-process-ext": {"integrity_level": "divine"}}},
        "extensions.windows-process-ext.integrity_level",
        "'divine' is not one of",
    ),
    ("windows-registry-key", {"values": [{"data_type": "REG_X"}]}, "values.[0].data_type", "is not one of"),
    ("x509-certificate", {"hashes": {"SHA-256": SHA256[:-1]}}, "hashes.SHA-256", "64 hexadecimal digits"),
    ("user-account", {"user_id": None, "account_login": None, "account_type": None}, "id", "is of version 5"),
    ("x-simpul-identifier", {"kind": "car"}, "kind", "'car' is not one of"),
    ("x-simpul-identifier", {"value": "9074728"}, "value", "the check digit does not fit"),
]


@pytest.mark.parametrize(("type", "change", "path", "words"), RULES)
def test_each_rule_names_the_path_and_says_why(
    type: str, change: dict[str, Any], path: str, words: str
) -> None:
    found = refused(good(type, **change))
    assert any(where == path and words in problem for where, problem in found), found


def test_every_fault_of_an_object_is_listed() -> None:
    found = dict(
        refused(
            good("indicator", name=5, pattern=None, confidence=200, created="yesterday", id="indicator--x")
        )
    )
    assert found.keys() == {"name", "pattern", "confidence", "created", "id"}


def test_a_message_stays_short_and_on_one_line_whatever_the_value() -> None:
    ((_, problem),) = refused(good("tool", created_by_ref="x\n" * 5000))
    assert len(problem) < 200
    assert "\n" not in problem


STRICT: list[tuple[bytes, str, str]] = [
    (b'"name":"a","name":"b"', "name", "stands twice"),
    (b'"name":"a","n\\u0061me":"b"', "name", "stands twice"),
    (b'"name":"a","x":{"y":[{"z":1,"z":1}]}', "x.y.[0].z", "stands twice"),
    (b'"name":"\\ud800"', "name", "surrogate"),
    (b'"name":"a","x":1e400', "x", "too large"),
    (b'"name":"a","x":9007199254740992', "x", "beyond"),
    (b'"name":"a","x":[0.12345678901234567890]', "x.[0]", "more digits"),
    (b'"name":"a","x":NaN', "x", "'NaN' is not JSON"),
    (b'"name":"a","x":' + b"[" * 64 + b"]" * 64, "x", "nested deeper than 64"),
    (b'"name":"a","x":' + b"[" * 90000 + b"]" * 90000, "x", "nested deeper"),
    (b'"name":"a","x":' + b"9" * 5000, "x", "beyond"),
]


@pytest.mark.parametrize(("inside", "path", "words"), STRICT)
@pytest.mark.parametrize("space", [b"", b" "])
def test_json_that_two_programs_could_read_differently_is_a_fault(
    inside: bytes, path: str, words: str, space: bytes
) -> None:
    head = msgspec.json.encode(good("tool", name=None))
    made = read_bytes(b"{" + space + inside + b"," + space + head[1:])
    assert isinstance(made, list)
    assert [fault.path for fault in made] == [path]
    assert words in made[0].problem
    assert made[0].id == GOOD["tool"]["id"]


def test_an_object_over_the_limit_is_a_fault() -> None:
    ((path, problem),) = refused(good("tool", description="x" * OBJECT_LIMIT))
    assert path == ""
    assert f"the limit is {OBJECT_LIMIT} bytes" in problem


@pytest.mark.parametrize(
    "raw", [b"5", b'"x"', b"[]", b"null", b"", b"{", b"\xff", b"{}", b'{"id":{}}', b"\xef\xbb\xbf{}"]
)
def test_what_is_no_object_at_all_is_a_fault_and_never_an_exception(raw: bytes) -> None:
    assert isinstance(read_bytes(raw), list)
