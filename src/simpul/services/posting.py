"""Leaving messages in the outbox. The process that holds the home's lock numbers, signs and carries them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from simpul.ports import Unit
from simpul.protocol.message import Drawn, procedure
from simpul.protocol.payloads import Procedure
from simpul.services.node import Node
from simpul.services.times import DAY

URGENT: Final = "urgent"
NORMAL: Final = "normal"


def drawn(node: Node) -> Drawn:
    """Fresh randomness for one message."""
    return Drawn(id=node.entropy(16), leaf_salt=node.entropy(32))


def expiry(node: Node) -> int:
    """When a message queued now expires."""
    return node.clock() + node.limits.message_days * DAY


def post(
    unit: Unit,
    node: Node,
    to: str,
    payload: Procedure,
    attachments: Sequence[bytes] = (),
    *,
    lane: str = NORMAL,
) -> None:
    """Queue a procedure message to one party."""
    unit.mail.queue(
        [
            procedure(
                payload, attachments, drawn(node), to=to, lane=lane, now=node.clock(), expires=expiry(node)
            )
        ]
    )


def partners(unit: Unit, node: Node) -> list[str]:
    """Every party whose card is here, except this node's own."""
    return [p.fingerprint for p in unit.directory.parties() if p.fingerprint != node.party]
