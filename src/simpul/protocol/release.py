"""One part of a release, as the payload of a `release` message (spec/manifest.md, "Parts").

    blob(index) ‖ blob(manifest document) ‖ salts (32 bytes an entry) [‖ proofs] ‖ blob(frame) …

The index is canonical JSON: which part, where its range of leaves starts, each entry's [kind, label index, length],
and the range's path. Where an entry is passed on, proofs of its originator's words go along (`protocol.proofs`). A
frame is zstd over the bytes of one originator and one label, in the order of the entries, so that no frame mixes what
different parties or labels guard (lengths would tell).

    pack -> Packed --message--> unpack -> Unpacked (nothing proven) --prove--> Part

A release goes as parts of at most 1,000 entries or 1 MiB (`ranges`); each part proves itself alone, in any order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import zstandard
from msgspec import Struct
from msgspec.structs import replace

from simpul.domain.releases import CARRYING, PASSED, ReleaseLeaf
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
from simpul.protocol.proofs import (
    ATTACHED_BYTES,
    AuthorKey,
    Passed,
    manifest_of,
    no_author,
    pack_proofs,
    prove_passed,
    read_proofs,
)

ENCODING: Final = "simpul-release"
PART_ENTRIES: Final = 1000
PART_BYTES: Final = 1 << 20
"""A part is closed before it would grow over this, uncompressed; one larger leaf goes alone."""

LEAF_BYTES: Final = 8 << 20
"""The longest leaf, hence the longest part."""

_INDEX_LIMIT: Final = 256 * 1024
_LEVEL: Final = 3

_FrameKey = tuple[int, str]
"""A frame's label, by its index, and its originator."""


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
    """One leaf that came: `position` in the tree, `label` by hash, the exact bytes; `passed` if another originated it."""

    position: int
    kind: int
    label: bytes
    salt: bytes
    body: bytes
    passed: Passed | None = None


class Unpacked(Struct, frozen=True, kw_only=True):
    """A part as parsed: within its limits, nothing proven. `prove` makes a `Part` of it."""

    document: Document
    manifest: Manifest
    part: int
    start: int
    entries: tuple[Entry, ...]
    path: tuple[bytes, ...]


class Part(Struct, frozen=True, kw_only=True):
    """A proven part: the originator signed the manifest, and every entry is a leaf of its tree under its label.

    `hashes` are the entries' leaf hashes, 32 bytes each. What is passed on is a leaf of its own originator's tree too.
    """

    document: Document
    manifest: Manifest
    part: int
    start: int
    entries: tuple[Entry, ...]
    path: tuple[bytes, ...]
    hashes: bytes


def ranges(
    lengths: Iterable[int],
    *,
    entries: int = PART_ENTRIES,
    size: int = PART_BYTES,
    attached: Mapping[int, Sequence[bytes]] | None = None,
) -> list[tuple[int, int]]:
    """How leaves of these lengths, by position, go as parts: (start, stop) of each.

    `attached` gives the documents that leaves by their position need beside them; a part carries each once.

    Raises:
        TooLarge: a leaf over `LEAF_BYTES`.
    """
    needed = attached or {}
    parts: list[tuple[int, int]] = []
    start = stop = total = 0
    documents: set[bytes] = set()
    for position, length in enumerate(lengths):
        if length > LEAF_BYTES:
            raise TooLarge(
                f"one rendition has {length} bytes; {LEAF_BYTES} can be sent", where=f"leaf {position}"
            )
        more = documents.union(needed.get(position, ()))
        full = stop - start == entries or total + length > size or sum(map(len, more)) > ATTACHED_BYTES
        if stop > start and full:
            parts.append((start, stop))
            start, total, more = stop, 0, set(needed.get(position, ()))
        stop, total, documents = position + 1, total + length, more
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
    bodies: dict[tuple[int, str], list[bytes]] = {}
    proofs = [leaf.proof for leaf, _ in leaves if leaf.proof is not None]
    authors: dict[bytes, Manifest] = {}
    for proof in proofs:
        if proof.manifest not in authors:
            authors[proof.manifest] = manifest_of(proof.manifest, document.realm)
    for leaf, body in leaves:
        label = table[leaf.label]
        originator = authors[leaf.proof.manifest].originator if leaf.proof else manifest.originator
        entries.append(_Entry(leaf.kind, label, len(body)))
        bodies.setdefault((label, originator), []).append(body)
    index = _Index(part=part, start=leaves[0][0].position, entries=tuple(entries), path=tuple(path))
    compress = zstandard.ZstdCompressor(level=_LEVEL).compress
    frames = [blob(compress(b"".join(of_one))) for of_one in bodies.values()]
    salts = b"".join([leaf.salt for leaf, _ in leaves])
    proven = pack_proofs(proofs, authors.__getitem__) if proofs else b""
    return Packed(
        payload=b"".join((blob(encode(index)), blob(document.encode()), salts, proven, *frames)),
        length=sum(entry.length for entry in entries),
        part=part,
        objects=sum(entry.kind in CARRYING for entry in entries),
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
    # (3) a proof for each entry that is passed on, and for no other
    count = sum(entry.kind == PASSED for entry in index.entries)
    proofs = iter(read_proofs(reader, count, realm) if count else ())
    passed = [next(proofs) if entry.kind == PASSED else None for entry in index.entries]
    # (4) one frame for each label and originator, each exactly as long as its entries say
    keys = [
        (entry.label, each.originator if each else manifest.originator)
        for entry, each in zip(index.entries, passed, strict=True)
    ]
    wanted: dict[_FrameKey, int] = {}
    for key, entry in zip(keys, index.entries, strict=True):
        wanted[key] = wanted.get(key, 0) + entry.length
    frames = {key: _decompress(reader.blob(), size) for key, size in wanted.items()}
    reader.end()
    bodies = _bodies(keys, [entry.length for entry in index.entries], frames)
    return Unpacked(
        document=document,
        manifest=manifest,
        part=index.part,
        start=index.start,
        entries=_entries(index, manifest, salts, bodies, passed),
        path=index.path,
    )


def prove(unpacked: Unpacked, originator: PublicKey, author: AuthorKey = no_author) -> Part:
    """Verify the originator's signature and that every entry is a leaf of the tree it signed.

    `originator` is the signing pair that the manifest document names, from the card of `manifest.originator`. What is
    passed on must be a leaf of its own originator's tree too; `author` gives the key that signed that one, if a card
    that is here vouches for it.

    Raises:
        BadSignature: the manifest is not signed by that pair, or what is passed on not by its originator's.
        Unproven: a leaf, label, position or path that does not lead to the signed root.
        Misdirected: something passed on is the originator's own, or goes with another's consent.
    """
    # (1) the manifest is the originator's
    verify(unpacked.document, [originator])
    # (2) each entry's bytes, under its label and salt, at its position
    hashes = b"".join([leaf_hash(e.salt, e.kind, e.label, e.body) for e in unpacked.entries])
    prove_range(unpacked.manifest.root, unpacked.manifest.leaves, unpacked.start, hashes, unpacked.path)
    # (3) what is passed on, in the tree of whoever wrote it
    proven = iter(
        prove_passed(
            [(entry.passed, entry.body) for entry in unpacked.entries if entry.passed],
            unpacked.manifest.originator,
            author,
        )
    )
    return Part(
        document=unpacked.document,
        manifest=unpacked.manifest,
        part=unpacked.part,
        start=unpacked.start,
        entries=tuple([replace(e, passed=next(proven)) if e.passed else e for e in unpacked.entries]),
        path=unpacked.path,
        hashes=hashes,
    )


def _check_index(index: _Index, manifest: Manifest, length: int) -> None:
    total, labels = 0, len(manifest.labels)
    for entry in index.entries:
        if not (0 <= entry.kind <= PASSED and 0 <= entry.label < labels and entry.length >= 0):
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


def _bodies(
    keys: Sequence[_FrameKey], lengths: Sequence[int], frames: dict[_FrameKey, bytes]
) -> Iterator[bytes]:
    """Each entry's bytes, from the frame that it is in."""
    at = dict.fromkeys(frames, 0)
    for key, length in zip(keys, lengths, strict=True):
        begin = at[key]
        at[key] = end = begin + length
        yield frames[key][begin:end]


def _entries(
    index: _Index, manifest: Manifest, salts: bytes, bodies: Iterable[bytes], passed: Sequence[Passed | None]
) -> tuple[Entry, ...]:
    hashes = manifest.label_hashes
    return tuple(
        Entry(
            position=index.start + number,
            kind=entry.kind,
            label=hashes[entry.label],
            salt=salts[SALT_LENGTH * number : SALT_LENGTH * (number + 1)],
            body=body,
            passed=each,
        )
        for number, (entry, body, each) in enumerate(zip(index.entries, bodies, passed, strict=True))
    )
