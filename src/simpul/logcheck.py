"""Check a copied transparency log without trusting who wrote it.

    python logcheck.py DIR [--key VKEY ...]

DIR holds `checkpoint`, `vkeys` and `tile/` as C2SP's tlog-tiles, tlog-checkpoint and signed-note lay them out, with
entries of 32 bytes. This file stands alone, on Python's standard library and `cryptography`: copy it and read it.
It shares no code with the program that writes the log, and computes the tree from RFC 6962's recursive definition.

It prints {"size", "root", "leaves_checked", "ok"} on standard output and what is wrong on standard error, and exits
with 1 unless all holds. Give --key with lines that you got from the log's party by another way: keys found in the
folder prove only that the folder agrees with itself.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hashlib
import json
import os
import re
import stat
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

ENTRY = 32
WIDTH = 256
NOTE_LIMIT = 64 * 1024
ED25519 = 0x01
MLDSA44 = 0x06
SHOWN = 20
"""At most so many problems are told."""


@dataclass(frozen=True)
class Report:
    """What a check found.

    Attributes:
        size: leaves that the checkpoint promises; 0 where it does not read.
        root: hexadecimal root computed from the entries, empty where they are not all there.
        leaves_checked: entries that were read and hashed.
        ok: whether everything holds.
        problems: what does not, in plain words.
        notes: what the reader should know although it is no problem.
    """

    size: int
    root: str
    leaves_checked: int
    ok: bool
    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def document(self) -> dict[str, object]:
        """The report as one JSON document."""
        return {"size": self.size, "root": self.root, "leaves_checked": self.leaves_checked, "ok": self.ok}


@dataclass(frozen=True)
class Key:
    """A verifier key line: its name, kind (signature type), key bytes, and the id that signature lines carry."""

    name: str
    kind: int
    public: bytes
    id: bytes


@dataclass(frozen=True)
class Note:
    """A checkpoint taken apart: what was signed, and the signature lines by (name, key id)."""

    text: bytes
    origin: str
    size: int
    root: bytes
    signatures: dict[tuple[str, bytes], bytes]


class Problem(Exception):
    """One thing that does not hold."""


def check(directory: Path, keys: Sequence[str] | None = None) -> Report:
    """Check the log in a folder. Never raises: whatever is wrong is in the report.

    Args:
        directory: the folder.
        keys: verifier key lines to trust; the folder's own `vkeys` where None.
    """
    problems: list[str] = []
    notes: list[str] = []
    leaves: list[bytes] = []
    root = ""
    size = 0
    try:
        # 1. The checkpoint reads.
        note = read_note(read_file(directory, "checkpoint", NOTE_LIMIT))
        size = note.size
        # 2. Both signatures hold.
        problems += check_signatures(note, trusted_keys(directory, keys, notes))
        # 3. Every entry that it promises is there.
        for number, raw in read_entries(directory, size):
            leaves += (leaf_hash(raw[at + 2 : at + 2 + ENTRY]) for at in range(0, len(raw), 2 + ENTRY))
            problems += check_older(directory, "entries", number, raw, 2 + ENTRY)
        # 4. The entries have the root that was signed.
        subtrees: dict[tuple[int, int], bytes] = {}
        computed = merkle_tree_hash(leaves, 0, size, subtrees)
        root = computed.hex()
        if computed != note.root:
            problems.append("checkpoint: the entries do not have the root that was signed")
        # 5. Every hash tile says what the entries say.
        problems += check_hash_tiles(directory, leaves, subtrees)
    except Problem as problem:
        problems.append(str(problem))
    except (OSError, ValueError, MemoryError) as error:
        problems.append(f"{directory}: cannot be read: {error}")
    told = (*problems[:SHOWN], *([f"and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else ()))
    return Report(
        size=size, root=root, leaves_checked=len(leaves), ok=not problems, problems=told, notes=tuple(notes)
    )


# RFC 6962 §2.1.


def leaf_hash(entry: bytes) -> bytes:
    """MTH({d(0)}) = SHA-256(0x00 || d(0))."""
    return hashlib.sha256(b"\x00" + entry).digest()


def merkle_tree_hash(
    leaves: Sequence[bytes], start: int, stop: int, subtrees: dict[tuple[int, int], bytes]
) -> bytes:
    """MTH(D[start:stop]), as RFC 6962 §2.1 defines it.

    Args:
        leaves: the hashes of the single leaves.
        start: first leaf.
        stop: one after the last leaf.
        subtrees: receives the hash of every complete subtree that stands in a tile, by (tile level, index).
    """
    # The hash of an empty list is the hash of an empty string.
    if start == stop:
        return hashlib.sha256(b"").digest()
    # The hash of a list with one entry is its leaf hash.
    n = stop - start
    if n == 1:
        return leaves[start]
    # For n > 1, let k be the largest power of two smaller than n (k < n <= 2k):
    # MTH(D[n]) = SHA-256(0x01 || MTH(D[0:k]) || MTH(D[k:n])).
    k = 1 << ((n - 1).bit_length() - 1)
    left = merkle_tree_hash(leaves, start, start + k, subtrees)
    right = merkle_tree_hash(leaves, start + k, stop, subtrees)
    node = hashlib.sha256(b"\x01" + left + right).digest()
    height = n.bit_length() - 1
    if height % 8 == 0 and n == 1 << height:
        subtrees[height // 8, start // n] = node
    return node


# tlog-tiles.


def tile_path(level: int | str, number: int) -> str:
    """The path of a full tile: groups of three digits, all but the last after an x."""
    parts = [f"{number % 1000:03d}"]
    while number := number // 1000:
        parts.insert(0, f"x{number % 1000:03d}")
    return f"tile/{level}/{'/'.join(parts)}"


def tiles(count: int) -> Iterator[tuple[int, int]]:
    """(number, width) of each tile of a level that has `count` hashes or entries."""
    for number in range(count // WIDTH):
        yield number, WIDTH
    if count % WIDTH:
        yield count // WIDTH, count % WIDTH


def read_tile(directory: Path, level: int | str, number: int, width: int, item: int) -> bytes:
    """The first `width` items of a tile; of the full tile where the partial one has been dropped in its favour."""
    path = tile_path(level, number)
    if width < WIDTH:
        partial = f"{path}.p/{width}"
        if os.path.lexists(directory / partial):
            return exact(read_file(directory, partial, width * item), width * item, partial)
    return exact(read_file(directory, path, WIDTH * item), WIDTH * item, path)[: width * item]


def read_entries(directory: Path, size: int) -> Iterator[tuple[int, bytes]]:
    """(number, content) of each tile of entries; stops at the first that is not there, however many were promised."""
    for number, width in tiles(size):
        raw = read_tile(directory, "entries", number, width, 2 + ENTRY)
        lengths = {raw[at : at + 2] for at in range(0, len(raw), 2 + ENTRY)}
        if lengths != {ENTRY.to_bytes(2, "big")}:
            raise Problem(f"{tile_path('entries', number)}: an entry does not have {ENTRY} bytes")
        yield number, raw


def check_hash_tiles(
    directory: Path, leaves: Sequence[bytes], subtrees: dict[tuple[int, int], bytes]
) -> list[str]:
    """Compare every hash tile, and every older partial one beside it, with what the entries give."""
    problems = []
    level, hashes = 0, list(leaves)
    while hashes:
        for number, width in tiles(len(hashes)):
            expected = b"".join(hashes[number * WIDTH : number * WIDTH + width])
            try:
                if read_tile(directory, level, number, width, 32) != expected:
                    problems.append(f"{tile_path(level, number)}: its hashes are not those of the entries")
            except Problem as problem:
                problems.append(str(problem))
            problems += check_older(directory, level, number, expected, 32)
        level += 1
        hashes = [subtrees[level, index] for index in range(len(leaves) >> 8 * level)]
    return problems


def check_older(directory: Path, level: int | str, number: int, expected: bytes, item: int) -> list[str]:
    """Compare the partial tiles of earlier checkpoints that still lie beside a tile; `item` is bytes an entry."""
    folder = f"{tile_path(level, number)}.p"
    if not (directory / folder).is_dir():
        return []
    problems = []
    for name in sorted(file.name for file in (directory / folder).iterdir()):
        if re.fullmatch(r"[1-9][0-9]{0,2}", name) and int(name) < WIDTH:
            path, length = f"{folder}/{name}", int(name) * item
            try:
                raw = exact(read_file(directory, path, length), length, path)
            except Problem as problem:
                problems.append(str(problem))
                continue
            if raw[: len(expected)] != expected[: len(raw)]:
                problems.append(f"{path}: is not what the log says")
    return problems


# tlog-checkpoint, signed-note, tlog-cosignature.


def read_note(raw: bytes) -> Note:
    """Take a signed checkpoint apart."""
    text, separator, lines = raw.rpartition(b"\n\n")
    text += b"\n"
    head = re.fullmatch(rb"([^\x00-\x20+]{1,255})\n(0|[1-9][0-9]{0,18})\n([A-Za-z0-9+/]{43}=)\n", text)
    if not separator or head is None or not lines.endswith(b"\n"):
        raise Problem("checkpoint: not three lines, an empty one, and signature lines")
    signatures = {}
    for line in utf8(lines[:-1], "checkpoint").split("\n"):
        match = re.fullmatch(r"— ([^\s\x00-\x1f+]{1,255}) ([A-Za-z0-9+/]+={0,2})", line)
        if match is None:
            raise Problem("checkpoint: a line is no signature line")
        signature = unbase64(match[2], "checkpoint")
        signatures[match[1], signature[:4]] = signature[4:]
    return Note(
        text=text,
        origin=utf8(head[1], "checkpoint"),
        size=int(head[2]),
        root=unbase64(head[3].decode(), "checkpoint"),
        signatures=signatures,
    )


def read_key(line: str) -> Key:
    """Take a verifier key line apart: name+id+base64(type || key)."""
    name, _, rest = line.partition("+")
    claimed, _, encoded = rest.partition("+")
    raw = unbase64(encoded, "key")
    computed = hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4]
    if not name or computed.hex() != claimed:
        raise Problem("key: a verifier key line whose id is not that of its key")
    return Key(name=name, kind=raw[0], public=raw[1:], id=computed)


def trusted_keys(directory: Path, keys: Sequence[str] | None, notes: list[str]) -> list[Key]:
    """The keys to check with: those given, else the folder's own, which is noted."""
    if keys is None:
        notes.append(
            "the keys come from the folder itself: this shows only that the folder agrees with itself"
        )
        text = utf8(read_file(directory, "vkeys", NOTE_LIMIT), "vkeys")
        if not text.endswith("\n"):
            raise Problem("vkeys: does not end with a line")
        keys = text[:-1].split("\n")
    return [read_key(line) for line in keys]


def check_signatures(note: Note, keys: Sequence[Key]) -> list[str]:
    """Both kinds of signature must be there by a key of this log, and every line by such a key must hold."""
    problems = []
    for kind, name in ((ED25519, "Ed25519"), (MLDSA44, "ML-DSA-44")):
        usable = [key for key in keys if key.kind == kind and key.name == note.origin]
        signed = [key for key in usable if (key.name, key.id) in note.signatures]
        if not usable:
            problems.append(f"keys: no {name} key of {note.origin}")
        elif not signed:
            problems.append(f"checkpoint: no {name} signature by the log's key")
        problems += [
            f"checkpoint: the {name} signature does not hold" for key in signed if not holds(note, key)
        ]
    return problems


def holds(note: Note, key: Key) -> bool:
    """Whether a key's signature line is over this checkpoint."""
    signature = note.signatures[key.name, key.id]
    try:
        if key.kind == ED25519:
            Ed25519PublicKey.from_public_bytes(key.public).verify(signature, note.text)
        else:
            MLDSA44PublicKey.from_public_bytes(key.public).verify(
                signature[8:], cosigned(note, key, signature[:8])
            )
    except (InvalidSignature, ValueError):
        return False
    return True


def cosigned(note: Note, key: Key, timestamp: bytes) -> bytes:
    """tlog-cosignature's `cosigned_message` for a whole tree."""
    cosigner, origin = key.name.encode(), note.origin.encode()
    return b"".join(
        (
            b"subtree/v1\n\x00",
            len(cosigner).to_bytes(1, "big") + cosigner,
            timestamp.rjust(8, b"\x00"),
            len(origin).to_bytes(1, "big") + origin,
            (0).to_bytes(8, "big"),
            note.size.to_bytes(8, "big"),
            note.root,
        )
    )


# Bytes from a folder that anybody may have made.


def read_file(directory: Path, name: str, limit: int) -> bytes:
    """A regular file of at most `limit` bytes; a pipe or device in its place must not hold us."""
    try:
        descriptor = os.open(directory / name, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        raise Problem(f"{name}: {error.strerror}") from None
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise Problem(f"{name}: not a regular file")
        raw = file.read(limit + 1)
    if len(raw) > limit:
        raise Problem(f"{name}: longer than {limit} bytes")
    return raw


def exact(raw: bytes, length: int, name: str) -> bytes:
    """The bytes, if there are that many."""
    if len(raw) != length:
        raise Problem(f"{name}: {len(raw)} bytes where {length} belong")
    return raw


def utf8(raw: bytes, name: str) -> str:
    """Bytes as text."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise Problem(f"{name}: not UTF-8") from None


def unbase64(text: str, name: str) -> bytes:
    """Canonical base64 of at least five bytes."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Problem(f"{name}: not base64") from None
    if len(raw) < 5 or base64.b64encode(raw).decode() != text:
        raise Problem(f"{name}: not canonical base64")
    return raw


def run(arguments: Sequence[str] | None = None) -> int:
    """The command line. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="logcheck.py", description="Check a copied transparency log.")
    parser.add_argument("directory", type=Path, metavar="DIR")
    parser.add_argument(
        "--key", nargs="+", action="extend", metavar="VKEY", help="a verifier key line to trust"
    )
    chosen = parser.parse_args(arguments)
    report = check(chosen.directory, chosen.key)
    for line in (*report.notes, *report.problems):
        print(line, file=sys.stderr)
    print(json.dumps(report.document()))
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(run())
