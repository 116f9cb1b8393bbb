"""The root over the renditions of one step: one leaf of the log for the whole step, never one an object (design §7)."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from simpul.protocol.log import EMPTY_ROOT


def renditions_root(hashes: Iterable[bytes]) -> bytes:
    """RFC 6962's root over the SHA-256 of renditions in the order in which the step took them, level by level."""
    level = [sha256(b"\0" + entry).digest() for entry in hashes]
    while len(level) > 1:
        pairs = zip(level[::2], level[1::2], strict=False)
        alone = level[-1:] if len(level) % 2 else []
        level = [sha256(b"\1" + left + right).digest() for left, right in pairs] + alone
    return level[0] if level else EMPTY_ROOT
