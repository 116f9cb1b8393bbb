"""Two fictional nations with fixed keys, and the messages between them that several tests start from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from msgspec import Struct

from simpul.domain.labels import Label, Onward, Tlp
from simpul.domain.mail import Outgoing
from simpul.domain.objects import ObjectKey
from simpul.domain.releases import OBJECT, PASSED, PORTION, SHEET, Proof, Release, ReleaseLeaf, ReleaseState
from simpul.protocol import cards, documents, envelope, manifest, message, packages, release
from simpul.protocol.keys import LogKey, PrekeySecret, SigningKey
from simpul.protocol.labels import label_hash, to_wire
from simpul.protocol.mailboxes import LANES, public_key

DAY = 86_400 * 1_000_000
NOW = 1_790_000_000_000_000
YEAR = 365 * DAY
RELAY = "https://relay.example.org"
REALM = "live"
EPOCH = packages.epoch_of(NOW)


def drawn(name: str, length: int = 32) -> bytes:
    """Bytes that look random and are the same in every run."""
    return hashlib.shake_256(name.encode()).digest(length)


class Nation(Struct, frozen=True, kw_only=True):
    """A party with all its secrets."""

    name: str
    root: SigningKey
    signing: SigningKey
    log: LogKey
    account: bytes
    contact: PrekeySecret
    prekeys: dict[int, PrekeySecret]
    document: documents.Document
    card: cards.Card

    @property
    def party(self) -> str:
        return self.card.party

    def package_for(self, other: str, version: int = 1) -> packages.KeyPackage:
        return packages.issue(
            party=self.party,
            to=other,
            version=version,
            now=NOW,
            relay=RELAY,
            read=public_key(self.account),
            secrets={
                epoch: packages.EpochSecrets(
                    prekey=secret.public,
                    puts={lane: drawn(f"{self.name} {other} {epoch} {lane}") for lane in LANES},
                )
                for epoch, secret in self.prekeys.items()
            },
        )


def realm_keys(name: str, signing: SigningKey) -> cards.RealmKeys:
    return cards.RealmKeys(
        realm=REALM,
        signing=(cards.KeyTerm(key=signing.public.raw, not_before=NOW - DAY, not_after=NOW + YEAR),),
        log=LogKey(drawn(f"{name} log", 64)).public.raw,
        contact=cards.contact(
            RELAY,
            read=public_key(drawn(f"{name} account")),
            put_seed=drawn(f"{name} contact put"),
            prekey=PrekeySecret(drawn(f"{name} contact")).public,
            not_before=NOW - DAY,
            not_after=NOW + YEAR,
        ),
    )


def nation(name: str, country: str) -> Nation:
    root = SigningKey(drawn(f"{name} root", 64))
    signing = SigningKey(drawn(f"{name} signing", 64))
    document = cards.issue(
        root,
        name=name,
        country=country,
        relays=[RELAY],
        realms=[realm_keys(name, signing)],
        not_before=NOW - DAY,
        not_after=NOW + YEAR,
        now=NOW,
    )
    return Nation(
        name=name,
        root=root,
        signing=signing,
        log=LogKey(drawn(f"{name} log", 64)),
        account=drawn(f"{name} account"),
        contact=PrekeySecret(drawn(f"{name} contact")),
        prekeys={
            epoch: PrekeySecret(drawn(f"{name} prekey {epoch}"))
            for epoch in range(EPOCH, EPOCH + packages.EPOCHS)
        },
        document=document,
        card=cards.read(document),
    )


ARUNIKA = nation("Arunika", "XA")
BOREALIA = nation("Borealia", "XB")
CENDARA = nation("Cendara", "XC")

GREEN = Label(tlp=Tlp.GREEN, releasable_to=frozenset({frozenset({BOREALIA.party})}))
AMBER = Label(tlp=Tlp.AMBER, onward=Onward(consent=True), obligations=frozenset({"attribute: Arunika"}))


class Sent(Struct, frozen=True, kw_only=True):
    """A message from Arunika, sealed for Borealia, with all that was sealed."""

    message: bytes
    payload: bytes
    address: envelope.Address
    envelope: bytes


def numbering(number: int = 1, sender: Nation = ARUNIKA) -> message.Numbering:
    return message.Numbering(
        realm=REALM,
        sender=sender.party,
        stream=drawn(f"{sender.name} stream", 16),
        number=number,
        card=1,
        partner_card=1,
        logged_by=NOW + 1_200_000_000,
    )


def drawn_message(name: str) -> message.Drawn:
    return message.Drawn(id=drawn(f"{name} id", 16), leaf_salt=drawn(f"{name} leaf salt"))


def address(recipient: Nation = BOREALIA, sender: Nation = ARUNIKA, lane: str = "normal") -> envelope.Address:
    epoch = recipient.package_for(sender.party).at(NOW)
    return envelope.Address(tag=epoch.lanes[lane].tag, epoch=epoch.epoch, prekey=epoch.prekey)


def sealed(outgoing: Outgoing, to: envelope.Address | None = None, number: int = 1) -> Sent:
    to = to or address()
    data = message.encode_message(message.numbered(outgoing, numbering(number)))
    sealed_bytes = envelope.seal(data, outgoing.payload, ARUNIKA.signing, to, attempt=1)
    return Sent(message=data, payload=outgoing.payload, address=to, envelope=sealed_bytes)


def unsealed(data: bytes, reader: Nation = BOREALIA, realm: str = REALM) -> envelope.Unsealed:
    parsed = envelope.parse(data)
    secret = reader.contact if parsed.epoch == envelope.CONTACT_EPOCH else reader.prekeys[EPOCH]
    epoch = envelope.CONTACT_EPOCH if parsed.epoch == envelope.CONTACT_EPOCH else EPOCH
    return envelope.unseal(parsed, secret, epoch=epoch, realm=realm, me=reader.party)


def opened(data: bytes, reader: Nation = BOREALIA) -> envelope.Opened:
    inside = unsealed(data, reader)
    return envelope.open_message(inside, ARUNIKA.card.signer(REALM, inside.seal.key, NOW))


class Tale(Struct, frozen=True, kw_only=True):
    """A small release, of Arunika's if not said otherwise: its tree, signed manifest, and leaves with their bytes."""

    tree: manifest.Tree
    manifest: manifest.Manifest
    document: documents.Document
    leaves: tuple[tuple[ReleaseLeaf, bytes], ...]

    def proof(self, position: int, grant: bytes = b"") -> Proof:
        """What shows that one leaf is its author's."""
        leaf, _ = self.leaves[position]
        return Proof(
            manifest=self.document.encode(),
            kind=leaf.kind,
            position=position,
            salt=leaf.salt,
            label=leaf.label,
            path=self.tree.path(position, position + 1),
            grant=grant,
        )

    def pack(self, start: int = 0, stop: int | None = None, part: int = 0) -> release.Packed:
        stop = len(self.leaves) if stop is None else stop
        return release.pack(
            self.document,
            self.manifest,
            part=part,
            leaves=self.leaves[start:stop],
            path=self.tree.path(start, stop),
        )


def tale(
    bodies: list[bytes],
    parts: int = 1,
    name: str = "tale",
    author: Nation = ARUNIKA,
    passed: Mapping[int, Proof] | None = None,
) -> Tale:
    """A release of these bodies: a sheet, a portion, objects. Those with a proof, by position, are passed on."""
    leaves: list[tuple[ReleaseLeaf, bytes]] = []
    proofs = passed or {}
    for position, body in enumerate(bodies):
        kind = PASSED if position in proofs else (SHEET, PORTION, OBJECT)[min(position, 2)]
        label = label_hash((GREEN, AMBER)[position % 2])
        salt = drawn(f"{name} salt {position}")
        leaf = ReleaseLeaf(
            position=position,
            kind=kind,
            key=ObjectKey(originator=author.party, id=f"note--{position}", version=0, sha256=bytes(32)),
            number=0,
            body=None,
            label=label,
            salt=salt,
            hash=manifest.leaf_hash(salt, kind, label, body),
            proof=proofs.get(position),
        )
        leaves.append((leaf, body))
    width = manifest.padded(len(bodies))
    padding = drawn(f"{name} padding", 32 * (width - len(bodies)))
    tree = manifest.Tree(manifest.pad(b"".join(leaf.hash for leaf, _ in leaves), padding))
    stated = manifest.Manifest(
        product="product--5f0c9b1e-0000-4000-8000-000000000001",
        version=1,
        originator=author.party,
        labels=(to_wire(GREEN), to_wire(AMBER)),
        obligations=("attribute: Arunika",),
        agreement=drawn("agreement"),
        purpose="counter-proliferation",
        precedence="priority",
        size=sum(map(len, bodies)),
        entries=len(bodies),
        leaves=tree.leaves,
        parts=parts,
        root=tree.root,
        created=NOW,
    )
    document = documents.sign(manifest.KIND, REALM, manifest.encode_manifest(stated), author.signing)
    return Tale(tree=tree, manifest=stated, document=document, leaves=tuple(leaves))


def approved(told: Tale, state: ReleaseState = ReleaseState.APPROVED) -> Release:
    return Release(
        id=drawn("release", 16),
        product=told.manifest.product,
        version=1,
        recipient=BOREALIA.party,
        root=told.tree.root,
        leaves=told.tree.leaves,
        entries=len(told.leaves),
        parts=told.manifest.parts,
        manifest=told.document.payload,
        signed=b"",
        agreement=told.manifest.agreement,
        policy=drawn("policy"),
        obligations=told.manifest.obligations,
        objects=len(told.leaves),
        redacted=0,
        withheld=(),
        needed=1,
        state=state,
        created=NOW,
        approved_at=NOW,
        released_at=None,
    )


def release_message(told: Tale, part: int = 0, start: int = 0, stop: int | None = None) -> Outgoing:
    return message.content_part(
        approved(told),
        told.pack(start, stop, part),
        drawn_message(f"release {part}"),
        lane="normal",
        now=NOW,
        decided_at=NOW,
        expires=NOW + DAY,
        decision=drawn("decision"),
    )
