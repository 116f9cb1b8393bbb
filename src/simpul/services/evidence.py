"""What came in, verified again from what is stored: the message, its seal, its signatures and the sender's old card."""

from __future__ import annotations

import hashlib

from simpul.domain.mail import Incoming
from simpul.errors import PartnerFault
from simpul.ports import Unit
from simpul.protocol.canonical import decode
from simpul.protocol.envelope import verify_again
from simpul.protocol.message import Seal
from simpul.services.connecting import card_of
from simpul.services.node import Node


def holds(unit: Unit, node: Node, incoming: Incoming | None) -> bool:
    """Whether a stored message still verifies as its sender's word to this node, payload included."""
    if incoming is None:
        return False
    card = card_of(unit, incoming.sender, incoming.card_version)
    if card is None:
        return False
    try:
        key = card.pair_of(node.realm, decode(incoming.seal, Seal).key)
        message = verify_again(incoming.message, incoming.seal, incoming.signatures, key)
    except PartnerFault:
        return False  # the answer, not an accident: the caller shows which receipt does not hold
    return (
        message.sender == incoming.sender
        and message.recipient == node.party
        and message.payload.sha256 == hashlib.sha256(incoming.payload).digest()
    )
