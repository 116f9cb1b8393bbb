"""What became of a product at each recipient: the four times of design §2, as the recipient's own receipts state them.

`opened` is sent at the first reading, `acted` with feedback that says so; each is about the message that carried the
product's first part, because a receipt names a message and the originator knows which release that was.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Final

from msgspec import Struct

from simpul.domain.mail import InboxItem, Receipt
from simpul.domain.products import Product
from simpul.domain.releases import Release, ReleaseState
from simpul.ports import Unit
from simpul.protocol.payloads import ReceiptList
from simpul.protocol.receipts import ReceiptLine
from simpul.services.node import Node
from simpul.services.posting import post
from simpul.services.times import rfc3339

OPENED: Final = "opened"
ACTED: Final = "acted"
_DECIDED: Final = frozenset({"admitted", "quarantined", "refused"})


class Fate(Struct, frozen=True, kw_only=True):
    """What became of a product at one recipient. Times are microseconds UTC, or None while it has not happened.

    Attributes:
        release: what was fixed for the recipient.
        answered: of how many of its parts a receipt says what became of them.
        whole: when the last part was decided there.
        admitted: objects that were admitted.
        opened, acted: when a person there first read it, and said that it was acted on.
    """

    release: Release
    answered: int
    whole: int | None
    admitted: int
    opened: int | None
    acted: int | None

    def document(self) -> dict[str, Any]:
        """As JSON."""
        release = self.release
        return {
            "party": release.recipient,
            "state": release.state.value,
            "objects": release.objects,
            "approved": _time(release.approved_at),
            "released": _time(release.released_at),
            "parts": release.parts,
            "answered": self.answered,
            "whole": _time(self.whole),
            "admitted": self.admitted,
            "opened": _time(self.opened),
            "acted": _time(self.acted),
        }


def fates(unit: Unit, product: Product) -> list[Fate]:
    """What became of one version of a product of this node at each recipient it was fixed for, oldest release first."""
    releases = [
        release
        for release in reversed(unit.products.releases())
        if (release.product, release.version) == (product.id, product.version)
        and release.state is not ReleaseState.VOID
    ]
    said: dict[bytes, list[tuple[int, Receipt]]] = defaultdict(list)
    if releases:
        for receipt in unit.mail.receipts():
            about = unit.mail.by_name(receipt.message)
            if about is not None and about.to == receipt.sender:
                said[about.release].append((about.part, receipt))
    return [_fate(release, said[release.id]) for release in releases]


def _fate(release: Release, said: list[tuple[int, Receipt]]) -> Fate:
    decided: dict[int, int] = {}
    for part, receipt in said:
        if receipt.outcome in _DECIDED:
            decided.setdefault(part, receipt.at)
    return Fate(
        release=release,
        answered=len(decided),
        whole=max(decided.values()) if decided and len(decided) == release.parts else None,
        admitted=sum(r.counts.get("admitted", 0) for _, r in said if r.outcome in _DECIDED),
        opened=min((r.at for _, r in said if r.outcome == OPENED), default=None),
        acted=min((r.at for _, r in said if r.outcome == ACTED), default=None),
    )


def tell_originator(unit: Unit, node: Node, item: InboxItem, outcome: str) -> None:
    """Queue a receipt to a product's originator for what a person did with it: `OPENED` or `ACTED`."""
    line = ReceiptLine(message=item.message, outcome=outcome, at=node.clock())
    post(unit, node, item.sender, ReceiptList(receipts=(line,)))


def _time(at: int | None) -> str | None:
    return None if at is None else rfc3339(at)
