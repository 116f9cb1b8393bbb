"""One good object of every STIX 2.1 type, with as many of its properties as fit, and how to read one."""

from __future__ import annotations

import copy
from typing import Any, Final

import msgspec

from simpul.domain.objects import Fault, Foreign, Object
from simpul.formats.stix import to_object
from simpul.formats.stix_ids import observable_id

TIME: Final = "2026-03-01T08:30:00.000Z"
LATER: Final = "2026-03-02T08:30:00.123456Z"
TLP_GREEN: Final = "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da"
SHA256: Final = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


def some_id(type: str, number: int = 1) -> str:
    """A version-4 id that is the same each time."""
    return f"{type}--{number:08d}-0000-4000-8000-{number:012d}"


def observable(type: str, **properties: Any) -> dict[str, Any]:
    """An observable with its deterministic id, or a version-4 one where it has none."""
    made = observable_id(type, properties) or some_id(type)
    return {"type": type, "spec_version": "2.1", "id": made} | properties


def domain_object(type: str, **properties: Any) -> dict[str, Any]:
    """A domain, relationship or meta object with its common properties."""
    common: dict[str, Any] = {
        "type": type,
        "spec_version": "2.1",
        "id": some_id(type),
        "created_by_ref": some_id("identity"),
        "created": TIME,
        "modified": LATER,
        "object_marking_refs": [TLP_GREEN],
    }
    return common | properties


KILL_CHAIN: Final = [{"kill_chain_name": "example", "phase_name": "delivery"}]
REFERENCE: Final = [{"source_name": "example", "external_id": "X-1", "url": "https://example.org/x"}]
ADDRESS: Final = observable("ipv4-addr", value="198.51.100.7")
MAILBOX: Final = observable("email-addr", value="ann@example.org", display_name="Ann")
FOLDER: Final = observable("directory", path="C:\\Windows", ctime=TIME)
STATEMENT: Final[dict[str, Any]] = {
    "type": "marking-definition",
    "spec_version": "2.1",
    "id": some_id("marking-definition"),
    "created": TIME,
    "definition_type": "statement",
    "definition": {"statement": "Copyright 2026, Example"},
}

GOOD: Final[dict[str, dict[str, Any]]] = {
    each["type"]: each
    for each in (
        domain_object(
            "attack-pattern",
            name="Spear phishing",
            aliases=["Whaling"],
            kill_chain_phases=KILL_CHAIN,
            external_references=REFERENCE,
            confidence=80,
            lang="en",
            labels=["mail"],
            revoked=False,
        ),
        domain_object("campaign", name="Green Group", first_seen=TIME, last_seen=LATER, objective="Theft"),
        domain_object("course-of-action", name="Block the port"),
        domain_object("grouping", context="suspicious-activity", object_refs=[some_id("indicator")]),
        domain_object("identity", name="Coast guard", identity_class="organization", sectors=["government"]),
        domain_object("incident", name="The missing source"),
        domain_object(
            "indicator",
            name="Relay",
            indicator_types=["malicious-activity"],
            pattern="[ipv4-addr:value = '198.51.100.7']",
            pattern_type="stix",
            valid_from=TIME,
            valid_until=LATER,
            granular_markings=[{"marking_ref": TLP_GREEN, "selectors": ["name"]}],
        ),
        domain_object("infrastructure", name="Relay park", infrastructure_types=["command-and-control"]),
        domain_object("intrusion-set", name="Heron", goals=["money"], resource_level="organization"),
        domain_object("location", name="The quay", latitude=48.85, longitude=2, precision=10.5, country="XA"),
        domain_object("malware", name="Gull", is_family=False, sample_refs=[some_id("file")]),
        domain_object("malware-analysis", product="scanner", result="malicious", sample_ref=some_id("file")),
        domain_object("note", content="Seen twice.", object_refs=[some_id("indicator")], authors=["Ann"]),
        domain_object(
            "observed-data",
            first_observed=TIME,
            last_observed=TIME,
            number_observed=2,
            object_refs=[ADDRESS["id"]],
        ),
        domain_object("opinion", opinion="agree", object_refs=[some_id("note")]),
        domain_object("report", name="The case", published=TIME, object_refs=[some_id("campaign")]),
        domain_object("threat-actor", name="Tern", threat_actor_types=["criminal"], roles=["agent"]),
        domain_object("tool", name="nmap", tool_types=["vulnerability-scanning"], tool_version="7"),
        domain_object("vulnerability", name="CVE-2026-0001"),
        domain_object(
            "relationship",
            relationship_type="indicates",
            source_ref=some_id("indicator"),
            target_ref=some_id("malware"),
            start_time=TIME,
            stop_time=LATER,
        ),
        domain_object(
            "sighting",
            sighting_of_ref=some_id("indicator"),
            count=3,
            observed_data_refs=[some_id("observed-data")],
            where_sighted_refs=[some_id("location")],
        ),
        domain_object(
            "language-content",
            object_ref=some_id("campaign"),
            object_modified=LATER,
            contents={"id": {"name": "Kelompok Hijau"}},
        ),
        STATEMENT,
        domain_object(
            "extension-definition",
            name="Ports",
            schema="https://example.org/schema.json",
            version="1.0.0",
            extension_types=["property-extension"],
        ),
        observable("artifact", mime_type="text/plain", payload_bin="aGVsbG8=", hashes={"SHA-256": SHA256}),
        observable("autonomous-system", number=64500, name="Example", rir="EXAMPLE"),
        FOLDER,
        observable("domain-name", value="example.org", resolves_to_refs=[ADDRESS["id"]]),
        MAILBOX,
        observable(
            "email-message",
            is_multipart=True,
            from_ref=MAILBOX["id"],
            subject="Hello",
            body_multipart=[{"content_type": "text/plain", "body": "Hello"}],
            additional_header_fields={"X-Mailer": ["example"]},
        ),
        observable(
            "file",
            name="a.exe",
            hashes={"SHA-256": SHA256, "MD5": "d41d8cd98f00b204e9800998ecf8427e"},
            size=12,
            magic_number_hex="4d5a",
            parent_directory_ref=FOLDER["id"],
            extensions={
                "windows-pebinary-ext": {
                    "pe_type": "exe",
                    "sections": [{"name": ".text", "entropy": 6.25, "hashes": {"SHA-256": SHA256}}],
                    "optional_header": {"magic_hex": "010b"},
                },
                "ntfs-ext": {"alternate_data_streams": [{"name": "second", "size": 4}]},
            },
        ),
        ADDRESS,
        observable("ipv6-addr", value="2001:db8::1"),
        observable("mac-addr", value="d2:fb:49:24:37:18"),
        observable("mutex", name="__CLEANSWEEP__"),
        observable(
            "network-traffic",
            src_ref=ADDRESS["id"],
            dst_port=443,
            protocols=["ipv4", "tcp"],
            start="2026-03-01T08:30:00Z",
            end=LATER,
            is_active=False,
            extensions={"tcp-ext": {"src_flags_hex": "02"}},
        ),
        observable(
            "process",
            pid=1221,
            command_line="./a --now",
            environment_variables={"HOME": "/root"},
            extensions={"windows-process-ext": {"integrity_level": "high"}},
        ),
        observable("software", name="Word", vendor="Example", version="2026", languages=["en"]),
        observable("url", value="https://example.org/a"),
        observable(
            "user-account",
            user_id="1001",
            account_login="ann",
            account_type="unix",
            extensions={"unix-account-ext": {"gid": 1001, "groups": ["wheel"]}},
        ),
        observable(
            "windows-registry-key",
            key="HKEY_LOCAL_MACHINE\\System\\Foo",
            values=[{"name": "Foo", "data": "qwerty", "data_type": "REG_SZ"}],
        ),
        observable(
            "x509-certificate",
            serial_number="36:f7:d4",
            issuer="CN=Example",
            validity_not_before=TIME,
            x509_v3_extensions={"basic_constraints": "critical,CA:TRUE"},
        ),
        observable("x-simpul-identifier", kind="imo", value="9074729"),
    )
}
"""By type: all 19 domain objects (incident among them), 2 relationship, 3 meta, 18 observables and our own one."""


def good(type: str, /, **changes: Any) -> dict[str, Any]:
    """A deep copy of the good example; a change to `None` removes the property."""
    value = copy.deepcopy(GOOD[type]) | changes
    return {name: inner for name, inner in value.items() if inner is not None}


def read_value(value: object) -> Object | list[Fault]:
    """What the check makes of a value."""
    return read_bytes(msgspec.json.encode(value))


def read_bytes(raw: bytes) -> Object | list[Fault]:
    """What the check makes of bytes."""
    return to_object(Foreign(index=7, raw=raw, format="stix-2.1"))


def accepted(value: object) -> Object:
    """The object, which must be accepted."""
    made = read_value(value)
    assert isinstance(made, Object), made
    return made


def refused(value: object) -> list[tuple[str, str]]:
    """Path and problem of every fault, which must be some."""
    made = read_value(value)
    assert isinstance(made, list), made
    assert all(fault.index == 7 for fault in made)
    return [(fault.path, fault.problem) for fault in made]
