"""The root over the renditions of one step: one leaf of the log for the whole step, never one an object (design §7)."""

from __future__ import annotations

from collections.abc import Iterable

from simpul.protocol.log import Frontier


def renditions_root(hashes: Iterable[bytes]) -> bytes:
    """RFC 6962's root over the SHA-256 of renditions in the order in which the step took them."""
    frontier = Frontier()
    frontier.extend(hashes)
    return frontier.root()
