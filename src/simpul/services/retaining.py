"""Keeping no longer than is allowed: what came from partners is destroyed when its time is over.

retention    days from arrival here, by the label: the work grows with the labels in use, not with the objects
run-off      what came under an agreement that ended, if its parties agreed that it be given back or destroyed
legal hold   what was kept instead of being destroyed, when the hold ends
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from simpul.domain.labels import Label
from simpul.domain.mail import REFUSED, InboxItem, QuarantinedItem
from simpul.domain.objects import ObjectKey
from simpul.domain.queries import HOME
from simpul.ports import Unit
from simpul.protocol.canonical import encode
from simpul.protocol.documents import parse_document
from simpul.protocol.labels import decode_label, from_wire
from simpul.protocol.manifest import Manifest, decode_manifest
from simpul.services.agreeing import by_hash, must_be_gone
from simpul.services.attesting import answer_all
from simpul.services.auditing import record
from simpul.services.honouring import erase_soon
from simpul.services.node import Node
from simpul.services.times import DAY, HOUR

EVERY: Final = HOUR
"""Microseconds between two looks at what is over."""

AT_ONCE: Final = 500
"""Objects that one transaction takes out of reach."""

EXPIRED: Final = "expired"
"""Counter of objects destroyed because their time was over."""

_LOOKED: Final = "retention-looked"


class _Over(Struct, frozen=True, kw_only=True):
    """What was found to be over: labels with the time before which they are, products, groups in quarantine."""

    labels: list[tuple[bytes, int]]
    texts: list[InboxItem]
    ended: list[InboxItem]
    groups: list[QuarantinedItem]


def expire(node: Node) -> int:
    """Take what is over out of every reach, and leave the erasing as a job. Returns how many objects."""
    now = node.clock()
    with node.store.read() as unit:
        if now - int(unit.directory.get(_LOOKED) or b"0") < EVERY:
            return 0
        over = _look(unit, now)
    count = sum(_expire_label(node, label, before) for label, before in over.labels)
    count += sum(_end_delivery(node, item) for item in over.ended)
    with node.store.write() as unit:
        unit.directory.put(_LOOKED, str(now).encode())
        _expire_texts(unit, node, [*over.texts, *over.ended], over.groups)
        _end_holds(unit, node, now)
    return count


def _look(unit: Unit, now: int) -> _Over:
    items = [(item, _manifest(item)) for item in unit.mail.inbox() if not item.recalled]
    gone = {hash: must_be_gone(unit, hash) for hash in {manifest.agreement for _, manifest in items}}
    ended = [item for item, manifest in items if (at := gone[manifest.agreement]) is not None and at <= now]
    return _Over(
        labels=[
            (name, now - _span(label))
            for name, label, _ in unit.objects.labels(HOME)
            if label.retention_days is not None
        ],
        texts=[
            item
            for item, manifest in items
            if any(now - item.first_arrived >= _span(label) for label in _text_labels(unit, item, manifest))
        ],
        ended=ended,
        groups=[
            group
            for group in unit.mail.quarantined()
            if (label := decode_label(group.label)).retention_days is not None
            and now - group.arrived >= _span(label)
        ],
    )


def _manifest(item: InboxItem) -> Manifest:
    return decode_manifest(parse_document(item.manifest).payload)


def _span(label: Label) -> int:
    return (label.retention_days or 0) * DAY


def _expire_label(node: Node, label: bytes, before: int) -> int:
    """The objects under one label that arrived before a time, some at once."""
    total = 0
    while True:
        with node.store.read() as unit:
            if not unit.recalls.expired(label, before, own=node.party, most=1):
                return total
        with node.store.write() as unit:
            keys = unit.recalls.expired(label, before, own=node.party, most=AT_ONCE)
            total += _strike(unit, node, keys, {"label": label.hex()})


def _end_delivery(node: Node, item: InboxItem) -> int:
    """The objects of a product that came under an agreement that ran off, but for what another that stands gave too."""
    with node.store.read() as unit:
        keys = {key for _, key in unit.mail.tied(item)}
        for other in unit.mail.inbox():
            if not other.recalled and (other.sender, other.root) != (item.sender, item.root):
                keys -= {key for _, key in unit.mail.tied(other)}
    ordered, total = sorted(keys), 0
    for start in range(0, len(ordered), AT_ONCE):
        with node.store.write() as unit:
            total += _strike(unit, node, ordered[start : start + AT_ONCE], {"run_off": item.product})
    return total


def _strike(unit: Unit, node: Node, keys: Sequence[ObjectKey], why: dict[str, str]) -> int:
    count = unit.recalls.strike_expired(keys, now=node.clock())
    unit.directory.count(EXPIRED, count)
    record(unit, node, "retention", {"objects": count, **why})
    erase_soon(unit, node)
    return count


def _expire_texts(
    unit: Unit, node: Node, items: Sequence[InboxItem], groups: Sequence[QuarantinedItem]
) -> None:
    """Destroy narrative that came in, and what is kept apart."""
    for item in items:
        blank = replace(item, title="", grade="", handling="", sheet=b"", portions=(), recalled=True)
        unit.mail.put_item(blank)
    for group in groups:
        unit.mail.settle(group.id, state=REFUSED, by="retention")
    if items or groups:
        unit.recalls.empty_log()
        record(unit, node, "retention", {"products": len(items), "quarantined": len(groups)})


def _text_labels(unit: Unit, item: InboxItem, manifest: Manifest) -> Iterator[Label]:
    """The labels with a retention under which the narrative of a product is held: as sent, and as agreed."""
    agreement = by_hash(unit, manifest.agreement)
    if agreement is not None and agreement.terms.retention_days is not None:
        yield Label(retention_days=agreement.terms.retention_days)
    borne = unit.mail.text_labels(item)
    for wire in manifest.labels:
        if wire.retention_days is not None and hashlib.sha256(encode(wire)).digest() in borne:
            yield from_wire(wire)


def _end_holds(unit: Unit, node: Node, now: int) -> None:
    """Destroy what a legal hold kept that is over; whoever recalled it is told."""
    for hash in unit.recalls.end_holds(now):
        kept = unit.recalls.get(hash)
        if kept is not None:
            record(unit, node, "hold-ended", {"recall": hash.hex()})
            answer_all(unit, node, kept)
