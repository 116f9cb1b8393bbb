"""Identifiers that come out the same on every run: of SDOs and SROs from a name, of SCOs as STIX 2.1 §2.9 says.

A version-4 UUID must look random; here the bits come from SHA-256 of a name, so that the bundle can be made again
byte for byte. SCO ids are version-5 UUIDs over the canonical JSON of the id contributing properties.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from typing import Any, Final

SCO_NAMESPACE: Final = uuid.UUID("00abedb4-aa42-466c-9c01-fed23315a9b7")
"""STIX 2.1 §2.9: the namespace of deterministic SCO ids."""

CONTRIBUTING: Final[Mapping[str, tuple[str, ...]]] = {
    "autonomous-system": ("number",),
    "domain-name": ("value",),
    "email-addr": ("value",),
    "email-message": ("from_ref", "subject", "body"),
    "file": ("hashes", "name", "extensions", "parent_directory_ref"),
    "ipv4-addr": ("value",),
    "ipv6-addr": ("value",),
    "mac-addr": ("value",),
    "network-traffic": (
        "start",
        "end",
        "src_ref",
        "dst_ref",
        "src_port",
        "dst_port",
        "protocols",
        "extensions",
    ),
    "url": ("value",),
    "user-account": ("account_type", "user_id", "account_login"),
    "x-simpul-identifier": ("kind", "value", "country"),
}
"""Id contributing properties of the types used here (STIX 2.1 §6; for ours, docs/reference/observables.md)."""


def named(type_: str, name: str) -> str:
    """A version-4 shaped id of an SDO, SRO or marking, the same for the same name."""
    digest = bytearray(hashlib.sha256(f"{type_}/{name}".encode()).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x40
    digest[8] = digest[8] & 0x3F | 0x80
    return f"{type_}--{uuid.UUID(bytes=bytes(digest))}"


def observable(type_: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """An SCO with its deterministic id. `hashes`, where given, must hold exactly one hash.

    The values here are ASCII text, integers and lists of them, for which sorted keys are RFC 8785's form.
    """
    basis = {name: properties[name] for name in CONTRIBUTING[type_] if name in properties}
    identifier = uuid.uuid5(SCO_NAMESPACE, json.dumps(basis, sort_keys=True, separators=(",", ":")))
    return {"type": type_, "spec_version": "2.1", "id": f"{type_}--{identifier}", **properties}


def token(name: str) -> str:
    """A word that occurs nowhere else: 13 letters and digits drawn from the name, lower case."""
    number = int.from_bytes(hashlib.sha256(f"canary/{name}".encode()).digest()[:9], "big")
    letters = "abcdefghijkmnpqrstuvwxyz23456789"
    return "q" + "".join(letters[number >> 5 * k & 31] for k in range(12))
