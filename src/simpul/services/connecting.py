"""Meeting a party: cards, and the key packages by which each side lets the other write.

A card is trusted when a person gives its fingerprint. From then on this node keeps the partner supplied with keys
for the next `EPOCHS` epochs: a `hello` says what it holds, `keys` answers with a package. Both travel by the
contact mailbox in the card, so that they work before anything else does. Either side may begin; a hello from a party
without a card is kept, newest only, until its card is added.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

from msgspec import Struct

from simpul.domain.blind import dated, is_pseudonym
from simpul.domain.parties import Party
from simpul.errors import HomeDamaged, InputFault, Misdirected, PartnerFault, Refusal, Stale
from simpul.ports import Mailbox, Unit
from simpul.protocol import cards
from simpul.protocol.canonical import decode, encode
from simpul.protocol.documents import Document, parse_document
from simpul.protocol.envelope import CONTACT_EPOCH, Address, Opened
from simpul.protocol.keys import PREKEY_SEED, PrekeySecret, groups, spelled
from simpul.protocol.mailboxes import CONTACT, LANES, public_key
from simpul.protocol.packages import EPOCHS, EpochSecrets, KeyPackage, accept, epoch_of
from simpul.protocol.packages import issue as issue_package
from simpul.protocol.payloads import CardNotice, Hello, decode_payload
from simpul.services.auditing import record
from simpul.services.founding import YEAR, Secrets, read_root, realm_keys, relay_urls
from simpul.services.node import Node
from simpul.services.posting import partners, post
from simpul.services.times import DAY, rfc3339

CARD_FILE_LIMIT: Final = 256 * 1024
"""Bytes of a card's file, at most."""


class ShownCard(Struct, frozen=True, kw_only=True):
    """A card for people: `groups` for the eye, `spelled` for the ear."""

    party: str
    name: str
    country: str
    version: int
    relays: tuple[str, ...]
    not_after: str
    groups: str
    spelled: tuple[str, ...]
    document: bytes


def own_card(node: Node) -> ShownCard:
    """This node's newest card."""
    with node.store.read() as unit:
        return _shown(_own_document(unit, node))


def card_of(unit: Unit, party: str, version: int | None = None) -> cards.Card | None:
    """A card that is trusted here, or None."""
    document = unit.directory.card(party, version)
    return None if document is None else _card(document)


def own_card_of(unit: Unit, node: Node) -> cards.Card:
    """This node's newest card. Raises `HomeDamaged` for a home that has lost it."""
    return _card(_own_document(unit, node))


def _own_document(unit: Unit, node: Node) -> bytes:
    document = unit.directory.card(node.party)
    if document is None:
        raise HomeDamaged(
            "this home has lost its own card", input=str(node.home), do="restore the home from a copy"
        )
    return document


@lru_cache(maxsize=256)
def _card(document: bytes) -> cards.Card:
    # Verified when it was added; cached, since every message needs its sender's.
    return decode(parse_document(document, CARD_FILE_LIMIT).payload, cards.Card, cards.CARD_LIMIT)


def _shown(document: bytes) -> ShownCard:
    card = _card(document)
    return ShownCard(
        party=card.party,
        name=card.name,
        country=card.country,
        version=card.version,
        relays=card.relays,
        not_after=rfc3339(card.not_after),
        groups=groups(card.party),
        spelled=tuple(spelled(card.party)),
        document=document,
    )


def renew_card(node: Node, root_file: Path, relays: Sequence[str]) -> ShownCard:
    """Issue the next version of this node's card, with the same keys for another year.

    Partners learn of it by the next sync: a card rides to each of them, and with new relays new key packages.

    Raises:
        InputFault: the file holds no root key, or that of another party.
    """
    root = read_root(root_file)
    urls = relay_urls(relays)
    secrets = Secrets.kept(node.keyring.secret)
    with node.store.write() as unit:
        known = own_card_of(unit, node)
        pseudonym = is_pseudonym(known.party, known.name, known.country)
        now = dated(node.clock()) if pseudonym else node.clock()
        if root.public != known.root_key:
            raise InputFault("this root key is not this party's", input="--root", where=str(root_file))
        chosen = urls or known.relays
        document = cards.renew(
            root,
            known,
            now=now,
            not_after=now + YEAR,
            relays=chosen,
            realms=[
                realm_keys(secrets, node.realm, chosen, now),
                *(keys for keys in known.realms if keys.realm != node.realm),
            ],
        )
        keep_card(unit, node, document)
    return _shown(document.encode())


def keep_card(unit: Unit, node: Node, document: Document, *, by: str = "") -> Party:
    """Store a verified card and make it the party's newest; `by` is the acting user, or empty."""
    card = decode(document.payload, cards.Card, cards.CARD_LIMIT)
    party = Party(
        fingerprint=card.party, name=card.name, country=card.country, card_version=card.version, trusted=True
    )
    unit.directory.add_card(party, card.version, document.encode())
    record(
        unit,
        node,
        "card",
        {"party": card.party, "version": card.version, "hash": document.hash.hex(), "by": by},
    )
    return party


def add_card(node: Node, file: Path, fingerprint: str, by: str) -> Party:
    """Trust the card in a file, whose fingerprint two people have compared.

    A card of a known party must be the same or a successor of the known one.

    Raises:
        Refusal: the fingerprint is not the card's.
        InputFault: the file cannot be read, or is this node's own card.
        PartnerFault: the card does not verify, or is older than the known one.
    """
    try:
        with file.open("rb") as stream:
            data = stream.read(CARD_FILE_LIMIT + 1)
    except OSError as fault:
        raise InputFault(f"the card cannot be read: {fault.strerror}", input=str(file)) from fault
    try:
        document = parse_document(data, CARD_FILE_LIMIT)
        card = cards.read(document)
    except PartnerFault as fault:
        fault.input = str(file)
        raise
    if "".join(fingerprint.split()).casefold() != card.party:
        raise Refusal(
            "the fingerprint is not that of this card: it was not added",
            input=str(file),
            where="fingerprint",
            do="compare it again with its owner, by a way you trust; if it still differs, the card is not theirs",
        )
    if card.party == node.party:
        raise InputFault("this is this node's own card", input=str(file))
    cards.check_current(card, node.clock())
    with node.store.write() as unit:
        known = card_of(unit, card.party)
        if known is not None:
            cards.follow(known, document)
        return keep_card(unit, node, document, by=by)


# Key packages.

RENEW_BELOW: Final = 4
"""A partner gets a new package when fewer epochs than this are left in the one it has."""

HELLO_EVERY: Final = DAY
"""Microseconds between two hellos to a partner that has not answered."""


def keep_supplied(node: Node) -> None:
    """See to it that every partner can write to us, and ask those whose packages we lack or whose are running out.

    Issues a package where a partner has none or few epochs left, or where our relay changed; says hello where we
    have none of theirs. Does nothing where all is well.
    """
    with node.store.read() as unit:
        due = [party for party in partners(unit, node) if _needs(unit, node, party)]
    for party in due:
        with node.store.write() as unit:
            _supply(unit, node, party)


def _needs(unit: Unit, node: Node, party: str) -> bool:
    return (
        _package_due(unit, node, party)
        or _hello_due(unit, node, party)
        or unit.directory.get(f"card-told:{party}") != _own_version(unit, node)
    )


def _supply(unit: Unit, node: Node, party: str) -> None:
    card = own_card_of(unit, node)
    if not card.relays:
        return
    if _package_due(unit, node, party):
        _issue_package(unit, node, party, card.relays[0])
    if _hello_due(unit, node, party):
        say_hello(unit, node, party)
    told = unit.directory.get(f"card-told:{party}")
    if told != _own_version(unit, node):
        if told is not None and unit.directory.package(party, ours=False) is not None:
            post(unit, node, party, CardNotice(version=card.version), _own_cards(unit, node, int(told)))
        unit.directory.put(f"card-told:{party}", _own_version(unit, node))


def _own_version(unit: Unit, node: Node) -> bytes:
    return str(own_card_of(unit, node).version).encode()


def _own_cards(unit: Unit, node: Node, after: int) -> list[bytes]:
    newest = int(_own_version(unit, node))
    found = (unit.directory.card(node.party, version) for version in range(after + 1, newest + 1))
    return [document for document in found if document is not None]


def _package_due(unit: Unit, node: Node, party: str) -> bool:
    card = own_card_of(unit, node)
    if not card.relays:
        return False
    stored = unit.directory.package(party, ours=True)
    if stored is None:
        return True
    package = decode(stored[1], KeyPackage)
    left = package.epochs[-1].epoch - epoch_of(node.clock()) + 1
    return left < RENEW_BELOW or package.relay != card.relays[0]


def _hello_due(unit: Unit, node: Node, party: str) -> bool:
    stored = unit.directory.package(party, ours=False)
    epoch = epoch_of(node.clock())
    if stored is not None and decode(stored[1], KeyPackage).epochs[-1].epoch >= epoch + 1:
        return False
    last = unit.directory.get(f"hello:{party}")
    return last is None or node.clock() - int(last) >= HELLO_EVERY


def say_hello(unit: Unit, node: Node, party: str, *, replay: bool = False) -> None:
    """Greet a party by its contact mailbox; it answers with keys if we lack its newest, and with recalls if asked."""
    stored = unit.directory.package(party, ours=False)
    unit.directory.put(f"hello:{party}", str(node.clock()).encode())
    post(
        unit,
        node,
        party,
        Hello(package=stored[0] if stored else 0, replay=replay),
        _own_cards(unit, node, 0)[-1:],
        lane=CONTACT,
    )


def supply_anew(unit: Unit, node: Node, party: str) -> None:
    """Issue a new key package although the last one has epochs left: its prekeys are lost."""
    card = own_card_of(unit, node)
    if card.relays:
        _issue_package(unit, node, party, card.relays[0])


def _issue_package(unit: Unit, node: Node, party: str, relay: str) -> None:
    """Make prekeys and mailboxes for the epochs ahead and send the package by the partner's contact mailbox."""
    now = node.clock()
    first = epoch_of(now)
    epochs = range(first, first + EPOCHS)
    account = public_key(node.keyring.secret("account"))
    # Durable before anybody can seal for them; a prekey that is made twice stays the first one.
    seeds = node.keyring.prekeys(party, epochs, lambda: node.entropy(PREKEY_SEED))
    puts = {epoch: _puts(unit, node, party, relay, epoch) for epoch in epochs}
    stored = unit.directory.package(party, ours=True)
    package = issue_package(
        party=node.party,
        to=party,
        version=stored[0] + 1 if stored else 1,
        now=now,
        relay=relay,
        read=account,
        secrets={e: EpochSecrets(prekey=PrekeySecret(seeds[e]).public, puts=puts[e]) for e in epochs},
    )
    unit.directory.add_mailboxes(
        [
            Mailbox(
                tag=lane.tag,
                relay=relay,
                party=party,
                epoch=epoch.epoch,
                lane=name,
                put_seed=lane.put,
                registered=False,
            )
            for epoch in package.epochs
            for name, lane in epoch.lanes.items()
        ]
    )
    unit.directory.add_package(party, ours=True, version=package.version, document=encode(package))
    post(unit, node, party, package, lane=CONTACT)


def _puts(unit: Unit, node: Node, party: str, relay: str, epoch: int) -> dict[str, bytes]:
    """The put keys of an epoch's mailboxes.

    Those that are there already stay, so that no message is lost between two packages; others are fresh.
    """
    known = {
        box.lane: box.put_seed
        for box in unit.directory.mailboxes()
        if (box.party, box.relay, box.epoch) == (party, relay, epoch)
    }
    return {lane: known.get(lane) or node.entropy(32) for lane in LANES}


def take_hello(unit: Unit, node: Node, opened: Opened) -> None:
    """A partner says which of our packages it holds: give it the newest if it is behind."""
    hello, documents = decode_payload(opened.payload, Hello)
    party = opened.message.sender
    for document in documents:
        take_card(unit, node, party, document)
    stored = unit.directory.package(party, ours=True)
    if stored is not None and hello.package < stored[0]:
        post(unit, node, party, decode(stored[1], KeyPackage), lane=CONTACT)


def take_package(unit: Unit, node: Node, opened: Opened) -> None:
    """A partner lets us write to it. Raises `PartnerFault` for a package that must not be used."""
    package, _ = decode_payload(opened.payload, KeyPackage)
    party = opened.message.sender
    stored = unit.directory.package(party, ours=False)
    known = decode(stored[1], KeyPackage) if stored else None
    accepted = accept(package, party=party, to=node.party, known=known)
    unit.directory.add_package(party, ours=False, version=accepted.version, document=encode(accepted))
    record(unit, node, "keys", {"party": party, "version": accepted.version})


def take_card(unit: Unit, node: Node, party: str, data: bytes) -> None:
    """A partner's newer card. Raises `PartnerFault` for one that does not follow the known one."""
    known = card_of(unit, party)
    if known is None:
        raise Misdirected("a card of a party that is not known here", input="card")
    document = parse_document(data, CARD_FILE_LIMIT)
    card = cards.follow(known, document)
    if card.version > known.version:
        keep_card(unit, node, document)


def address_of(unit: Unit, node: Node, party: str, lane: str) -> tuple[str, bytes, Address]:
    """Where to put a message for a party now: relay, put key's seed, address.

    Raises:
        Stale: there is no prekey of theirs that is valid now; content waits.
    """
    if lane == CONTACT:
        card = card_of(unit, party)
        if card is None:
            raise Stale("there is no card of this party", input=party)
        cards.check_current(card, node.clock())
        box = card.realm(node.realm).contact
        return box.relay, box.put, Address(tag=box.tag, epoch=CONTACT_EPOCH, prekey=box.prekey)
    stored = unit.directory.package(party, ours=False)
    if stored is None:
        raise Stale("this party has given no keys yet", input=party, do="it is asked for them; wait")
    package = decode(stored[1], KeyPackage)
    epoch = package.at(node.clock())
    chosen = epoch.lanes[lane]
    return package.relay, chosen.put, Address(tag=chosen.tag, epoch=epoch.epoch, prekey=epoch.prekey)


def contact_mailbox(unit: Unit, node: Node) -> Mailbox | None:
    """This node's own contact mailbox, as its card names it; None without a relay."""
    card = own_card_of(unit, node)
    if not card.relays:
        return None
    box = card.realm(node.realm).contact
    return Mailbox(
        tag=box.tag,
        relay=box.relay,
        party="",
        epoch=CONTACT_EPOCH,
        lane=CONTACT,
        put_seed=box.put,
        registered=False,
    )


def secret_for(node: Node, box: Mailbox) -> PrekeySecret | None:
    """The secret that opens what comes to a mailbox, or None once it is destroyed."""
    if box.lane == CONTACT:
        return PrekeySecret(node.keyring.secret("contact"))
    seed = node.keyring.prekey(box.party, box.epoch)
    return None if seed is None else PrekeySecret(seed)
