"""What another party originated on its way to a third: what proves it, and by whose consent it goes.

It goes in the originator's own bytes, never cut, with the proof that they stand in a manifest of the originator; under
a label that is no wider than the originator's. Where the originator must be asked, one of its grants must cover that
very leaf (spec/onward.md).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cached_property, lru_cache
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from simpul.domain.admission import is_no_wider
from simpul.domain.grants import ConsentState, Grant
from simpul.domain.labels import Label
from simpul.domain.objects import ObjectKey
from simpul.domain.policy import Outcome, PortionsDecision
from simpul.domain.products import Product
from simpul.domain.releases import Proof, Release
from simpul.errors import Unproven
from simpul.ports import Unit
from simpul.protocol.documents import parse_document
from simpul.protocol.labels import from_wire
from simpul.protocol.manifest import Manifest, decode_manifest
from simpul.protocol.proofs import check_leaf
from simpul.services.agreeing import is_in_force
from simpul.services.consents import Consent, consents, flaw_of, move, used_by
from simpul.services.node import Node

UNPROVEN: Final = "passing.proof"
"""The clause that withholds what another originated, and no manifest of it that is here shows to be its words."""

PASSING_WORDS: Final = {
    UNPROVEN: (
        "nothing here shows that these are its originator's words, under a label as wide as this one",
        "ask its originator to release it to this node again",
    ),
}
"""Why what another originated is withheld, and what would have to change, by clause."""


class Passage(Struct, frozen=True, kw_only=True):
    """How one object goes on: the proof with which it goes, and the grant on which it rests, if it needs one."""

    proof: Proof
    grant: Grant | None


class _Signed(Struct, frozen=True, kw_only=True):
    """A manifest that is kept here, with its labels by hash."""

    manifest: Manifest
    labels: dict[bytes, Label]


@lru_cache(maxsize=64)
def _signed(document: bytes) -> _Signed:
    manifest = decode_manifest(parse_document(document).payload)
    labels = dict(zip(manifest.label_hashes, map(from_wire, manifest.labels), strict=True))
    return _Signed(manifest=manifest, labels=labels)


class Passing:
    """What of others' words may go to one recipient in one product, as of one moment.

    Args:
        unit: the snapshot; it must stay open as long as this is used.
        product: None where there is no release: then no consent is used.
        at: microseconds UTC.
    """

    def __init__(self, unit: Unit, node: Node, product: Product | None, recipient: str, at: int) -> None:
        self._unit = unit
        self._node = node
        self._product = product
        self._recipient = recipient
        self._at = at
        self._horizon: int | None = None

    @cached_property
    def _usable(self) -> list[Consent]:
        """The consents that hold now for this recipient and purpose."""
        if self._product is None:
            return []
        release = used_by(self._product.id, self._product.version)
        found = []
        for consent in consents(self._unit, self._recipient):
            why = flaw_of(consent, self._node, purpose=self._product.purpose, at=self._at, release=release)
            if why is None and consent.request.asker == self._node.party and self._in_force(consent):
                found.append(consent)
        return found

    def _in_force(self, consent: Consent) -> bool:
        return consent.grant is not None and is_in_force(self._unit, consent.grant.agreement, self._at)

    def passage(self, key: ObjectKey, raw: bytes, label: Label, *, asks: bool) -> Passage | None:
        """How an object that another originated goes on; None where nothing proves it.

        Args:
            key, raw: the object, and its bytes as they are kept.
            label: under which it is held here; the originator's own must not be stricter.
            asks: whether its onward rule asks for consent: then the proof is one that a grant covers, if there is one.
        """
        first: Passage | None = None
        for proof in self._unit.mail.proofs(key):
            signed = _signed(proof.manifest)
            author = signed.labels.get(proof.label)
            if author is None or not is_no_wider(label, author) or not _stands(proof, signed.manifest, raw):
                continue
            grant = self._grant(signed.manifest.root, proof.position) if asks else None
            if grant is not None and grant.grant is not None:
                ends = grant.grant.not_after
                self._horizon = ends if self._horizon is None else min(self._horizon, ends)
                return Passage(proof=replace(proof, grant=grant.document), grant=grant.grant)
            first = first or Passage(proof=proof, grant=None)
        return first

    def _grant(self, root: bytes, position: int) -> Consent | None:
        return next((each for each in self._usable if each.grant and each.grant.covers(root, position)), None)

    @property
    def valid_until(self) -> int | None:
        """When the first grant ends on which a passage rests that was asked for so far (microseconds UTC)."""
        return self._horizon

    def policy(self) -> bytes:
        """SHA-256 over the grants that hold now for something in the product; empty without any for its recipient.

        One that comes, ends, is used up or revoked makes another policy.
        """
        if self._product is None or not self._usable:
            return b""
        found: set[bytes] = set()
        for head, _ in self._unit.products.members(self._product.id, self._product.version):
            if head.key.originator != self._node.party:
                found.update(self._covering(head.key))
        return hashlib.sha256(b"".join(sorted(found))).digest()

    def _covering(self, key: ObjectKey) -> Iterator[bytes]:
        """The hashes of the grants that cover an object, wherever it stands."""
        for proof in self._unit.mail.proofs(key):
            root = _signed(proof.manifest).manifest.root
            for each in self._usable:
                if each.grant is not None and each.grant.covers(root, proof.position):
                    yield bytes(each.record.grant)


def _stands(proof: Proof, manifest: Manifest, raw: bytes) -> bool:
    try:
        check_leaf(proof, manifest, raw)
    except Unproven:
        return False
    return True


def unproven(decision: PortionsDecision) -> PortionsDecision:
    """The decision for what nothing proves: it stays, whatever the label would allow."""
    return replace(decision, outcome=Outcome.DENY, clause=UNPROVEN, refused=(0,), obligations=())


def use_up(unit: Unit, node: Node, release: Release) -> None:
    """Note that a release rests on these grants: a single one serves no other release."""
    hashes = {parse_document(each).hash for each in unit.products.consents(release.id)}
    for consent in consents(unit, release.recipient) if hashes else ():
        single = consent.grant is not None and not consent.grant.repeated
        if bytes(consent.record.grant) in hashes and single and consent.state is ConsentState.GRANTED:
            move(
                unit,
                consent,
                ConsentState.USED,
                node.clock(),
                used=used_by(release.product, release.version),
            )
