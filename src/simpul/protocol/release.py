"""One part of a release, as the payload of a `release` message (spec/manifest.md, "Parts").

    blob(index) ‖ blob(manifest document) ‖ salts (32 bytes an entry) ‖ blob(frame) …

The index is canonical JSON: which part, where its range of leaves starts, each entry's [kind, label index, length],
and the range's path. A frame is zstd over the bytes of one label, in the order of the entries; all of a manifest is
of one originator, so no frame mixes what different parties or labels guard (lengths would tell).

    pack -> Packed --message--> unpack -> Unpacked (nothing proven) --prove--> Part

A release goes as parts of at most 1,000 entries or 1 MiB (`ranges`); each part proves itself alone, in any order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import zstandard
from msgspec import Struct

from simpul.domain.releases import OBJECT, ReleaseLeaf
from simpul.errors import Malformed, TooLarge, Unproven
from simpul.protocol.canonical import Bytes32, Wire, decode, encode
from simpul.protocol.documents import Document, parse_document, verify
from simpul.protocol.framing import Reader, blob
from simpul.protocol.keys import PublicKey
from simpul.protocol.manifest import (
    SALT_LENGTH,
    Manifest,
    leaf_hash,
    prove_range,
    read_manifest,
)

ENCODING: Final = "simpul-release"
PART_ENTRIES: Final = 1000
PART_BYTES: Final = 1 << 20
"""A part is closed before it would grow over this, uncompressed; one larger leaf goes alone."""

LEAF_BYTES: Final = 8 << 20
"""The longest leaf, hence the longest part."""

_INDEX_LIMIT: Final = 256 * 1024
_LEVEL: Final = 3


class _Entry(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    kind: int
    label: int
    length: int


class _Index(Wire, frozen=True, kw_only=True):
    part: int
    start: int
    entries: tuple[_Entry, ...]
    path: tuple[Bytes32, ...] = ()


class Packed(Struct, frozen=True, kw_only=True):
    """A part ready to be sent: the payload as carried and the length that bounds its decompression.

    `part` counts from 0; `objects` are the entries that are objects.
    """

    payload: bytes
    length: int
    part: int
    objects: int


class Entry(Struct, frozen=True, kw_only=True):
    """One leaf that came: `position` in the tree, `label` by hash, the exact bytes."""

    position: int
    kind: int
    label: bytes
    salt: bytes
    body: bytes


class Unpacked(Struct, frozen=True, kw_only=True):
    """A part as parsed: within its limits, nothing proven. `prove` makes a `Part` of it."""

    document: Document
    manifest: Manifest
    part: int
    start: int
    entries: tuple[Entry, ...]
    path: tuple[bytes, ...]


class Part(Struct, frozen=True, kw_only=True):
    """A proven part: the originator signed the manifest, and every entry is a leaf of its tree under its label."""

    document: Document
    manifest: Manifest
    part: int
    start: int
    entries: tuple[Entry, ...]
    path: tuple[bytes, ...]


def ranges(
    lengths: Iterable[int], *, entries: int = PART_ENTRIES, size: int = PART_BYTES
) -> list[tuple[int, int]]:
    """How leaves of these lengths, by position, go as parts: (start, stop) of each.

    Raises:
        TooLarge: a leaf over `LEAF_BYTES`.
    """
    parts: list[tuple[int, int]] = []
    start = stop = total = 0
    for position, length in enumerate(lengths):
        if length > LEAF_BYTES:
            raise TooLarge(
                f"one rendition has {length} bytes; {LEAF_BYTES} can be sent", where=f"leaf {position}"
            )
        if stop > start and (stop - start == entries or total + length > size):
            parts.append((start, stop))
            start, total = stop, 0
        stop, total = position + 1, total + length
    if stop > start:
        parts.append((start, stop))
    return parts


def pack(
    document: Document,
    manifest: Manifest,
    *,
    part: int,
    leaves: Sequence[tuple[ReleaseLeaf, bytes]],
    path: Sequence[bytes],
) -> Packed:
    """Part number `part` (from 0) over consecutive leaves, by position, each with its exact bytes.

    `document` is the signed manifest and `manifest` what it says; `path` is `Tree.path` of the range.
    """
    table = {label: index for index, label in enumerate(manifest.label_hashes)}
    entries: list[_Entry] = []
    bodies: dict[int, list[bytes]] = {}
    for leaf, body in leaves:
        label = table[leaf.label]
        entries.append(_Entry(leaf.kind, label, len(body)))
        bodies.setdefault(label, []).append(body)
    index = _Index(part=part, start=leaves[0][0].position, entries=tuple(entries), path=tuple(path))
    compress = zstandard.ZstdCompressor(level=_LEVEL).compress
    frames = [blob(compress(b"".join(of_label))) for of_label in bodies.values()]
    salts = b"".join([leaf.salt for leaf, _ in leaves])
    return Packed(
        payload=b"".join((blob(encode(index)), blob(document.encode()), salts, *frames)),
        length=sum(entry.length for entry in entries),
        part=part,
        objects=sum(entry.kind == OBJECT for entry in entries),
    )


def unpack(payload: bytes, length: int, realm: str) -> Unpacked:
    """Read a part whose payload hash has been checked.

    `length` is the declared one, from the signed message: no more is ever decompressed. The manifest must be in
    `realm`.

    Raises:
        Malformed: index, frames or lengths are not as they must be.
        NotUnderstood, WrongSuite, Misdirected: the manifest's.
    """
    # (1) the index and the manifest, before anything is decompressed
    reader = Reader(payload, "release")
    index = decode(reader.blob(_INDEX_LIMIT), _Index)
    document = parse_document(reader.blob())
    manifest = read_manifest(document, realm)
    # (2) what the index declares is within the limits and within the manifest
    _check_index(index, manifest, length)
    salts = reader.take(SALT_LENGTH * len(index.entries))
    # (3) one frame a label, each exactly as long as its entries say
    wanted: dict[int, int] = {}
    for entry in index.entries:
        wanted[entry.label] = wanted.get(entry.label, 0) + entry.length
    frames = {label: _decompress(reader.blob(), size) for label, size in wanted.items()}
    reader.end()
    return Unpacked(
        document=document,
        manifest=manifest,
        part=index.part,
        start=index.start,
        entries=_entries(index, manifest, salts, frames),
        path=index.path,
    )


def prove(unpacked: Unpacked, originator: PublicKey) -> Part:
    """Verify the originator's signature and that every entry is a leaf of the tree it signed.

    `originator` is the signing pair that the manifest document names, from the card of `manifest.originator`.

    Raises:
        BadSignature: the manifest is not signed by that pair.
        Unproven: a leaf, label, position or path that does not lead to the signed root.
    """
    # (1) the manifest is the originator's
    verify(unpacked.document, [originator])
    # (2) each entry's bytes, under its label and salt, at its position
    hashes = b"".join([leaf_hash(e.salt, e.kind, e.label, e.body) for e in unpacked.entries])
    prove_range(unpacked.manifest.root, unpacked.manifest.leaves, unpacked.start, hashes, unpacked.path)
    return Part(
        document=unpacked.document,
        manifest=unpacked.manifest,
        part=unpacked.part,
        start=unpacked.start,
        entries=unpacked.entries,
        path=unpacked.path,
    )


def _check_index(index: _Index, manifest: Manifest, length: int) -> None:
    total, labels = 0, len(manifest.labels)
    for entry in index.entries:
        if not (0 <= entry.kind <= OBJECT and 0 <= entry.label < labels and entry.length >= 0):
            raise Malformed(
                "an entry's kind, label or length is out of range", input="release", where="index"
            )
        total += entry.length
    if total != length or total > max(PART_BYTES, LEAF_BYTES):
        raise Malformed(f"{total} bytes are listed, {length} were declared", input="release", where="index")
    if not 1 <= len(index.entries) <= PART_ENTRIES or not 0 <= index.part < manifest.parts:
        raise Malformed("too many entries, none, or no such part", input="release", where="index")
    if index.start < 0 or index.start + len(index.entries) > manifest.entries:
        raise Unproven("more entries than the originator signed", input="release", where="index")


def _decompress(frame: bytes, size: int) -> bytes:
    try:
        if zstandard.frame_content_size(frame) != size:
            raise Malformed("a frame is not as long as its entries", input="release", where="frame")
        # The library allocates what the frame states, which is `size`, and fails if the frame holds anything else.
        return zstandard.ZstdDecompressor().decompress(frame, max_output_size=size, allow_extra_data=False)
    except zstandard.ZstdError as fault:
        raise Malformed(f"a frame does not decompress: {fault}", input="release", where="frame") from None


def _entries(index: _Index, manifest: Manifest, salts: bytes, frames: dict[int, bytes]) -> tuple[Entry, ...]:
    hashes = manifest.label_hashes
    at = dict.fromkeys(frames, 0)
    entries: list[Entry] = []
    for number, entry in enumerate(index.entries):
        begin = at[entry.label]
        at[entry.label] = end = begin + entry.length
        entries.append(
            Entry(
                position=index.start + number,
                kind=entry.kind,
                label=hashes[entry.label],
                salt=salts[SALT_LENGTH * number : SALT_LENGTH * (number + 1)],
                body=frames[entry.label][begin:end],
            )
        )
    return tuple(entries)
