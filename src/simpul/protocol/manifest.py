"""The manifest: what lets authorship survive being passed on (spec/manifest.md).

A release is a tree over its leaves: the cover sheet, each portion of narrative, each object's rendition.

    leaf = SHA-256(0x00 ‖ salt(32) ‖ kind(1) ‖ length(8) ‖ label hash(32) ‖ bytes)
    node = SHA-256(0x01 ‖ left ‖ right)

Leaves are shuffled and padded to a power of two with random hashes at the end; salts are fresh for each recipient, so
neither positions nor hashes tell what else there is. The originator signs the manifest, which holds the root and the
label table; whoever has a leaf's bytes, salt and path verifies the originator's words and label on it, alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from simpul.domain.parties import FINGERPRINT_HEX
from simpul.errors import Malformed, Misdirected, Unproven
from simpul.protocol.canonical import Bytes32, Wire, decode, encode
from simpul.protocol.documents import Document, require
from simpul.protocol.labels import WireLabel

KIND: Final = "manifest"
MANIFEST_LIMIT: Final = 512 * 1024
LABELS_LIMIT: Final = 1024
ENTRIES_LIMIT: Final = 1 << 26
SALT_LENGTH: Final = 32
HASH_LENGTH: Final = 32


class Manifest(Wire, frozen=True, kw_only=True):
    """What the originator signs about a release. It names no recipient.

    Attributes:
        product, version, originator: whose words these are.
        labels: the label table, each the view for the recipient; leaves name labels by hash, parts by index.
        obligations: what travels with all of it, sorted.
        agreement: hash of the agreement it was decided under.
        purpose, precedence: of the product.
        size: sum of the lengths of all leaves' bytes.
        entries: leaves that carry something; from position 0 on.
        leaves: leaves of the padded tree, a power of two.
        parts: messages it goes as.
        root: of the tree.
        created: microseconds UTC.
    """

    product: str
    version: int
    originator: str
    labels: tuple[WireLabel, ...]
    obligations: tuple[str, ...]
    agreement: Bytes32
    purpose: str
    precedence: str
    size: int
    entries: int
    leaves: int
    parts: int
    root: Bytes32
    created: int

    @property
    def label_hashes(self) -> tuple[bytes, ...]:
        """SHA-256 of each label of the table, in its order."""
        return tuple(hashlib.sha256(encode(label)).digest() for label in self.labels)


def encode_manifest(manifest: Manifest) -> bytes:
    """The payload of the manifest document."""
    return encode(manifest)


def read_manifest(document: Document, realm: str) -> Manifest:
    """The manifest in a document whose signature is verified elsewhere (`documents.verify`).

    Raises:
        Misdirected: not a manifest of this realm.
        Malformed, NotUnderstood: its content.
    """
    require(document, KIND, realm)
    return decode_manifest(document.payload)


def decode_manifest(payload: bytes) -> Manifest:
    """The manifest of a payload. Raises `Malformed` or `NotUnderstood`."""
    manifest = decode(payload, Manifest, MANIFEST_LIMIT)
    sound = (
        1 <= manifest.entries <= min(manifest.leaves, ENTRIES_LIMIT)
        and manifest.leaves == padded(manifest.entries)
        and 1 <= manifest.parts <= manifest.entries
        and manifest.size >= 0
        and manifest.version >= 1
        and 1 <= len(manifest.labels) <= LABELS_LIMIT
        and len(manifest.originator) == FINGERPRINT_HEX
    )
    if not sound:
        raise Malformed("a number in the manifest is out of range", input="manifest")
    return manifest


def padded(entries: int) -> int:
    """Leaves of the tree over that many entries: the next power of two."""
    return 1 << (entries - 1).bit_length()


def leaf_hash(salt: bytes, kind: int, label: bytes, body: bytes) -> bytes:
    """The hash of one leaf.

    Args:
        salt: 32 fresh random bytes, never used for another recipient.
        kind: `domain.releases.SHEET`, `PORTION`, `OBJECT` or `PASSED`.
        label: hash of the label's view, 32 bytes.
        body: the exact bytes.
    """
    return hashlib.sha256(_LEAF + salt + _KINDS[kind] + len(body).to_bytes(8, "big") + label + body).digest()


def shuffled(count: int, seed: bytes) -> list[int]:
    """A permutation of the numbers below `count` that follows from 32 random bytes: who stands at which position."""
    keys = hashlib.shake_256(b"simpul shuffle 1\0" + seed).digest(16 * count)
    return sorted(range(count), key=lambda index: keys[16 * index : 16 * index + 16])


class Tree:
    """The tree over a release's leaf hashes, kept as one byte string a level (64 bytes a leaf in all).

    Build it once for all parts of a release.
    """

    def __init__(self, hashes: bytes) -> None:
        """From the padded leaf hashes, 32 bytes each, by position."""
        count = len(hashes) // HASH_LENGTH
        if len(hashes) % HASH_LENGTH or count == 0 or count & (count - 1):
            raise ValueError("expected 32 bytes for each of a power of two of leaves")
        self.leaves = count
        self._levels = [bytes(hashes)]
        while len(self._levels[-1]) > HASH_LENGTH:
            self._levels.append(parents(self._levels[-1]))

    @property
    def root(self) -> bytes:
        """The root hash."""
        return self._levels[-1]

    def path(self, start: int, stop: int) -> tuple[bytes, ...]:
        """The hashes that prove leaves `start` ≤ position < `stop`, from the leaves upward, the left one first.

        At most 2·log2(leaves) of them; a single leaf is a range of one.
        """
        if not 0 <= start < stop <= self.leaves:
            raise ValueError(f"no such range: {start} to {stop} of {self.leaves}")
        path: list[bytes] = []
        for level in self._levels[:-1]:
            if start & 1:
                path.append(_at(level, start - 1))
            if stop & 1:
                path.append(_at(level, stop))
            start, stop = start >> 1, (stop + 1) >> 1
        return tuple(path)


def pad(hashes: bytes, padding: bytes) -> bytes:
    """Entry hashes followed by random padding up to a power of two: 32 bytes for each missing leaf, no more."""
    needed = padded(len(hashes) // HASH_LENGTH) * HASH_LENGTH - len(hashes)
    if len(padding) != needed:
        raise ValueError(f"expected {needed} bytes of padding, got {len(padding)}")
    return hashes + padding


def prove_range(root: bytes, leaves: int, start: int, hashes: bytes, path: Sequence[bytes]) -> None:
    """Check that leaf hashes stand at `start` and after it in the tree of `leaves` leaves with this root.

    `leaves` is a power of two, from the manifest; `hashes` has 32 bytes a leaf; `path` is as `Tree.path` gives it.

    Raises:
        Unproven: they do not, or the path is longer or shorter than it must be.
    """
    count = len(hashes) // HASH_LENGTH
    if len(hashes) % HASH_LENGTH or not 0 <= start < start + count <= leaves:
        raise Unproven("a range outside the tree", input="release", where=f"leaf {start}")
    if any(len(each) != HASH_LENGTH for each in path):
        raise Unproven("a hash of the path has not 32 bytes", input="release", where="path")
    rest = list(reversed(path))
    stop, width, level = start + count, leaves, hashes
    while width > 1:
        if start & 1:
            level = _next(rest) + level
        if stop & 1:
            level = level + _next(rest)
        level = parents(level)
        start, stop, width = start >> 1, (stop + 1) >> 1, width >> 1
    if rest or level != root:
        raise Unproven(
            "the leaves do not lead to the root that the originator signed",
            input="release",
            where=f"leaf {start}",
        )


def parents(level: bytes) -> bytes:
    """The hashes one level up, of an even number of hashes of 32 bytes."""
    out = bytearray()
    sha256, node, pair = hashlib.sha256, _NODE, 2 * HASH_LENGTH
    for at in range(0, len(level), pair):
        out += sha256(node + level[at : at + pair]).digest()
    return bytes(out)


def check_originator(manifest: Manifest, party: str) -> None:
    """Refuse a manifest of another originator. Raises `Misdirected`."""
    if manifest.originator != party:
        raise Misdirected("the manifest is another party's", input="manifest", where="originator")


_LEAF: Final = b"\x00"
_NODE: Final = b"\x01"
_KINDS: Final = (b"\x00", b"\x01", b"\x02", b"\x03")


def _at(level: bytes, index: int) -> bytes:
    return level[index * HASH_LENGTH : (index + 1) * HASH_LENGTH]


def _next(rest: list[bytes]) -> bytes:
    if not rest:
        raise Unproven("the path is too short", input="release", where="path")
    return rest.pop()
