"""The log: RFC 6962's tree grown at its right edge, its proofs, its signed checkpoints, and what its leaves hide.

    frontier = Frontier.decode(stored)          # size and right-edge hashes; no leaf is read again
    frontier.append(sent_leaf(salt, name))
    note = sign_checkpoint(Checkpoint(origin=…, size=frontier.size, root=frontier.root()), key, at=now)

A leaf's entry is 32 bytes and says nothing by itself: it is a salted commitment. `hash_at(level, index)` reads the
hash of the complete subtree over the 2**level leaves from index * 2**level on; proofs need nothing else.
Sources: RFC 6962 §2.1, RFC 9162 §2.1.3 and §2.1.4, C2SP tlog-tiles, tlog-checkpoint, signed-note, tlog-cosignature;
PROTOCOL §8; spec/log.md.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from msgspec import Struct

from simpul.errors import BadSignature, HomeDamaged, Malformed, Misdirected, Unproven
from simpul.protocol.keys import LogKey, LogPublicKey

HashAt = Callable[[int, int], bytes]
"""(level, index) to the hash of the complete subtree there; only complete subtrees are asked for."""

HASH_LENGTH: Final = 32
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()
QUANTUM: Final = 64
"""Default multiple that the number of leaves is padded to before a checkpoint (PROTOCOL §8)."""

TILE_HEIGHT: Final = 8
TILE_WIDTH: Final = 1 << TILE_HEIGHT

NOTE_LIMIT: Final = 64 * 1024
"""The longest checkpoint note that is read, in bytes: 16 signatures of nearly 4 kB each."""

ED25519_LINE: Final = 0x01
MLDSA44_LINE: Final = 0x06
"""C2SP signature types: a signed note's Ed25519, and the ML-DSA-44 cosignature that also names time and origin."""


def sent_leaf(leaf_salt: bytes, message_hash: bytes) -> bytes:
    """The entry for a message that this node sent; the recipient computes the same from the message (PROTOCOL §8)."""
    return _sha256(b"sent", _exact(leaf_salt), _exact(message_hash))


def received_leaf(leaf_salt: bytes, message_hash: bytes) -> bytes:
    """The recipient's entry for the same message; it can be told from the sender's only by who knows the salt."""
    return _sha256(b"received", _exact(leaf_salt), _exact(message_hash))


def content_commitment(content_salt: bytes, content: bytes) -> bytes:
    """Commits to what was done under a salt of its own: once that is destroyed, nobody can test a guess."""
    return _sha256(b"simpul content 1", _exact(content_salt), content)


def step_leaf(salt: bytes, kind: str, at: int, content: bytes) -> bytes:
    """The entry for a step that crosses no border.

    Args:
        salt: 32 random bytes.
        kind: what sort of step (domain.journal), at most 255 bytes of UTF-8.
        at: microseconds UTC, not negative.
        content: the 32 bytes of `content_commitment`.
    """
    name = kind.encode()
    if not 0 < len(name) < 256:
        raise ValueError("a step's kind has 1 to 255 bytes")
    return _sha256(
        b"simpul step 1", _exact(salt), bytes((len(name),)), name, at.to_bytes(8, "big"), _exact(content)
    )


def dummy_leaf(salt: bytes) -> bytes:
    """An entry that commits to nothing: it hides how many steps lie between two checkpoints.

    `salt` is 32 random bytes. Shown to an auditor, it proves that the leaf stands for no step.
    """
    return _sha256(b"simpul dummy 1", _exact(salt))


def dummies_needed(size: int, quantum: int = QUANTUM) -> int:
    """How many dummy leaves bring `size` to the next multiple of `quantum`; none when it is one already."""
    return -size % quantum


def leaf_hash(entry: bytes) -> bytes:
    """The hash of a leaf, RFC 6962 §2.1: SHA-256(0x00 ‖ entry)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node, RFC 6962 §2.1: SHA-256(0x01 ‖ left ‖ right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """The right edge of a tree: enough to append and to compute the root, in O(log n) memory.

    It holds one hash for each 1 in the binary form of `size`, the widest subtree first. Appending costs two hashes
    in the mean. It is the only thing here that changes in place; `encode` gives its stored form.
    """

    __slots__ = ("edge", "size")

    def __init__(self, size: int = 0, edge: Sequence[bytes] = ()) -> None:
        if size.bit_count() != len(edge):
            raise ValueError(
                f"a tree of {size} leaves has {size.bit_count()} hashes at its edge, not {len(edge)}"
            )
        self.size = size
        self.edge = [_exact(node) for node in edge]

    def append(self, entry: bytes) -> None:
        """Add one leaf."""
        node = leaf_hash(entry)
        size = self.size
        while size & 1:
            node = node_hash(self.edge.pop(), node)
            size >>= 1
        self.edge.append(node)
        self.size += 1

    def extend(self, entries: Iterable[bytes]) -> None:
        """Add leaves in order."""
        for entry in entries:
            self.append(entry)

    def root(self) -> bytes:
        """The root at this size; RFC 6962's hash of the empty list when there is no leaf."""
        if not self.edge:
            return EMPTY_ROOT
        root = self.edge[-1]
        for left in reversed(self.edge[:-1]):
            root = node_hash(left, root)
        return root

    def encode(self) -> bytes:
        """The stored form: size as 8 bytes, big-endian, then the edge's hashes, the widest subtree first."""
        return self.size.to_bytes(8, "big") + b"".join(self.edge)

    @classmethod
    def decode(cls, stored: bytes) -> Frontier:
        """From the stored form; no bytes at all are the empty tree.

        Raises:
            HomeDamaged: not the form that `encode` gives.
        """
        if not stored:
            return cls()
        size, edge = int.from_bytes(stored[:8], "big"), stored[8:]
        if len(stored) < 8 or len(edge) != HASH_LENGTH * size.bit_count():
            raise HomeDamaged(
                "the stored edge of the log has a wrong length",
                input="frontier",
                do="restore the home from a backup; the log's leaves may be whole",
            )
        return cls(size, [edge[at : at + HASH_LENGTH] for at in range(0, len(edge), HASH_LENGTH)])


def root_at(size: int, hash_at: HashAt) -> bytes:
    """The root of the first `size` leaves."""
    return _range_hash(0, size, hash_at) if size else EMPTY_ROOT


def inclusion_proof(index: int, size: int, hash_at: HashAt) -> list[bytes]:
    """RFC 6962 §2.1.1: the hashes that lead from leaf `index` to the root of the first `size` leaves, lowest first.

    Raises:
        ValueError: `index` is not below `size`.
    """
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size}")
    proof = []
    start, stop = 0, size
    while stop - start > 1:
        middle = start + _split(stop - start)
        if index < middle:
            proof.append(_range_hash(middle, stop, hash_at))
            stop = middle
        else:
            proof.append(_range_hash(start, middle, hash_at))
            start = middle
    return proof[::-1]


def consistency_proof(first: int, second: int, hash_at: HashAt) -> list[bytes]:
    """RFC 6962 §2.1.2: shows that the tree of `second` leaves begins with the tree of `first`.

    Empty where nothing has to be shown: `first` is 0 or equals `second`.

    Raises:
        ValueError: not 0 <= `first` <= `second`.
    """
    if not 0 <= first <= second:
        raise ValueError(f"no proof leads from {first} to {second} leaves")
    if first in {0, second}:
        return []
    proof = []
    start, stop = 0, second
    while first != stop:
        middle = start + _split(stop - start)
        if first <= middle:
            proof.append(_range_hash(middle, stop, hash_at))
            stop = middle
        else:
            proof.append(_range_hash(start, middle, hash_at))
            start = middle
    if start:
        proof.append(_range_hash(start, stop, hash_at))
    return proof[::-1]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """RFC 9162 §2.1.3.2: the tree of `size` leaves with this root has `leaf` at `index`.

    Args:
        leaf: the leaf's hash (`leaf_hash`), not its entry.
        index: from 0.
        size: number of leaves that `root` is of.
        proof: as `inclusion_proof` gives it.
        root: from a verified checkpoint.

    Raises:
        Unproven: it does not lead there.
    """
    _check_hashes(leaf, root, *proof)
    if not 0 <= index < size:
        raise Unproven(f"leaf {index} is not in a tree of {size}", where="index")
    inner = (index ^ (size - 1)).bit_length()
    if len(proof) != inner + (index >> inner).bit_count():
        raise Unproven(f"an inclusion proof of {len(proof)} hashes does not fit", where="proof")
    node = _chain_inner(leaf, proof[:inner], index)
    _check_equal(_chain_left(node, proof[inner:]), root, "the leaf is not in the tree")


def verify_consistency(
    first: int, second: int, first_root: bytes, second_root: bytes, proof: Sequence[bytes]
) -> None:
    """RFC 9162 §2.1.4.2: the tree of `second` leaves begins with the leaves of the tree of `first`.

    From the empty tree every tree follows with an empty proof, as C2SP's tlog-witness has it.

    Raises:
        Unproven: it does not.
    """
    _check_hashes(first_root, second_root, *proof)
    if not 0 <= first <= second:
        raise Unproven(f"no log goes from {first} to {second} leaves", where="size")
    if first in {0, second}:
        if proof:
            raise Unproven("a consistency proof where none is due", where="proof")
        _check_equal(first_root, EMPTY_ROOT if first == 0 else second_root, "the roots differ")
        _check_equal(second_root, EMPTY_ROOT if second == 0 else second_root, "the roots differ")
        return
    _verify_growth(first, second, first_root, second_root, proof)


def _verify_growth(
    first: int, second: int, first_root: bytes, second_root: bytes, proof: Sequence[bytes]
) -> None:
    # The widest complete subtree that ends at `first`: a seed for both roots. Where it is the whole first tree, the
    # proof leaves it out, since the verifier has that root.
    level = (first & -first).bit_length() - 1
    index = (first - 1) >> level
    inner = ((first - 1) ^ (second - 1)).bit_length() - level
    if first & (first - 1):
        seed, rest = (proof[0], proof[1:]) if proof else (b"", proof)
    else:
        seed, rest = first_root, proof
    if not seed or len(rest) != inner + (index >> inner).bit_count():
        raise Unproven(f"a consistency proof of {len(proof)} hashes does not fit", where="proof")
    old = _chain_left(_chain_inner_right(seed, rest[:inner], index), rest[inner:])
    _check_equal(old, first_root, "the older root does not lead here")
    new = _chain_left(_chain_inner(seed, rest[:inner], index), rest[inner:])
    _check_equal(new, second_root, "the newer root does not follow from the older one")


def _range_hash(start: int, stop: int, hash_at: HashAt) -> bytes:
    # [start, stop) is a node of RFC 6962's tree: its complete subtrees, widest first, folded from the right.
    hashes = []
    while start < stop:
        level = (stop - start).bit_length() - 1
        hashes.append(hash_at(level, start >> level))
        start += 1 << level
    node = hashes.pop()
    while hashes:
        node = node_hash(hashes.pop(), node)
    return node


def _split(width: int) -> int:
    return 1 << ((width - 1).bit_length() - 1)


def _chain_inner(node: bytes, proof: Sequence[bytes], index: int) -> bytes:
    for level, other in enumerate(proof):
        node = node_hash(other, node) if index >> level & 1 else node_hash(node, other)
    return node


def _chain_inner_right(node: bytes, proof: Sequence[bytes], index: int) -> bytes:
    for level, other in enumerate(proof):
        if index >> level & 1:
            node = node_hash(other, node)
    return node


def _chain_left(node: bytes, proof: Sequence[bytes]) -> bytes:
    for other in proof:
        node = node_hash(other, node)
    return node


def _check_hashes(*hashes: bytes) -> None:
    # Without this a proof could shift bytes between neighbours: the hash of a node does not delimit its halves.
    if any(len(item) != HASH_LENGTH for item in hashes):
        raise Unproven("a hash in the proof does not have 32 bytes", where="proof")


def _check_equal(computed: bytes, expected: bytes, problem: str) -> None:
    if computed != expected:
        raise Unproven(problem, where="root")


# Tiles (C2SP tlog-tiles).


def tile_path(level: int | str, index: int, width: int = TILE_WIDTH) -> str:
    """The path of a tile below the log's folder: `tile/0/x001/067`, or `tile/entries/000.p/64` for a partial one.

    Args:
        level: 0 to 7 for hashes, "entries" for entries.
        index: of the tile within its level.
        width: how many of its 256 places are filled.
    """
    parts = [f"{index % 1000:03d}"]
    while index := index // 1000:
        parts.insert(0, f"x{index % 1000:03d}")
    path = f"tile/{level}/{'/'.join(parts)}"
    return path if width == TILE_WIDTH else f"{path}.p/{width}"


def encode_entries(entries: Iterable[bytes]) -> bytes:
    """An entry bundle: each entry after its length as two bytes, big-endian."""
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def decode_entries(bundle: bytes) -> list[bytes]:
    """The entries of a bundle, each of 32 bytes.

    Raises:
        Malformed: another length, or torn.
    """
    step = 2 + HASH_LENGTH
    if len(bundle) % step or any(bundle[at : at + 2] != b"\x00\x20" for at in range(0, len(bundle), step)):
        raise Malformed("an entry bundle does not hold whole 32-byte entries", where="entries")
    return [bundle[at + 2 : at + step] for at in range(0, len(bundle), step)]


# Checkpoints (C2SP tlog-checkpoint, signed-note, tlog-cosignature).


class Checkpoint(Struct, frozen=True, kw_only=True):
    """The tree's head at a size. Two that differ only in root are portable proof of cheating (`conflicting`)."""

    origin: str
    size: int
    root: bytes

    def text(self) -> bytes:
        """The note's text: origin, size and root, a line each."""
        return f"{self.origin}\n{self.size}\n{_base64(self.root)}\n".encode()


class NoteSignature(Struct, frozen=True, kw_only=True):
    """One signature line of a note: the key's name, its 4-byte id, and what follows the id."""

    name: str
    key_id: bytes
    signature: bytes


class SignedCheckpoint(Struct, frozen=True, kw_only=True):
    """A parsed note whose signatures nobody has checked yet."""

    checkpoint: Checkpoint
    signatures: tuple[NoteSignature, ...]


def log_origin(party: str, realm: str, incarnation: bytes) -> str:
    """The name of a log: `simpul/<party fingerprint>/<realm>/<incarnation in hex>` (16 random bytes, PROTOCOL §8)."""
    return f"simpul/{party}/{realm}/{incarnation.hex()}"


def read_origin(origin: str) -> tuple[str, str, bytes]:
    """Party, realm and incarnation of a log's name.

    Raises:
        Malformed: another form.
    """
    match = _ORIGIN.fullmatch(origin)
    if match is None:
        raise Malformed("not the origin of a Simpul log", where="origin")
    return match[1], match[2], bytes.fromhex(match[3])


def verifier_keys(origin: str, key: LogPublicKey) -> tuple[str, str]:
    """The two lines that a verifier is given, Ed25519's first: name+id in hex+base64(type ‖ key) (C2SP signed-note)."""
    return (
        _verifier_key(origin, ED25519_LINE, key.classical),
        _verifier_key(origin, MLDSA44_LINE, key.quantum),
    )


def read_verifier_keys(lines: Sequence[str]) -> tuple[str, LogPublicKey]:
    """Origin and public key from the two lines of `verifier_keys`, in either order.

    Raises:
        Malformed: not one line of each kind, both of one name, with the ids of their keys.
    """
    found: dict[int, bytes] = {}
    names = set()
    for line in lines:
        name, _, rest = line.partition("+")
        claimed, _, encoded = rest.partition("+")
        raw = _unbase64(encoded.encode())
        if not raw or claimed != _key_id(name, raw[0], raw[1:]).hex():
            raise Malformed("a verifier key line whose id is not that of its key", where="vkeys")
        names.add(name)
        found[raw[0]] = raw[1:]
    if len(names) != 1 or found.keys() != {ED25519_LINE, MLDSA44_LINE}:
        raise Malformed("a log has one Ed25519 and one ML-DSA-44 key under one name", where="vkeys")
    return names.pop(), LogPublicKey.read(found[ED25519_LINE] + found[MLDSA44_LINE])


def sign_checkpoint(checkpoint: Checkpoint, key: LogKey, *, at: int) -> bytes:
    """The signed note: the text, then a line by each of the two keys, both named by the origin.

    Sign a size once, and only after it is stored which root it has.

    Args:
        checkpoint: what to sign.
        key: the log's key.
        at: now, microseconds UTC; the ML-DSA-44 line states it in whole seconds.
    """
    text = checkpoint.text()
    seconds = at // 1_000_000
    classical = key.sign_classical(text)
    quantum = seconds.to_bytes(8, "big") + key.sign_quantum(_cosigned(checkpoint, seconds))
    lines = (
        _line(checkpoint.origin, _key_id(checkpoint.origin, ED25519_LINE, key.public.classical) + classical),
        _line(checkpoint.origin, _key_id(checkpoint.origin, MLDSA44_LINE, key.public.quantum) + quantum),
    )
    return text + b"\n" + "".join(lines).encode()


def parse_checkpoint(note: bytes) -> SignedCheckpoint:
    """Take a note apart without believing it.

    Raises:
        Malformed: over 64 KiB, or not a checkpoint with at least one signature line.
    """
    if len(note) > NOTE_LIMIT:
        raise Malformed(
            f"a checkpoint of {len(note)} bytes is over the limit of {NOTE_LIMIT}", where="checkpoint"
        )
    text, separator, lines = note.rpartition(b"\n\n")
    match = _TEXT.fullmatch(text + b"\n")
    if not separator or match is None or not lines.endswith(b"\n"):
        raise Malformed("not a checkpoint of three lines and its signatures", where="checkpoint")
    return SignedCheckpoint(
        checkpoint=Checkpoint(
            origin=_utf8(match[1]), size=int(match[2]), root=_unbase64(match[3], HASH_LENGTH)
        ),
        signatures=tuple(_parse_line(line) for line in lines[:-1].split(b"\n")),
    )


def open_checkpoint(note: bytes, key: LogPublicKey, origin: str | None = None) -> Checkpoint:
    """A checkpoint whose two signatures hold; lines by keys that are not the log's are ignored.

    Args:
        note: as received.
        key: the log's public key, from the party's card.
        origin: which log it must be of, if known.

    Raises:
        Malformed: not a checkpoint.
        Misdirected: of another log than `origin`.
        BadSignature: one of the two lines is absent or does not hold.
    """
    # 1. The form.
    signed = parse_checkpoint(note)
    checkpoint = signed.checkpoint
    # 2. The log it is of.
    if origin is not None and checkpoint.origin != origin:
        raise Misdirected("a checkpoint of another log", input=checkpoint.origin, where="origin")
    # 3. Both signatures.
    key.verify_classical(checkpoint.text(), _signature(signed, ED25519_LINE, key.classical))
    cosignature = _signature(signed, MLDSA44_LINE, key.quantum)
    seconds = int.from_bytes(cosignature[:8], "big")
    key.verify_quantum(_cosigned(checkpoint, seconds), cosignature[8:])
    return checkpoint


def conflicting(one: Checkpoint, other: Checkpoint) -> bool:
    """Whether two verified checkpoints of one log contradict each other: same size, different roots."""
    return one.origin == other.origin and one.size == other.size and one.root != other.root


_ORIGIN = re.compile(r"simpul/([0-9a-f]{50})/([a-z0-9][a-z0-9-]{0,63})/([0-9a-f]{32})")
_TEXT = re.compile(rb"([^\x00-\x20+]{1,255})\n(0|[1-9][0-9]{0,18})\n([A-Za-z0-9+/]{43}=)\n")
_LINE = re.compile(r"— ([^\s\x00-\x1f+]{1,255}) ([A-Za-z0-9+/]{8,8192}={0,2})")


def _cosigned(checkpoint: Checkpoint, seconds: int) -> bytes:
    # tlog-cosignature's `cosigned_message`; the log is its own cosigner, the subtree is the whole tree.
    name = checkpoint.origin.encode()
    return b"".join(
        (
            b"subtree/v1\n\x00",
            bytes((len(name),)) + name,
            seconds.to_bytes(8, "big"),
            bytes((len(name),)) + name,
            (0).to_bytes(8, "big"),
            checkpoint.size.to_bytes(8, "big"),
            checkpoint.root,
        )
    )


def _signature(signed: SignedCheckpoint, type: int, public: bytes) -> bytes:
    name = signed.checkpoint.origin
    wanted = _key_id(name, type, public)
    for line in signed.signatures:
        if line.name == name and line.key_id == wanted:
            return line.signature
    raise BadSignature("the log's signature is missing", input=name, where=f"signature type {type}")


def _key_id(name: str, type: int, public: bytes) -> bytes:
    return _sha256(name.encode(), b"\n", bytes((type,)), public)[:4]


def _verifier_key(name: str, type: int, public: bytes) -> str:
    return f"{name}+{_key_id(name, type, public).hex()}+{_base64(bytes((type,)) + public)}"


def _line(name: str, signature: bytes) -> str:
    return f"— {name} {_base64(signature)}\n"


def _parse_line(line: bytes) -> NoteSignature:
    match = _LINE.fullmatch(_utf8(line))
    if match is None:
        raise Malformed("not a signature line", where="signature")
    raw = _unbase64(match[2].encode())
    if len(raw) < 5:
        raise Malformed("a signature line without a signature", where="signature")
    return NoteSignature(name=match[1], key_id=raw[:4], signature=raw[4:])


def _utf8(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise Malformed("not UTF-8", where="checkpoint") from None


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _unbase64(text: bytes, length: int | None = None) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except binascii.Error:
        raise Malformed("not base64", where="checkpoint") from None
    # Only the one canonical spelling: otherwise one checkpoint would have several byte forms.
    if base64.b64encode(raw) != text or (length is not None and len(raw) != length):
        raise Malformed("not base64 of the right length", where="checkpoint")
    return raw


def _sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def _exact(value: bytes) -> bytes:
    if len(value) != HASH_LENGTH:
        raise ValueError(f"32 bytes are wanted here, not {len(value)}")
    return value
