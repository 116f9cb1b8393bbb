"""Proofs that go with what is passed on: an object's leaf in its originator's own tree (spec/manifest.md, "Passed on").

    RangeTree        from the hashes of one part and the part's path: the path of each single leaf in it
    pack_proofs      the proofs of a part's entries, with the documents they need, each once
    read_proofs      the same, within its limits, nothing proven
    prove_passed     each leads to the root that its originator signed

In a part, before the frames:

    blob(table) ‖ blob(document) … ‖ for each passed entry: salt (32) ‖ path (32 for each level of its manifest's tree)

The table is canonical JSON: how many documents follow, and for each passed entry, in their order, [manifest, kind,
position, label, grant]: indexes of documents, the label by its index in that manifest's table, the grant or null.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from simpul.domain.grants import Grant
from simpul.domain.releases import OBJECT, Proof
from simpul.errors import Malformed, Misdirected
from simpul.protocol.canonical import Wire, decode, encode
from simpul.protocol.documents import DOCUMENT_LIMIT, Document, parse_document, require, verify
from simpul.protocol.framing import Reader, blob
from simpul.protocol.grants import GRANT, decode_grant
from simpul.protocol.keys import PublicKey
from simpul.protocol.manifest import (
    HASH_LENGTH,
    KIND,
    SALT_LENGTH,
    Manifest,
    leaf_hash,
    parents,
    prove_range,
    read_manifest,
)

ATTACHED_BYTES: Final = 1 << 20
"""Bytes of the documents that a part carries for what is passed on, in all."""

_TABLE_LIMIT: Final = 256 * 1024

AuthorKey = Callable[[Document, str], PublicKey | None]
"""The key by which a document is signed, from a card of that party that is here; None where no card vouches for it."""


def no_author(document: Document, party: str) -> PublicKey | None:  # noqa: ARG001 (the shape of AuthorKey)
    """A reader that has no card but the sender's."""
    return None


class RangeTree:
    """What is known of a tree from one part of it: the hashes of a range of leaves, and the range's path."""

    def __init__(self, leaves: int, start: int, hashes: bytes, path: Sequence[bytes]) -> None:
        """`leaves` of the whole tree; `hashes` and `path` as `manifest.prove_range` proved them.

        Raises:
            ValueError: the path is too short for the range.
        """
        self._levels: list[tuple[int, bytes]] = []
        rest = list(reversed(path))
        stop, width = start + len(hashes) // HASH_LENGTH, leaves
        self._first, self._stop = start, stop
        while width > 1:
            needed = (start & 1) + (stop & 1)
            if len(rest) < needed:
                raise ValueError("the path is too short for the range")
            if start & 1:
                hashes = rest.pop() + hashes
            if stop & 1:
                hashes = hashes + rest.pop()
            start -= start & 1
            self._levels.append((start, hashes))
            hashes = parents(hashes)
            start, stop, width = start >> 1, (stop + 1) >> 1, width >> 1

    def path(self, position: int) -> tuple[bytes, ...]:
        """The hashes that prove one leaf of the range, from the leaf upward: as many as the tree has levels."""
        if not self._first <= position < self._stop:
            raise ValueError(f"leaf {position} is not in this part")
        found = []
        for start, hashes in self._levels:
            at = ((position ^ 1) - start) * HASH_LENGTH
            found.append(hashes[at : at + HASH_LENGTH])
            position >>= 1
        return tuple(found)


class Passed(Struct, frozen=True, kw_only=True):
    """The proof of one entry, as it came, with what its documents say. `prove_passed` sets `verified`.

    `verified` says that manifest and grant are signed by their originator, as a card that is here says; where no card
    does, nobody vouches for either.
    """

    proof: Proof
    manifest: Manifest
    manifest_document: Document
    grant: Grant | None
    grant_document: Document | None
    verified: bool = False

    @property
    def originator(self) -> str:
        """Whose words they are, or are said to be."""
        return self.manifest.originator


class _Row(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    manifest: int
    kind: int
    position: int
    label: int
    grant: int | None


class _Table(Wire, frozen=True, kw_only=True):
    documents: int
    proofs: tuple[_Row, ...]


def attached(proof: Proof) -> tuple[bytes, ...]:
    """The documents that a proof needs."""
    return (proof.manifest, proof.grant) if proof.grant else (proof.manifest,)


def pack_proofs(proofs: Sequence[Proof], manifests: Callable[[bytes], Manifest]) -> bytes:
    """The proofs of a part's passed entries, in their order. `manifests` reads a manifest document of this node's own store."""
    numbers: dict[bytes, int] = {}
    labels: dict[bytes, tuple[bytes, ...]] = {}
    rows: list[_Row] = []
    raw: list[bytes] = []
    for proof in proofs:
        if proof.manifest not in labels:
            labels[proof.manifest] = manifests(proof.manifest).label_hashes
        manifest, *grant = [numbers.setdefault(each, len(numbers)) for each in attached(proof)]
        label = labels[proof.manifest].index(proof.label)
        rows.append(_Row(manifest, proof.kind, proof.position, label, grant[0] if grant else None))
        raw += (proof.salt, *proof.path)
    table = encode(_Table(documents=len(numbers), proofs=tuple(rows)))
    return b"".join((blob(table), *map(blob, numbers), *raw))


def read_proofs(reader: Reader, count: int, realm: str) -> list[Passed]:
    """Read the proofs of `count` passed entries.

    Raises:
        Malformed: table, documents or numbers are not as they must be, or a document is there that no entry needs.
        NotUnderstood, WrongSuite, Misdirected: a document's.
    """
    # (1) the table, and no more documents than it states, within the limit
    table = decode(reader.blob(_TABLE_LIMIT), _Table, _TABLE_LIMIT)
    if len(table.proofs) != count or not 1 <= table.documents <= 2 * count:
        raise Malformed("there must be one proof for each entry that is passed on", input="release")
    left, raw = ATTACHED_BYTES, []
    for _ in range(table.documents):
        raw.append(reader.blob(min(left, DOCUMENT_LIMIT)))
        left -= len(raw[-1])
    # (2) each is a manifest or a grant of this realm, by how entries name it, and each is needed
    manifests = {row.manifest for row in table.proofs}
    grants = {row.grant for row in table.proofs if row.grant is not None}
    if manifests & grants or manifests | grants != set(range(len(raw))) or len(set(raw)) != len(raw):
        raise Malformed("a document is missing, not needed, or there twice", input="release", where="proofs")
    documents = [parse_document(each) for each in raw]
    read = {number: _Signed(documents[number], raw[number], realm) for number in manifests}
    consents = {number: _Consent(documents[number], raw[number], realm) for number in grants}
    # (3) each entry's place is one of its manifest's
    return [
        _passed(reader, row, read[row.manifest], None if row.grant is None else consents[row.grant])
        for row in table.proofs
    ]


class _Signed:
    """A manifest among the documents, read once for all entries that name it."""

    def __init__(self, document: Document, raw: bytes, realm: str) -> None:
        self.document = document
        self.raw = raw
        self.manifest = read_manifest(document, realm)
        self.labels = self.manifest.label_hashes


class _Consent:
    """A grant among the documents, read once."""

    def __init__(self, document: Document, raw: bytes, realm: str) -> None:
        require(document, GRANT, realm)
        self.document = document
        self.raw = raw
        self.grant = decode_grant(document.payload)


def _passed(reader: Reader, row: _Row, signed: _Signed, consent: _Consent | None) -> Passed:
    manifest = signed.manifest
    sound = 0 <= row.position < manifest.entries and 0 <= row.label < len(signed.labels)
    if not sound or row.kind != OBJECT:
        raise Malformed("a proof's kind, position or label is out of range", input="release", where="proofs")
    salt = reader.take(SALT_LENGTH)
    steps = reader.take(HASH_LENGTH * (manifest.leaves.bit_length() - 1))
    path = tuple(steps[at : at + HASH_LENGTH] for at in range(0, len(steps), HASH_LENGTH))
    return Passed(
        proof=Proof(
            manifest=signed.raw,
            kind=row.kind,
            position=row.position,
            salt=salt,
            label=signed.labels[row.label],
            path=path,
            grant=consent.raw if consent else b"",
        ),
        manifest=manifest,
        manifest_document=signed.document,
        grant=consent.grant if consent else None,
        grant_document=consent.document if consent else None,
    )


def check_leaf(proof: Proof, manifest: Manifest, body: bytes) -> None:
    """Check that these very bytes, under the proof's label, stand in the tree that the manifest is about.

    Raises:
        Unproven: they do not.
    """
    hash = leaf_hash(proof.salt, proof.kind, proof.label, body)
    prove_range(manifest.root, manifest.leaves, proof.position, hash, proof.path)


def prove_passed(entries: Sequence[tuple[Passed, bytes]], sender: str, author: AuthorKey) -> list[Passed]:
    """Verify proofs against the bytes they came with. Signatures are verified once a document.

    Args:
        entries: each proof with the exact bytes of its entry.
        sender: who passes on: nobody passes on the own words, they have a leaf of their own.
        author: whose key must have signed; see `AuthorKey`.

    Returns:
        The proofs in their order, with `verified`.

    Raises:
        Unproven: a leaf does not lead to the root.
        BadSignature: a card vouches for the key, and the signature does not hold.
        Misdirected: the words are the sender's own, or a grant is another originator's.
    """
    signed: dict[bytes, bool] = {}
    done: list[Passed] = []
    for passed, body in entries:
        if passed.originator == sender or (passed.grant and passed.grant.originator != passed.originator):
            raise Misdirected("a proof that is not its originator's", input="release", where="proofs")
        check_leaf(passed.proof, passed.manifest, body)
        vouched = [
            _is_signed(signed, raw, document, passed.originator, author)
            for raw, document in (
                (passed.proof.manifest, passed.manifest_document),
                (passed.proof.grant, passed.grant_document),
            )
            if document is not None
        ]
        done.append(replace(passed, verified=all(vouched)))
    return done


def _is_signed(
    known: dict[bytes, bool], raw: bytes, document: Document, party: str, author: AuthorKey
) -> bool:
    if raw not in known:
        key = author(document, party)
        if key is not None:
            verify(document, [key])
        known[raw] = key is not None
    return known[raw]


def manifest_of(data: bytes, realm: str) -> Manifest:
    """The manifest of a signed document that this node keeps."""
    document = parse_document(data)
    require(document, KIND, realm)
    return read_manifest(document, realm)
