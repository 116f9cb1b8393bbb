"""Messages under way that are given up: a `void` fills the number, so that the partner sees no gap.

A partner that could not open an envelope says so, and what it carried is decided again before it is sealed anew; one
that does not understand a message says so, and it is not sent again.
"""

from __future__ import annotations

from typing import Final

from simpul.domain.mail import OPEN_STATES, Outgoing
from simpul.domain.releases import Release
from simpul.errors import Misdirected
from simpul.ports import Unit
from simpul.protocol.envelope import Opened
from simpul.protocol.mailboxes import CONTACT
from simpul.protocol.message import KINDS
from simpul.protocol.payloads import NotUnderstoodNotice, UnopenableNotice, Void, decode_payload
from simpul.services.agreeing import in_force, is_in_force
from simpul.services.auditing import record
from simpul.services.node import Node
from simpul.services.posting import post
from simpul.services.rendering import Rendering

EXPIRED: Final = "expired"
WITHDRAWN: Final = "withdrawn"
NOT_UNDERSTOOD: Final = "not-understood"
"""Reasons of a `void`."""


def withdraw(unit: Unit, *, node: Node, message: Outgoing, reason: str) -> None:
    """Give up a message that has its number, and fill that."""
    unit.mail.void(message.id)
    post(
        unit,
        node,
        message.to,
        Void(stream=message.stream, ranges=((message.number, message.number),), reason=reason),
        lane=CONTACT,
    )
    record(unit, node, "void", {"to": message.to, "message": message.name.hex(), "reason": reason})


def take_unopenable(unit: Unit, node: Node, opened: Opened) -> None:
    """The partner could not open envelopes: what may still go is sealed anew, as soon as there are keys for it."""
    notice, _ = decode_payload(opened.payload, UnopenableNotice)
    answers: dict[bytes, bool] = {}
    for each in notice.envelopes:
        message = unit.mail.by_envelope(each.envelope)
        if message is None or message.to != opened.message.sender or message.state not in OPEN_STATES:
            continue
        # The parts of one release have one answer.
        subject = message.release or message.id
        if subject not in answers:
            answers[subject] = _may_still_go(unit, node, message)
        if answers[subject]:
            unit.mail.postpone(message.id, node.clock())
        else:
            withdraw(unit, node=node, message=message, reason=WITHDRAWN)


def _may_still_go(unit: Unit, node: Node, message: Outgoing) -> bool:
    """Whether content would be sent now as it was sent then; procedure always goes."""
    if not KINDS[message.kind].content:
        return True
    # (1) its agreement is in force, and not only in force then
    if not is_in_force(unit, message.agreement, node.clock()):
        return False
    # (2) of a release: no label, agreement or product changed, and no date passed, since it was approved
    return not message.release or stands(unit, node, unit.products.release_by_id(message.release))


def stands(unit: Unit, node: Node, release: Release) -> bool:
    """Whether what was released would be decided now as it was then."""
    now = node.clock()
    if release.valid_until is not None and now >= release.valid_until:
        return False
    product = unit.products.product(release.product, release.version)
    agreement = in_force(unit, node, release.recipient, product.purpose, now)
    return release.policy == Rendering(unit, node, product, release.recipient, agreement, now).policy()


def take_not_understood(unit: Unit, node: Node, opened: Opened) -> None:
    """The partner does not understand a message: sending it again would change nothing.

    Raises:
        Misdirected: the message was not sent to that partner.
    """
    notice, _ = decode_payload(opened.payload, NotUnderstoodNotice)
    message = unit.mail.by_name(notice.message)
    if message is None or message.to != opened.message.sender:
        raise Misdirected("a notice about a message that its sender was never sent", input="not-understood")
    record(
        unit,
        node,
        "not-understood-by",
        {"party": message.to, "message": notice.message.hex(), "kind": message.kind, "what": notice.what},
    )
    if message.state in OPEN_STATES:
        withdraw(unit, node=node, message=message, reason=NOT_UNDERSTOOD)
