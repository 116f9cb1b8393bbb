"""Deterministic ids of cyber-observables (STIX 2.1 §2.9): UUIDv5 over the canonical form of what the object is.

>>> observable_id("ipv4-addr", {"value": "198.51.100.3"})
'ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4'
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import msgspec
import rfc8785

from simpul.domain.stix_shapes import EXACT_INTEGER
from simpul.domain.stix_types import contributing_properties

NAMESPACE: Final = UUID("00abedb4-aa42-466c-9c01-fed23315a9b7")
"""The namespace that STIX 2.1 §2.9 reserves for observables."""

PREFERRED_HASHES: Final = ("MD5", "SHA-1", "SHA-256", "SHA-512")
"""Of several hashes only one contributes: the first of these, else the first by name."""

_NAMESPACE_BYTES: Final = NAMESPACE.bytes
_ENCODE: Final = msgspec.json.Encoder(order="sorted").encode


def observable_id(type: str, value: Mapping[str, Any]) -> str | None:
    """The deterministic id of an observable, or None if nothing that contributes is present.

    Raises:
        rfc8785.CanonicalizationError: a contributing value cannot be canonical JSON (a number out of range).
    """
    names = contributing_properties(type)
    if len(names) == 1 and value.get(names[0]).__class__ is str:
        name = _ENCODE({names[0]: value[names[0]]})
    else:
        chosen = {name: value[name] for name in names if name in value}
        if not chosen:
            return None
        if "hashes" in chosen:
            chosen["hashes"] = _one_hash(chosen["hashes"])
        name = canonical(chosen)
    text = hashlib.sha1(_NAMESPACE_BYTES + name, usedforsecurity=False).hexdigest()
    variant = "89ab"[int(text[16], 16) & 3]
    return f"{type}--{text[:8]}-{text[8:12]}-5{text[13:16]}-{variant}{text[17:20]}-{text[20:32]}"


def canonical(value: Mapping[str, Any]) -> bytes:
    """RFC 8785 form.

    Without floats and with ASCII names, msgspec's sorted encoding is that form already (the tests compare them).
    """
    return _ENCODE(value) if _is_simple(value) else rfc8785.dumps(dict(value))


def _is_simple(value: Any) -> bool:
    kind = value.__class__
    if kind is str:
        return True
    if kind is dict:
        return all(map(str.isascii, value)) and all(map(_is_simple, value.values()))
    if kind is list:
        return all(map(_is_simple, value))
    return kind is bool or (kind is int and -EXACT_INTEGER <= value <= EXACT_INTEGER)


def _one_hash(hashes: Any) -> Any:
    if not isinstance(hashes, Mapping) or not hashes:
        return hashes
    for name in PREFERRED_HASHES:
        if name in hashes:
            return {name: hashes[name]}
    first = min(hashes)
    return {first: hashes[first]}
