"""Proofs on tables: of what came in, from the hashes of its part or as they came; of what is passed on, as they go."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import select
from sqlalchemy.dialects.sqlite import insert as upsert

from simpul.domain.mail import InboxItem
from simpul.domain.releases import OBJECT, Proof
from simpul.protocol.documents import parse_document
from simpul.protocol.manifest import HASH_LENGTH, decode_manifest
from simpul.protocol.proofs import RangeTree
from simpul.storage import tables as t
from simpul.storage.connection import Session
from simpul.storage.statements import Rows, Statement, bindparam

_L: Final = t.inbox_leaf.c
_P: Final = t.inbox_proof.c
_ATTACH: Final = Statement(
    upsert(t.attached)
    .values(sha256=bindparam("sha256"), document=bindparam("document"))
    .on_conflict_do_nothing()
)
_ATTACHED: Final = Statement(select(t.attached.c.document).where(t.attached.c.sha256 == bindparam("sha256")))
_PLACES: Final = Statement(
    select(_L.inbox, _L.position, _L.part, _L.kind, _L.salt, _L.label)
    .where(_L.arrival == bindparam("arrival"))
    .order_by(_L.inbox.desc(), _L.position)
)
_CAME: Final = Statement(
    select(t.inbox_proof).where(_P.inbox == bindparam("inbox"), _P.position == bindparam("position"))
)
_PART: Final = Statement(
    select(t.inbox_part.c.start, t.inbox_part.c.path).where(
        t.inbox_part.c.inbox == bindparam("inbox"), t.inbox_part.c.part == bindparam("part")
    )
)
_HASHES: Final = Statement(
    select(_L.hash).where(_L.inbox == bindparam("inbox"), _L.part == bindparam("part")).order_by(_L.position)
)
_ITEM: Final = Statement(select(t.inbox.c.document).where(t.inbox.c.number == bindparam("inbox")))
OF_INBOX: Final = Rows(t.inbox_proof)
OF_RELEASE: Final = Rows(t.release_proof)
_REMEMBERED: Final = 8


class ProofRows:
    """Keeps and reads proofs. What it has worked out of a part it remembers for the length of one unit."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._parts: dict[tuple[int, int], RangeTree] = {}
        self._manifests: dict[int, tuple[bytes, int]] = {}
        self._documents: dict[bytes, bytes] = {}

    def keep(self, table: Rows, owner: int, proofs: Iterable[tuple[int, Proof]]) -> None:
        """Keep proofs by the position of their entry, of one release (`OF_RELEASE`) or one product that came in (`OF_INBOX`)."""
        rows = [(owner, position, *self._columns(proof)) for position, proof in proofs]
        if rows:
            self._session.insert(table, rows)

    def _columns(self, proof: Proof) -> tuple[Any, ...]:
        manifest, grant = (self._attach(proof.manifest), self._attach(proof.grant) if proof.grant else b"")
        return manifest, proof.kind, proof.position, proof.salt, proof.label, b"".join(proof.path), grant

    def _attach(self, document: bytes) -> bytes:
        digest = hashlib.sha256(document).digest()
        if digest not in self._documents:
            self._session.change(_ATTACH, sha256=digest, document=document)
            self._documents[digest] = document
        return digest

    def read(self, row: Sequence[Any]) -> Proof:
        """The proof of a row of `release_proof` or `inbox_proof`."""
        _, _, manifest, kind, position, salt, label, path, grant = row
        return Proof(
            manifest=self._document(manifest),
            kind=kind,
            position=position,
            salt=salt,
            label=label,
            path=tuple(path[at : at + HASH_LENGTH] for at in range(0, len(path), HASH_LENGTH)),
            grant=self._document(grant) if grant else b"",
        )

    def _document(self, digest: bytes) -> bytes:
        if digest not in self._documents:
            row = self._session.one(_ATTACHED, sha256=digest)
            self._documents[digest] = bytes(row[0]) if row else b""
        return self._documents[digest]

    def of_arrival(self, arrival: int) -> list[Proof]:
        """Every proof of a stored object, of what came last first."""
        found = []
        for inbox, position, part, kind, salt, label in self._session.all(_PLACES, arrival=arrival):
            if kind == OBJECT:
                found.append(self._own(inbox, position, part, salt, label))
            else:
                came = self.came_with(inbox, position)
                found += [came] if came else []
        return found

    def came_with(self, inbox: int, position: int) -> Proof | None:
        """The proof with which an entry came that its sender had not originated."""
        row = self._session.one(_CAME, inbox=inbox, position=position)
        return self.read(row) if row else None

    def _own(self, inbox: int, position: int, part: int, salt: bytes, label: bytes) -> Proof:
        """The proof of an entry of its sender's own, from the hashes of the part in which it came."""
        manifest, leaves = self._manifest(inbox)
        if (inbox, part) not in self._parts:
            if len(self._parts) == _REMEMBERED:
                self._parts.pop(next(iter(self._parts)))
            start, path = self._session.all(_PART, inbox=inbox, part=part)[0]
            hashes = b"".join(hash for (hash,) in self._session.all(_HASHES, inbox=inbox, part=part))
            steps = [bytes.fromhex(step) for step in json.loads(path)]
            self._parts[inbox, part] = RangeTree(leaves, start, hashes, steps)
        path = self._parts[inbox, part].path(position)
        return Proof(manifest=manifest, kind=OBJECT, position=position, salt=salt, label=label, path=path)

    def _manifest(self, inbox: int) -> tuple[bytes, int]:
        """The signed manifest of a product that came in, and how many leaves its tree has."""
        if inbox not in self._manifests:
            document = self._session.all(_ITEM, inbox=inbox)[0][0]
            item = msgspec.json.decode(document, type=InboxItem)
            leaves = decode_manifest(parse_document(item.manifest).payload).leaves
            self._manifests[inbox] = (item.manifest, leaves)
        return self._manifests[inbox]
