"""Whose words something is: by the cards that are here, and by nothing that came along with it (law 10)."""

from __future__ import annotations

from typing import Final

from simpul.ports import Unit
from simpul.protocol.cards import Card
from simpul.protocol.documents import Document
from simpul.protocol.keys import PublicKey
from simpul.protocol.proofs import AuthorKey
from simpul.services.connecting import card_of
from simpul.services.node import Node

UNVERIFIED: Final = "admission.authorship"
"""The clause by which something is kept apart that no card here shows to be its originator's words."""


def author_key(unit: Unit, node: Node) -> AuthorKey:
    """Who vouches for the signature on a document of another party: a card of it that is here, the newest that can."""

    def key_of(document: Document, party: str) -> PublicKey | None:
        newest = card_of(unit, party)
        if newest is None or len(document.signatures) != 1:
            return None
        wanted = document.signatures[0].key
        # A thief can date backwards what it signs: a revoked key vouches for nothing that arrives only now.
        if any(each.key == wanted and node.clock() >= each.revoked_from for each in newest.revoked):
            return None
        for version in range(newest.version, 0, -1):
            card = card_of(unit, party, version)
            pair = _pair(card, node.realm, wanted) if card else None
            if pair is not None:
                return pair
        return None

    return key_of


def _pair(card: Card, realm: str, wanted: bytes) -> PublicKey | None:
    signing = (term for keys in card.realms if keys.realm == realm for term in keys.signing)
    return next((term.public for term in signing if term.public.id == wanted), None)
