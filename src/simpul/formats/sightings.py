"""A value that a person typed, as the STIX observable that records it (STIX 2.1 §6)."""

from __future__ import annotations

from typing import Any, Final

from simpul.domain.stix_observables import IDENTIFIER_KINDS
from simpul.errors import InputFault
from simpul.formats.stix_ids import observable_id

_TYPES: Final = {
    "ipv4": "ipv4-addr",
    "ipv4-net": "ipv4-addr",
    "ipv6": "ipv6-addr",
    "ipv6-net": "ipv6-addr",
    "mac": "mac-addr",
    "domain": "domain-name",
    "url": "url",
    "email": "email-addr",
}
"""Kinds whose observable has the value as its `value`."""

_HASHES: Final = {
    "md5": "MD5",
    "sha1": "SHA-1",
    "sha256": "SHA-256",
    "sha512": "SHA-512",
    "sha3-256": "SHA3-256",
    "sha3-512": "SHA3-512",
    "ssdeep": "SSDEEP",
    "tlsh": "TLSH",
}
"""Kinds that are hashes of a file, by their name in STIX 2.1 §10.7."""


def observable(kind: str, key: str) -> dict[str, Any]:
    """The observable for a normalised value, with its deterministic id.

    Args:
        kind: one of `domain.observables.KINDS`.
        key: its normal form.

    Raises:
        InputFault: the kind has no observable.
    """
    type, properties = _properties(kind, key)
    return {"type": type, "spec_version": "2.1", "id": observable_id(type, properties), **properties}


def _properties(kind: str, key: str) -> tuple[str, dict[str, Any]]:
    if kind in _TYPES:
        return _TYPES[kind], {"value": key}
    if kind in _HASHES:
        return "file", {"hashes": {_HASHES[kind]: key}}
    if kind == "file-name":
        return "file", {"name": key}
    if kind == "asn":
        return "autonomous-system", {"number": int(key)}
    if kind in IDENTIFIER_KINDS:
        country, colon, bare = key.rpartition(":") if kind == "passport" else ("", "", key)
        issued = {"country": country} if colon and country.isalpha() else {}
        return "x-simpul-identifier", {"kind": kind, "value": bare, **issued}
    raise InputFault(f"a value of kind '{kind}' cannot be recorded as an observation", input=kind)
