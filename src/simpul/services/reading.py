"""Looking at what is here: objects, the inbox, receipts, and how this node is doing. Changes nothing but `opened`."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from simpul.domain.labels import Label, describe
from simpul.domain.mail import (
    ADMITTED,
    TEXTS_QUARANTINED,
    TEXTS_REFUSED,
    InboxItem,
    QuarantinedItem,
    Receipt,
)
from simpul.domain.objects import NO_VERSION
from simpul.domain.parties import Party
from simpul.domain.products import Product
from simpul.domain.queries import EVERYTHING, HOME
from simpul.domain.releases import Release
from simpul.errors import Ambiguous, NotFound
from simpul.ports import Original, Unit
from simpul.protocol.documents import parse_document
from simpul.protocol.labels import from_wire
from simpul.protocol.mailboxes import public_key
from simpul.protocol.manifest import decode_manifest
from simpul.protocol.payloads import FeedbackReport, NotUnderstoodNotice, decode_payload
from simpul.services.auditing import INCARNATION, record, restored
from simpul.services.evidence import counted, holds
from simpul.services.following import OPENED, fates, tell_originator
from simpul.services.handling import HandleAs, Handling
from simpul.services.healing import unreplayed
from simpul.services.node import Node
from simpul.services.quarantining import REFUSED_BY
from simpul.services.querying import names_of, not_stored, party_of, query_of
from simpul.services.seeing import OURSELVES, Asker, Seen, Sight, asked_sight
from simpul.services.times import SKEW, microseconds, rfc3339, version_text


class Conversion(Struct, frozen=True, kw_only=True):
    """How a stored object came to be: the format before, the conversion with its version, what it could not keep.

    `losses` are pairs of "path" and "lost".
    """

    format: str
    made_by: str
    losses: tuple[dict[str, str], ...]


class Shown(Struct, frozen=True, kw_only=True):
    """One stored rendition for people.

    `label` has one line a portion, `handle_as` what its foreign levels mean here; `title` is the object's name, if it
    has one; `converted` says what it was made from.
    """

    id: str
    type: str
    modified: str | None
    originator: str
    originator_name: str
    source: str
    source_name: str
    sha256: bytes
    arrived: int
    revoked: bool
    label: tuple[str, ...]
    handle_as: tuple[Handling, ...]
    title: str
    converted: Conversion | None


def find(
    node: Node, id: str, *, modified: str | None, originator: str | None, asker: Asker = OURSELVES
) -> list[Shown]:
    """Every stored version and rendition of an id that fits and the asker may see, newest version first.

    Raises:
        NotFound: there is none, or none that the asker may see: the two are one.
    """
    with node.store.read() as unit:
        sight = asked_sight(unit, node, asker)
        names, table = names_of(unit), HandleAs(unit, node)
        return [
            _shown(unit, node, sight, each, names, table)
            for each in _seen(unit, sight, id, modified, originator)
        ]


def raw_bytes(
    node: Node, id: str, *, modified: str | None, originator: str | None, asker: Asker = OURSELVES
) -> bytes:
    """The bytes of the one rendition that fits: as stored, or as they would go to a party that may not see all.

    Raises:
        NotFound: none fits, or none that the asker may see.
        Ambiguous: several fit; each candidate line says what to narrow by.
    """
    with node.store.read() as unit:
        return _only(unit, asked_sight(unit, node, asker), id, modified, originator).raw


def original_bytes(node: Node, id: str, *, modified: str | None, originator: str | None) -> bytes:
    """The bytes that the one rendition that fits was converted from (law 3).

    Raises:
        NotFound: none fits, or it was not converted.
        Ambiguous: as `raw_bytes`.
    """
    with node.store.read() as unit:
        original = unit.objects.original(HOME, _only(unit, Sight(unit), id, modified, originator).head.key)
    if original is None:
        raise NotFound(
            f"{id} is stored as it came: nothing was converted", input=id, do="use --raw for its bytes"
        )
    return original.raw


def _only(unit: Unit, sight: Sight, id: str, modified: str | None, originator: str | None) -> Seen:
    seen = _seen(unit, sight, id, modified, originator)
    if len(seen) > 1:
        names = names_of(unit)
        raise Ambiguous(
            f"{len(seen)} versions or renditions of {id} are stored",
            candidates=[_candidate(each, names) for each in seen],
            input=id,
            do="narrow with --modified and --from",
        )
    return seen[0]


def _seen(unit: Unit, sight: Sight, id: str, modified: str | None, originator: str | None) -> list[Seen]:
    version = None if modified is None else _version(modified)
    party = None if originator is None else party_of(unit, originator).fingerprint
    heads = unit.objects.find(sight.audience, id, version=version, originator=party)
    seen = list(sight.seen(heads))
    if not seen:
        raise not_stored(id)
    return seen


def _version(text: str) -> int:
    return NO_VERSION if text == "none" else microseconds(text, input="--modified")


def _candidate(seen: Seen, names: dict[str, str]) -> str:
    party = seen.head.key.originator
    version = version_text(seen.head.key.version) or "none"
    return f"--from {names.get(party, party)} --modified {version} (sha256 {seen.sha256.hex()})"


def _shown(unit: Unit, node: Node, sight: Sight, seen: Seen, names: dict[str, str], table: HandleAs) -> Shown:
    key = seen.head.key
    # Who delivered it, and what it was made from, is never released with it.
    source = seen.head.source if sight.is_home else node.party
    original = unit.objects.original(HOME, key) if sight.is_home else None
    return Shown(
        id=key.id,
        type=seen.head.type,
        modified=version_text(key.version),
        originator=key.originator,
        originator_name=names.get(key.originator, key.originator),
        source=source,
        source_name=names.get(source, source),
        sha256=seen.sha256,
        arrived=seen.head.arrived,
        revoked=seen.revoked,
        label=tuple(
            describe(label, name_of=lambda p: names.get(p, p), date_of=rfc3339) for label in seen.labels
        ),
        handle_as=table.of(seen.labels, source),
        title=_title(seen.raw),
        converted=_conversion(original),
    )


def _conversion(original: Original | None) -> Conversion | None:
    if original is None:
        return None
    losses = msgspec.json.decode(original.losses, type=tuple[dict[str, str], ...])
    return Conversion(format=original.format, made_by=original.made_by, losses=losses)


class _Named(Struct):
    name: str = ""
    value: str = ""
    relationship_type: str = ""


def _title(raw: bytes) -> str:
    try:
        named = msgspec.json.decode(raw, type=_Named)
    except msgspec.ValidationError:
        return ""  # a custom type may use these names for other things
    return named.name or named.value or named.relationship_type


def search(
    node: Node, text: str, *, limit: int, after: str | None, asker: Asker = OURSELVES
) -> tuple[list[Shown], str | None, int]:
    """A page of what fits Q and the asker may see, the cursor to the next page, and how many fit in all.

    Raises:
        InputFault: the query or the cursor does not read, or the purpose is not said.
    """
    with node.store.read() as unit:
        query = query_of(unit, node, text)
        sight = asked_sight(unit, node, asker)
        names = names_of(unit)
        total = unit.objects.count(sight.audience, query)
        found, following = list[Seen](), after
        while len(found) < limit:
            most = limit - len(found)
            heads, following = unit.objects.query(sight.audience, query, limit=most, after=following)
            found += sight.seen(heads)
            if following is None:
                break
        table = HandleAs(unit, node)
        return [_shown(unit, node, sight, each, names, table) for each in found], following, total


def list_parties(node: Node) -> list[Party]:
    """Every party with a card here, this node first."""
    with node.store.read() as unit:
        return unit.directory.parties()


def list_products(node: Node) -> list[Product]:
    """The newest version of each product of this node, newest first."""
    with node.store.read() as unit:
        return unit.products.products()


class KeptApart(Struct, frozen=True, kw_only=True):
    """A group in quarantine, and what its sender is called here."""

    item: QuarantinedItem
    sender_name: str


def list_quarantined(node: Node, *, state: str | None) -> list[KeptApart]:
    """Groups in quarantine of one state, newest first; None lists every state."""
    with node.store.read() as unit:
        names = names_of(unit)
        return [
            KeptApart(item=item, sender_name=names.get(item.sender, item.sender))
            for item in unit.mail.quarantined(state=state)
        ]


class ReceivedProduct(Struct, frozen=True, kw_only=True):
    """A product in the inbox, for people."""

    item: InboxItem
    sender_name: str
    handle_as: tuple[Handling, ...]

    @property
    def precedence(self) -> str:
        """As on the cover sheet."""
        return self.item.precedence

    @property
    def title(self) -> str:
        """As on the cover sheet."""
        if self.item.recalled:
            return "(destroyed: recalled, or kept as long as it may be)"
        return self.item.title or "(cover sheet not here yet)"

    @property
    def objects(self) -> int:
        """Objects that came so far."""
        return self.item.objects

    @property
    def product(self) -> str:
        """Its id."""
        return self.item.product

    @property
    def parts(self) -> str:
        """`2 of 3` until it is whole."""
        item = self.item
        return "whole" if item.whole_at is not None else f"{item.parts_here} of {item.parts}"

    @property
    def arrived(self) -> str:
        """When it was whole, or began to come."""
        return rfc3339(self.item.whole_at or self.item.first_arrived)

    def document(self) -> dict[str, Any]:
        """As JSON."""
        item = self.item
        return {
            "product": item.product,
            "version": item.version,
            "from": item.sender,
            "title": item.title,
            "purpose": item.purpose,
            "precedence": item.precedence,
            "grade": item.grade,
            "handling": item.handling,
            "manifest": item.root.hex(),
            "objects": item.objects,
            "parts": item.parts,
            "parts_here": item.parts_here,
            "created": rfc3339(item.created),
            "arrived": rfc3339(item.first_arrived),
            "whole": None if item.whole_at is None else rfc3339(item.whole_at),
            "opened": None if item.opened_at is None else rfc3339(item.opened_at),
            "handle_as": [each.document() for each in self.handle_as],
            "portions": [{"portion": number, "text": text} for number, text in item.portions],
        }

    def words(self) -> list[str]:
        """As a page to read."""
        item = self.item
        head = [
            f"{item.precedence.upper()}  {self.title}",
            f"from       {self.sender_name} ({item.sender})",
            f"purpose    {item.purpose}; grade {item.grade}; {item.objects} objects; {self.parts}",
        ]
        if item.handling:
            head.append(f"handling   {item.handling}")
        head += [f"handle as  {each.words}" for each in self.handle_as]
        return head + [line for number, text in item.portions for line in ("", f"({number}) {text}")]


def read_inbox(node: Node) -> list[ReceivedProduct]:
    """What came in, most urgent and newest first."""
    with node.store.read() as unit:
        names, table = names_of(unit), HandleAs(unit, node)
        return [_received(item, names, table) for item in unit.mail.inbox()]


def open_product(node: Node, product: str) -> ReceivedProduct:
    """Read one product; the first reading is recorded, and its originator is told. Raises `NotFound`."""
    with node.store.write() as unit:
        item = unit.mail.inbox_item(product)
        if item.opened_at is None:
            unit.mail.opened(product, node.clock())
            record(unit, node, "opened", {"product": product, "version": item.version, "from": item.sender})
            tell_originator(unit, node, item, OPENED)
        return _received(unit.mail.inbox_item(product), names_of(unit), HandleAs(unit, node))


def _received(item: InboxItem, names: dict[str, str], table: HandleAs) -> ReceivedProduct:
    labels = map(from_wire, decode_manifest(parse_document(item.manifest).payload).labels)
    return ReceivedProduct(
        item=item,
        sender_name=names.get(item.sender, item.sender),
        handle_as=table.of(labels, item.sender),
    )


def product_document(node: Node, id: str, version: int | None) -> dict[str, Any]:
    """One of this node's products as its officers see it: narrative, labels, and what became of it at each recipient.

    Raises:
        NotFound: no such product, or no such version of it.
    """
    with node.store.read() as unit:
        names = names_of(unit)
        product = unit.products.product(id, version)
        recipients = [
            {"name": names.get(fate.release.recipient, fate.release.recipient)} | fate.document()
            for fate in fates(unit, product)
        ]

    def words(label: Label) -> str:
        return describe(label, name_of=lambda p: names.get(p, p), date_of=rfc3339)

    return {
        "product": product.id,
        "version": product.version,
        "title": product.title,
        "purpose": product.purpose,
        "precedence": product.precedence.value,
        "grade": str(product.grade),
        "handling": product.handling,
        "label": words(product.label),
        "drafter": product.drafter,
        "known": rfc3339(product.times.known),
        "objects": product.objects,
        "portions": [
            {"portion": p.number, "label": words(p.label), "text": p.text} for p in product.portions
        ],
        "recipients": recipients,
    }


class VerifiedReceipt(Struct, frozen=True, kw_only=True):
    """A receipt and whether the message that carried it verifies today."""

    sender: str
    sender_name: str
    message: bytes
    outcome: str
    counts: dict[str, int]
    at: int
    verified: bool


def verify_receipts(node: Node) -> list[VerifiedReceipt]:
    """Every receipt that came in, each verified anew from the stored message and the card it was signed under."""
    with node.store.read() as unit:
        names = names_of(unit)
        carriers: dict[bytes, bool] = {}
        rows = []
        for receipt in unit.mail.receipts():
            if receipt.carrier not in carriers:
                carriers[receipt.carrier] = holds(unit, node, unit.mail.incoming(receipt.carrier))
            about = unit.mail.by_name(receipt.message)
            good = carriers[receipt.carrier] and about is not None and about.to == receipt.sender
            rows.append(_verified(receipt, names, good=good))
        return rows


def _verified(receipt: Receipt, names: dict[str, str], *, good: bool) -> VerifiedReceipt:
    return VerifiedReceipt(
        sender=receipt.sender,
        sender_name=names.get(receipt.sender, receipt.sender),
        message=receipt.message,
        outcome=receipt.outcome,
        counts=receipt.counts,
        at=receipt.at,
        verified=good,
    )


def node_status(node: Node) -> dict[str, Any]:
    """Who this node is, what it holds, what was exchanged, what waits. Counts are objects unless they say otherwise."""
    receipts = verify_receipts(node)
    with node.store.read() as unit:
        counters = unit.directory.counters()
        checkpoint = unit.journal.checkpoint()
        return {
            "party": node.party,
            "name": node.name,
            "country": node.country,
            "realm": node.realm,
            "account": public_key(node.keyring.secret("account")).hex(),
            "stored": unit.objects.count(HOME, EVERYTHING),
            "imported": counters.get("imported", 0),
            "sent": counters.get("sent", 0),
            "received": counters.get("received", 0),
            "admitted": counters.get("admitted", 0),
            "quarantined": counters.get("quarantined", 0),
            "refused": counters.get("refused", 0),
            "refused_by": _refused_by(counters),
            TEXTS_QUARANTINED: counters.get(TEXTS_QUARANTINED, 0),
            TEXTS_REFUSED: counters.get(TEXTS_REFUSED, 0),
            "withheld": _withheld(unit),
            "releases": [_released(release) for release in unit.products.releases()],
            "matches": [{"value": m.value, "at": m.at, "from": m.source} for m in unit.mail.matches()],
            "receipts": {"total": len(receipts), "verified": sum(r.verified for r in receipts)},
            "feedback": _feedback(unit),
            "unacknowledged": sum(
                count for states in unit.mail.pending().values() for count in states.values()
            ),
            "quarantine_waiting": len(unit.mail.quarantined()),
            "outbox": unit.mail.pending(),
            "jobs": unit.jobs.waiting(),
            "introductions": [{"party": p, "at": rfc3339(at)} for p, at in unit.directory.introductions()],
            "partners": [
                _partner(unit, party) for party in unit.directory.parties() if party.fingerprint != node.party
            ],
            "restored": restored(unit) or None,
            "recalls": _recalls(unit),
            "clock_skew": _skews(unit) or None,
            "not_understood": _not_understood(unit),
            "evidence": counted(unit),
            "log": {
                "size": unit.journal.size(),
                "checkpoint": checkpoint[0] if checkpoint else 0,
                "incarnation": (unit.directory.get(INCARNATION) or b"").hex(),
                "closed": [
                    {"incarnation": log.incarnation.hex(), "size": log.size} for log in unit.journal.closed()
                ],
            },
        }


def _released(release: Release) -> dict[str, Any]:
    return {
        "product": release.product,
        "version": release.version,
        "to": release.recipient,
        "objects": release.objects,
        "redacted": release.redacted,
        "state": release.state,
        "approved": None if release.approved_at is None else rfc3339(release.approved_at),
        "released": None if release.released_at is None else rfc3339(release.released_at),
        "withheld": [{"clause": w.clause, "count": w.count} for w in release.withheld],
    }


def _partner(unit: Unit, party: Party) -> dict[str, Any]:
    return {
        "party": party.fingerprint,
        "name": party.name,
        "card": party.card_version,
        "can_write_to": unit.directory.package(party.fingerprint, ours=False) is not None,
    }


def _recalls(unit: Unit) -> dict[str, Any]:
    """What was taken back, and by whom this node, restored from a copy, is not told yet what was taken back since."""
    kept = unit.recalls.all()
    return {
        "issued": sum(each.ours for each in kept),
        "received": sum(not each.ours for each in kept),
        "unfinished": len(unit.recalls.unfinished()),
        "unreplayed": [party.fingerprint for party in unreplayed(unit)],
    }


def _refused_by(counters: dict[str, int]) -> list[dict[str, Any]]:
    """Objects refused here, by the clause that refused them."""
    found = sorted((name, count) for name, count in counters.items() if name.startswith(REFUSED_BY))
    return [{"clause": name.removeprefix(REFUSED_BY), "count": count} for name, count in found]


def _skews(unit: Unit) -> str:
    """Whose messages are held, since they come from ahead of this node's clock, and by how much."""
    words = (unit.directory.get(SKEW + party.fingerprint) for party in unit.directory.parties())
    return "; ".join(each.decode() for each in words if each)


def _not_understood(unit: Unit) -> list[dict[str, Any]]:
    """Messages of this node that partners do not understand, oldest first: they were given up."""
    told = []
    for carrier in unit.mail.incoming_of("not-understood"):
        notice, _ = decode_payload(carrier.payload, NotUnderstoodNotice)
        message = unit.mail.by_name(notice.message)
        if message is not None and message.to == carrier.sender:
            told.append(
                {
                    "by": carrier.sender,
                    "message": notice.message.hex(),
                    "kind": message.kind,
                    "what": notice.what,
                    "at": rfc3339(carrier.arrived),
                }
            )
    return told


def _feedback(unit: Unit) -> list[dict[str, Any]]:
    """What partners said of this node's products and an agreement let them say, oldest first."""
    said = []
    admitted = {g.message for g in unit.mail.quarantined(state=ADMITTED) if g.kind == "feedback"}
    for message in unit.mail.incoming_of("feedback"):
        if message.outcome != ADMITTED and message.name not in admitted:
            continue
        report, _ = decode_payload(message.payload, FeedbackReport)
        said.append(
            {
                "from": message.sender,
                "product": report.product,
                "version": report.version,
                "useful": report.useful,
                "acted": report.acted,
                "note": report.note,
                "at": rfc3339(report.at),
            }
        )
    return said


def _withheld(unit: Unit) -> list[dict[str, Any]]:
    """Objects withheld from recipients by clause, over every release that went out."""
    totals: dict[str, int] = {}
    for release in unit.products.releases():
        if release.state == "released":
            for row in release.withheld:
                totals[row.clause] = totals.get(row.clause, 0) + row.count
    return [{"clause": clause, "count": count} for clause, count in sorted(totals.items())]
