"""What a node that breaks the rules would send: releases, reports and messages that no honest path makes."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from msgspec.structs import replace

from simpul.domain.labels import Label, Onward, Tlp
from simpul.domain.mail import MailState, Outgoing
from simpul.domain.objects import ObjectKey
from simpul.domain.policy import duties
from simpul.domain.releases import OBJECT, PORTION, SHEET, Proof, Release, ReleaseLeaf, ReleaseState
from simpul.protocol import canonical, manifest
from simpul.protocol.documents import Document, sign
from simpul.protocol.envelope import Address, seal
from simpul.protocol.keys import SigningKey
from simpul.protocol.labels import label_hash, to_wire
from simpul.protocol.message import (
    Numbering,
    content_part,
    encode_message,
    message_name,
    numbered,
)
from simpul.protocol.release import pack
from simpul.protocol.sheets import Sheet, encode_portion, encode_sheet
from simpul.services.agreeing import InForce, in_force
from simpul.services.connecting import address_of
from simpul.services.posting import drawn
from tests.federation.nations import DAY, Nation

PURPOSE = "cyber-defence"
PRODUCT = "product--5f0c9b1e-0000-4000-8000-0000000000f0"


class Leaf(NamedTuple):
    """One entry of a forged release."""

    kind: int
    label: Label
    body: bytes
    proof: Proof | None = None


def view(to: Nation, *, tlp: Tlp = Tlp.GREEN, unmapped: frozenset[str] = frozenset()) -> Label:
    """The label of something for one nation."""
    return Label(
        tlp=tlp,
        releasable_to=frozenset({frozenset({to.party})}),
        purposes=frozenset({PURPOSE}),
        topics=frozenset({"cyber"}),
        onward=Onward(consent=True),
        unmapped=unmapped,
    )


def sheet(sender: Nation, label: Label, *portions: int) -> Leaf:
    body = encode_sheet(
        Sheet(
            product=PRODUCT,
            version=1,
            originator=sender.party,
            title="canary-sheet",
            purpose=PURPOSE,
            precedence="routine",
            handling="",
            grade="B2",
            known=sender.now(),
            portions=portions,
        )
    )
    return Leaf(SHEET, label, body)


def portion(label: Label, number: int, text: str) -> Leaf:
    return Leaf(PORTION, label, encode_portion(number, text))


def object_leaf(label: Label, made: dict[str, Any]) -> Leaf:
    return Leaf(OBJECT, label, json.dumps(made).encode())


def agreed(sender: Nation, recipient: Nation) -> InForce:
    with sender.node.store.read() as unit:
        found = in_force(unit, sender.node, recipient.party, PURPOSE, sender.now())
    assert found is not None
    return found


def sends_forged(
    sender: Nation,
    recipient: Nation,
    *leaves: Leaf,
    created: int | None = None,
    decided_at: int | None = None,
    under: InForce | None = None,
) -> None:
    """Queue a release of these leaves in one part, with all the duties that they ask for."""
    under, now = under or agreed(sender, recipient), sender.now() if created is None else created
    labels = {label_hash(leaf.label): leaf.label for leaf in leaves}
    entries = [_entry(sender, position, leaf) for position, leaf in enumerate(leaves)]
    width = manifest.padded(len(entries))
    padding = sender.node.entropy(32 * (width - len(entries)))
    tree = manifest.Tree(manifest.pad(b"".join(entry.hash for entry, _ in entries), padding))
    owed = {duty for label in labels.values() for duty in duties(label, under.terms)}
    stated = manifest.Manifest(
        product=PRODUCT,
        version=1,
        originator=sender.party,
        labels=tuple(to_wire(labels[hash]) for hash in sorted(labels)),
        obligations=tuple(sorted(owed)),
        agreement=under.hash,
        purpose=PURPOSE,
        precedence="routine",
        size=sum(len(leaf.body) for leaf in leaves),
        entries=len(entries),
        leaves=tree.leaves,
        parts=1,
        root=tree.root,
        created=now,
    )
    key = SigningKey(sender.node.keyring.secret("signing"))
    document = sign(manifest.KIND, sender.node.realm, manifest.encode_manifest(stated), key)
    packed = pack(document, stated, part=0, leaves=entries, path=tree.path(0, len(entries)))
    message = content_part(
        _release(sender, recipient, stated, document),
        packed,
        drawn(sender.node),
        lane="normal",
        now=now,
        decided_at=now if decided_at is None else decided_at,
        expires=sender.now() + 90 * DAY * 1_000_000,
        decision=sender.node.entropy(32),
    )
    with sender.node.store.write() as unit:
        unit.mail.queue([message])


def _entry(sender: Nation, position: int, leaf: Leaf) -> tuple[ReleaseLeaf, bytes]:
    salt, hash = sender.node.entropy(32), label_hash(leaf.label)
    made = ReleaseLeaf(
        position=position,
        kind=leaf.kind,
        key=ObjectKey(originator=sender.party, id="", version=0, sha256=bytes(32)),
        number=0,
        body=None,
        label=hash,
        salt=salt,
        hash=manifest.leaf_hash(salt, leaf.kind, hash, leaf.body),
        proof=leaf.proof,
    )
    return made, leaf.body


def _release(sender: Nation, recipient: Nation, stated: manifest.Manifest, document: Document) -> Release:
    return Release(
        id=sender.node.entropy(16),
        product=stated.product,
        version=stated.version,
        recipient=recipient.party,
        root=stated.root,
        leaves=stated.leaves,
        entries=stated.entries,
        parts=1,
        manifest=document.payload,
        signed=document.encode(),
        agreement=stated.agreement,
        policy=bytes(32),
        obligations=stated.obligations,
        objects=1,
        redacted=0,
        withheld=(),
        needed=1,
        state=ReleaseState.RELEASED,
        created=stated.created,
        approved_at=stated.created,
        released_at=stated.created,
    )


def numbers_with_news(sender: Nation, waiting: Outgoing, stream: bytes) -> Outgoing:
    """Number a waiting message as a later version would: with a field that nobody here knows."""
    with sender.node.store.write() as unit:
        number = unit.mail.next_number(waiting.to, stream)
        plain = numbered(
            waiting,
            Numbering(
                realm=sender.node.realm,
                sender=sender.party,
                stream=stream,
                number=number,
                card=1,
                partner_card=1,
                logged_by=sender.now(),
            ),
        )
        content = canonical.decode(encode_message(plain), dict[str, Any])
        message = canonical.encode({**content, "novelty": 1})
        done = replace(
            waiting,
            state=MailState.NUMBERED,
            stream=stream,
            number=number,
            message=message,
            name=message_name(message),
        )
        unit.mail.number(done)
    return done


def sealed_for(sender: Nation, recipient: Nation, message: Outgoing) -> bytes:
    """An envelope of a numbered message."""
    with sender.node.store.read() as unit:
        _, _, address = address_of(unit, sender.node, recipient.party, message.lane)
    key = SigningKey(sender.node.keyring.secret("signing"))
    assert isinstance(address, Address)
    return seal(message.message, message.payload, key, address, attempt=1)
