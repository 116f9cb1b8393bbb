"""A partner that follows the format but not its rules: its messages and releases are written by hand."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from typing import Any

from cryptography.cobblestone import Cobblestone256Encryptor
from msgspec import Struct
from msgspec.structs import replace

from simpul.domain.labels import NO_ONWARD, Label, Tlp
from simpul.domain.mail import Outgoing
from simpul.domain.policy import duties
from simpul.domain.releases import OBJECT, SHEET, ReleaseLeaf
from simpul.ports import SignedRow
from simpul.protocol import documents, envelope, manifest, payloads, release
from simpul.protocol.canonical import encode
from simpul.protocol.envelope import Address, padded
from simpul.protocol.framing import blobs
from simpul.protocol.keys import SigningKey, wrap
from simpul.protocol.labels import WireLabel, label_hash, to_wire
from simpul.protocol.manifest import Manifest, Tree, leaf_hash, pad
from simpul.protocol.manifest import padded as tree_width
from simpul.protocol.message import Drawn, Numbering, Seal, encode_message, numbered, procedure
from simpul.protocol.sheets import Sheet, encode_sheet
from simpul.protocol.versions import payload_type
from simpul.services.agreeing import in_force, terms_of
from simpul.services.connecting import address_of
from simpul.services.node import Node
from simpul.services.receiving import Received, receive
from tests.faults.nations import PURPOSE, World

HOUR = 3_600_000_000
STRANGER = SigningKey(b"stranger".ljust(64, b"\0"))
PRODUCT = "product--5f0c9b1e-0000-4000-8000-000000000001"


class Forged(Struct, frozen=True, kw_only=True):
    """A release by hand: the manifest, its tree, and the leaves with their bytes."""

    manifest: Manifest
    document: documents.Document
    tree: Tree
    leaves: tuple[tuple[ReleaseLeaf, bytes], ...]

    def packed(self, *, start: int = 0, stop: int | None = None, part: int = 0) -> release.Packed:
        stop = len(self.leaves) if stop is None else stop
        path = self.tree.path(start, stop)
        return release.pack(
            self.document, self.manifest, part=part, leaves=self.leaves[start:stop], path=path
        )


class Hand(Struct, kw_only=True):
    """Writes messages of one nation to another: any field may be changed before it is signed and sealed."""

    world: World
    sender: str
    to: str
    stream: bytes = b""
    number: int = 0

    def __post_init__(self) -> None:
        self.stream = os.urandom(16)

    @property
    def node(self) -> Node:
        """The sender's."""
        return self.world[self.sender]

    @property
    def key(self) -> SigningKey:
        """The sender's."""
        return SigningKey(self.node.keyring.secret("signing"))

    # Messages.

    def envelope(self, outgoing: Outgoing, *, raw: Callable[[bytes], bytes] = bytes, **changed: Any) -> bytes:
        """The envelope of a message. `changed` replaces fields of it, `raw` its canonical bytes."""
        to = self.world[self.to].party
        self.number += "number" not in changed
        numbering = Numbering(
            realm="live",
            sender=self.node.party,
            stream=self.stream,
            number=self.number,
            card=1,
            partner_card=1,
            logged_by=self.node.clock() + HOUR,
        )
        message = raw(encode_message(replace(numbered(outgoing, numbering), **changed)))
        with self.node.store.read() as unit:
            _, _, address = address_of(unit, self.node, to, outgoing.lane)
        return sealed(message, outgoing.payload, self.key, address)

    def send(self, outgoing: Outgoing, **changed: Any) -> Received:
        """What the recipient makes of it, without a relay between."""
        return receive(self.world[self.to], self.envelope(outgoing, **changed))

    def say(
        self, payload: payloads.Procedure, *attached: bytes, lane: str = "normal", **changed: Any
    ) -> Received:
        """A procedure message."""
        return self.send(self.procedure(payload, *attached, lane=lane), **changed)

    def procedure(self, payload: payloads.Procedure, *attached: bytes, lane: str = "normal") -> Outgoing:
        now = self.node.clock()
        drawn = Drawn(id=os.urandom(16), leaf_salt=os.urandom(32))
        return procedure(
            payload, attached, drawn, to=self.world[self.to].party, lane=lane, now=now, expires=now + HOUR
        )

    def content(
        self,
        kind: str,
        payload: bytes,
        *,
        length: int | None = None,
        agreement: bytes | None = None,
        objects: int = 0,
    ) -> Outgoing:
        """A content message with any payload, under the agreement in force unless another is named."""
        now = self.node.clock()
        return Outgoing(
            id=os.urandom(16),
            to=self.world[self.to].party,
            kind=kind,
            lane="normal",
            payload=payload,
            length=len(payload) if length is None else length,
            encoding=release.ENCODING if kind == "release" else "identity",
            created=now,
            decided_at=now,
            expires=now + HOUR,
            leaf_salt=os.urandom(32),
            agreement=self.agreement if agreement is None else agreement,
            decision=os.urandom(32),
            objects=objects,
        )

    @property
    def agreement(self) -> bytes:
        """Hash of the agreement in force."""
        with self.node.store.read() as unit:
            found = in_force(unit, self.node, self.world[self.to].party, PURPOSE, self.node.clock())
        assert found is not None
        return found.hash

    def _row(self) -> SignedRow:
        with self.node.store.read() as unit:
            found = unit.directory.signed_by_hash("agreement", self.agreement)
        assert found is not None
        return found

    # Releases.

    def label(self, **changed: Any) -> Label:
        """A label that the agreement lets through, as the recipient's view."""
        fine = Label(
            tlp=Tlp.AMBER,
            releasable_to=frozenset({frozenset({self.world[self.to].party})}),
            purposes=frozenset({PURPOSE}),
            topics=frozenset({"cyber"}),
            onward=NO_ONWARD,
            retention_days=365,
        )
        return replace(fine, **changed)

    def forge(
        self,
        objects: Sequence[bytes | dict[str, Any]],
        *,
        label: Label | None = None,
        sheet: dict[str, Any] | None = None,
        signer: SigningKey | None = None,
        wire: WireLabel | None = None,
        **changed: Any,
    ) -> Forged:
        """A signed release of these objects. `changed` replaces fields of the manifest."""
        label = label or self.label()
        stated: dict[str, Any] = {
            "product": PRODUCT,
            "version": 1,
            "originator": self.node.party,
            "title": "By hand",
            "purpose": PURPOSE,
            "precedence": "routine",
            "handling": "",
            "grade": "B2",
            "known": 0,
        }
        bodies = [(SHEET, encode_sheet(Sheet(**(stated | (sheet or {})))))]
        bodies += [(OBJECT, o if isinstance(o, bytes) else json.dumps(o).encode()) for o in objects]
        leaves = tuple(
            self._leaf(at, kind, body, label_hash(label)) for at, (kind, body) in enumerate(bodies)
        )
        entries = b"".join(leaf.hash for leaf, _ in leaves)
        tree = Tree(pad(entries, os.urandom(32 * tree_width(len(leaves)) - len(entries))))
        said = Manifest(
            product=PRODUCT,
            version=1,
            originator=self.node.party,
            labels=(wire or to_wire(label),),
            obligations=tuple(sorted(duties(label, terms_of(self._row())))),
            agreement=self.agreement,
            purpose=PURPOSE,
            precedence="routine",
            size=sum(len(body) for _, body in leaves),
            entries=len(leaves),
            leaves=tree.leaves,
            parts=1,
            root=tree.root,
            created=self.node.clock(),
        )
        said = replace(said, **changed)
        document = documents.sign(manifest.KIND, "live", manifest.encode_manifest(said), signer or self.key)
        return Forged(manifest=said, document=document, tree=tree, leaves=leaves)

    @staticmethod
    def _leaf(position: int, kind: int, body: bytes, label: bytes) -> tuple[ReleaseLeaf, bytes]:
        salt = os.urandom(32)
        leaf = ReleaseLeaf(
            position=position,
            kind=kind,
            key=None,
            number=0,
            body=None,
            label=label,
            salt=salt,
            hash=leaf_hash(salt, kind, label, body),
        )
        return leaf, body

    def release(self, forged: Forged, **chosen: Any) -> Outgoing:
        packed = forged.packed()
        return self.content("release", packed.payload, length=packed.length, objects=packed.objects, **chosen)


def sealed(message: bytes, payload: bytes, key: SigningKey, to: Address, *, realm: str = "live") -> bytes:
    """An envelope as `envelope.seal` makes it, of a message that need not be one."""
    header = envelope._header(1, to.tag, to.epoch)
    stated = encode(Seal(suite=1, header=hashlib.sha256(header).digest(), attempt=1, key=key.public.id))
    signatures = key.sign(payload_type("message", realm), blobs(message, stated))
    inside = blobs(*signatures, message, stated, payload)
    content_key = Cobblestone256Encryptor.generate_key()
    wrapped = wrap(to.prekey, content_key, envelope._bound(b"simpul envelope wrap", realm, 1, header))
    context = envelope._bound(b"simpul envelope body", realm, 1, header + wrapped)
    sealer = Cobblestone256Encryptor(content_key, context)
    return header + wrapped + sealer.update(inside.ljust(padded(len(inside)), b"\0")) + sealer.finalize()
