"""Cards: a party's signed, versioned public record (spec/keys.md, "Cards").

Only the root signs a card. A new root is signed by the old one and the new one, and keeps the party's name: the
fingerprint of its *first* root, which later cards carry as `party`. A person compares that fingerprint once, over
another way, before the first card is trusted; after that versions only rise.

    issue / renew -> Document            by the holder of the root
    read / read_chain(document) -> Card  self-consistent: not trusted yet, compare `card.party`
    follow(known, document) -> Card      a successor of a card that is trusted already
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from simpul.domain.parties import is_fingerprint
from simpul.errors import BadSignature, Malformed, Misdirected, Stale
from simpul.protocol.canonical import Bytes16, Bytes32, Hex, Wire, decode, encode
from simpul.protocol.documents import EVERY_REALM, Document, require, sign, verify
from simpul.protocol.keys import (
    LOG_PUBLIC_LENGTH,
    PUBLIC_LENGTH,
    LogPublicKey,
    PublicKey,
    SigningKey,
    fingerprint,
)
from simpul.protocol.mailboxes import mailbox_tag, public_key
from simpul.protocol.versions import SUITE

CARD_LIMIT: Final = 128 * 1024
KIND: Final = "card"
LIVE: Final = "live"
_REALM: Final = re.compile("[a-z0-9][a-z0-9-]{0,63}")


class KeyTerm(Wire, frozen=True, kw_only=True):
    """A signing pair and when it may sign: `not_before` ≤ t < `not_after`, microseconds UTC. `key` is `PublicKey.raw`."""

    key: Hex
    not_before: int
    not_after: int

    @property
    def public(self) -> PublicKey:
        """The pair."""
        return PublicKey.read(self.key)


class Contact(Wire, frozen=True, kw_only=True):
    """Where strangers write: a mailbox that takes only small procedure messages, and the prekey to seal them for.

    `put` is the *secret* seed of the put key: any holder of the card may put here. The prekey's own time of validity
    follows as microseconds UTC.
    """

    relay: str
    read: Bytes32
    put: Bytes32
    tag: Bytes16
    prekey: Hex
    not_before: int
    not_after: int


class RealmKeys(Wire, frozen=True, kw_only=True):
    """What a party uses in one realm: signing pairs, the log key (`LogPublicKey.raw`), the contact mailbox."""

    realm: str
    signing: tuple[KeyTerm, ...]
    log: Hex
    contact: Contact

    @property
    def log_key(self) -> LogPublicKey:
        """The log key."""
        return LogPublicKey.read(self.log)


class Revocation(Wire, frozen=True, kw_only=True):
    """From that time (microseconds UTC) a signature by the key with this id does not count any more."""

    key: Bytes32
    revoked_from: int


class Card(Wire, frozen=True, kw_only=True):
    """The record. Times are microseconds UTC; `not_after` is exclusive.

    Attributes:
        version: counts from 1 and only rises.
        party: fingerprint of the party's first root: its name for ever.
        name, country: for people; the country is an ISO 3166-1 alpha-2 or user-assigned code.
        root: `PublicKey.raw` of the root that signs this card.
        relays: URLs where the party's mailboxes are, preferred first.
        realms: one entry a realm, by name.
        not_before, not_after: when the card may be used to send to the party.
        issued: when it was made.
        revoked: signing pairs that do not count any more.
        suite: what to seal and sign with before an agreement or charter says so.
    """

    version: int
    party: str
    name: str
    country: str
    root: Hex
    relays: tuple[str, ...]
    realms: tuple[RealmKeys, ...]
    not_before: int
    not_after: int
    issued: int
    revoked: tuple[Revocation, ...] = ()
    suite: int = SUITE.number

    @property
    def root_key(self) -> PublicKey:
        """The root."""
        return PublicKey.read(self.root)

    def realm(self, name: str) -> RealmKeys:
        """The keys of one realm.

        Raises:
            Misdirected: the party takes no part in it.
        """
        for keys in self.realms:
            if keys.realm == name:
                return keys
        raise Misdirected(f"{self.name} has no keys in realm '{name}'", input="card", where="realms")

    def signer(self, realm: str, key_id: bytes, at: int) -> PublicKey:
        """The signing pair with an id, if a signature that arrives at `at` (the reader's clock) counts.

        Raises:
            BadSignature: no such pair on this card.
            Stale: not valid yet, expired, or revoked.
        """
        for term in self.realm(realm).signing:
            if term.public.id == key_id:
                self._current(term, key_id, at)
                return term.public
        raise BadSignature(
            f"card {self.version} of {self.name} has no signing key {key_id.hex()[:16]}",
            input="card",
            where="signing",
        )

    def _current(self, term: KeyTerm, key_id: bytes, at: int) -> None:
        revoked = any(r.key == key_id and at >= r.revoked_from for r in self.revoked)
        if revoked or not term.not_before <= at < term.not_after:
            raise Stale(
                f"signing key {key_id.hex()[:16]} of {self.name} is {'revoked' if revoked else 'not valid now'}",
                input="card",
                where="signing",
                do="ask the party for its newest card",
            )

    def pair_of(self, realm: str, key_id: bytes) -> PublicKey:
        """The signing pair with an id whatever its validity: for words that were accepted before.

        Raises:
            BadSignature: no such pair on this card.
        """
        for term in self.realm(realm).signing:
            if term.public.id == key_id:
                return term.public
        raise BadSignature(
            f"card {self.version} of {self.name} has no such key", input="card", where="signing"
        )


def contact(
    relay: str, *, read: bytes, put_seed: bytes, prekey: bytes, not_before: int, not_after: int
) -> Contact:
    """A contact entry with its tag computed. `read` is the account's public key at that relay."""
    tag = mailbox_tag(relay, read, public_key(put_seed))
    return Contact(
        relay=relay,
        read=read,
        put=put_seed,
        tag=tag,
        prekey=prekey,
        not_before=not_before,
        not_after=not_after,
    )


def issue(
    root: SigningKey,
    *,
    name: str,
    country: str,
    relays: Sequence[str],
    realms: Sequence[RealmKeys],
    not_before: int,
    not_after: int,
    now: int,
) -> Document:
    """A party's first card."""
    card = Card(
        version=1,
        party=fingerprint(root.public),
        name=name,
        country=country,
        root=root.public.raw,
        relays=tuple(relays),
        realms=tuple(sorted(realms, key=lambda keys: keys.realm)),
        not_before=not_before,
        not_after=not_after,
        issued=now,
    )
    return sign(KIND, EVERY_REALM, encode(card), root)


def renew(
    root: SigningKey,
    previous: Card,
    *,
    now: int,
    not_after: int,
    relays: Sequence[str] | None = None,
    realms: Sequence[RealmKeys] | None = None,
    revoked: Sequence[Revocation] = (),
    new_root: SigningKey | None = None,
) -> Document:
    """The next version of a card. What is not given stays; revocations are added and never go away.

    With `new_root` both roots sign, and the next card needs the new one.
    """
    chosen = new_root or root
    card = replace(
        previous,
        version=previous.version + 1,
        root=chosen.public.raw,
        relays=previous.relays if relays is None else tuple(relays),
        realms=previous.realms if realms is None else tuple(sorted(realms, key=lambda keys: keys.realm)),
        not_before=min(previous.not_before, now),
        not_after=not_after,
        issued=now,
        revoked=(*previous.revoked, *revoked),
    )
    keys = (root,) if new_root is None else (root, new_root)
    return sign(KIND, EVERY_REALM, encode(card), *keys)


def read(document: Document) -> Card:
    """The card in a document, checked against itself: no trust follows until a person has compared `card.party`.

    Only a card under the party's first root can be checked that way; after a change of root use `read_chain`.

    Raises:
        Misdirected: not a card.
        Malformed, NotUnderstood: its content.
        BadSignature: not signed by the root whose fingerprint is the party's name.
    """
    # (1) a card, in its format
    require(document, KIND, EVERY_REALM)
    card = decode(document.payload, Card, CARD_LIMIT)
    _well_formed(card)
    # (2) the party's name is the fingerprint of this root: otherwise anybody could claim the name
    if fingerprint(card.root_key) != card.party:
        raise BadSignature(
            f"the card of {card.name} is under a later root than the one its fingerprint names",
            input="card",
            where="root",
            do="ask the party for all its cards since the first one",
        )
    # (3) signed by it
    verify(document, [card.root_key])
    return card


def read_chain(documents: Sequence[Document]) -> Card:
    """The newest of a party's cards, from the first root on, each a successor of the one before.

    Raises:
        Malformed: no card at all.
        PartnerFault: as `read` and `follow`.
    """
    if not documents:
        raise Malformed("no card", input="card")
    card = read(documents[0])
    for document in documents[1:]:
        card = follow(card, document)
    return card


def follow(known: Card, document: Document) -> Card:
    """A newer card of a party whose card is known.

    Returns the known card if the document is that very card.

    Raises:
        Stale: a lower version, or another card of the same version.
        Misdirected: another party's card.
        BadSignature: not signed by the known root (and by the new one, where it changes).
        Malformed, NotUnderstood: its content.
    """
    # (1) a card of this party, in its format
    require(document, KIND, EVERY_REALM)
    card = decode(document.payload, Card, CARD_LIMIT)
    _well_formed(card)
    if card.party != known.party:
        raise Misdirected("a card of another party", input="card", where="party")
    # (2) signed by the known root, and by the new one too if there is one
    roots = {key.id: key for key in (known.root_key, card.root_key)}
    signers = verify(document, roots.values())
    if signers != frozenset(roots):
        raise BadSignature(
            "a new root must be signed by the old root and by itself", input="card", where="root"
        )
    # (3) versions only rise, and revocations stay
    if card.version < known.version or (card.version == known.version and card != known):
        raise Stale(
            f"card version {card.version}; version {known.version} is known", input="card", where="version"
        )
    if not set(known.revoked) <= set(card.revoked):
        raise Malformed("a revocation was taken back", input="card", where="revoked")
    return card


def check_current(card: Card, at: int) -> None:
    """Refuse a card outside its validity. Raises `Stale`."""
    if not card.not_before <= at < card.not_after:
        raise Stale(
            f"card {card.version} of {card.name} is not valid now",
            input="card",
            where="not_after" if at >= card.not_after else "not_before",
            do="ask the party for its newest card",
        )


def _well_formed(card: Card) -> None:
    names = [keys.realm for keys in card.realms]
    named = all(map(_REALM.fullmatch, names))
    if (
        not is_fingerprint(card.party)
        or not named
        or card.version < 1
        or names != sorted(set(names))
        or not names
    ):
        raise Malformed("its party, version or realms are not as they must be", input="card")
    for keys in card.realms:
        box = keys.contact
        if mailbox_tag(box.relay, box.read, public_key(box.put)) != box.tag:
            raise Malformed(
                "the contact mailbox's tag does not follow from its keys", input="card", where="contact"
            )
        if len(box.prekey) != SUITE.prekey_length or not keys.signing:
            raise Malformed("a realm without signing keys or with a prekey of another length", input="card")
        _check_lengths(card, keys)


def _check_lengths(card: Card, keys: RealmKeys) -> None:
    signing = {len(term.key) for term in keys.signing}
    if len(card.root) != PUBLIC_LENGTH or signing != {PUBLIC_LENGTH} or len(keys.log) != LOG_PUBLIC_LENGTH:
        raise Malformed("a public key has another length than its suite says", input="card")
