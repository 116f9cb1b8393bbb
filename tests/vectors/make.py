"""Make the vectors of spec/vectors anew: `python -m tests.vectors.make`. No test runs this.

ML-DSA signing and the content keys are randomised, so the bytes differ each time; names, inputs and expectations do
not. The nations and their secrets are those of tests/unit/protocol/parties.py.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from simpul.domain.grants import Grant, Leaves
from simpul.domain.labels import Onward
from simpul.domain.mail import Outgoing
from simpul.domain.releases import Proof
from simpul.protocol import (
    agreements,
    cards,
    documents,
    envelope,
    labels,
    log,
    mailboxes,
    manifest,
    message,
    payloads,
    recalls,
    release,
)
from simpul.protocol.canonical import encode
from simpul.protocol.grants import GRANT, encode_grant
from simpul.protocol.keys import PrekeySecret
from tests.unit.protocol.handmade import sealed_by_hand
from tests.unit.protocol.parties import (
    AMBER,
    ARUNIKA,
    BOREALIA,
    CENDARA,
    DAY,
    EPOCH,
    GREEN,
    NOW,
    REALM,
    RELAY,
    YEAR,
    Sent,
    address,
    approved,
    drawn,
    drawn_message,
    numbering,
    release_message,
    sealed,
    tale,
)
from tests.unit.protocol.test_labels_and_agreements import AGREEMENT
from tests.vectors.reader import FOLDER

Vector = dict[str, Any]

REVOKED = cards.renew(
    ARUNIKA.root,
    ARUNIKA.card,
    now=NOW,
    not_after=NOW + YEAR,
    revoked=[cards.Revocation(key=ARUNIKA.signing.public.id, revoked_from=NOW - DAY)],
)
TOLD = tale(
    [b'{"title":"sheet"}', b'{"number":1,"text":"portion"}', *(b'{"id":"note--%d"}' % n for n in range(6))]
)
LONG = tale([b"sheet", b"portion", *(drawn(f"long object {n}", 1000) for n in range(36))], name="long")


def ack(number: int = 1, name: str = "ack") -> Outgoing:
    """A message with nothing but acks."""
    return procedure(payloads.Acks(), f"{name} {number}")


def procedure(payload: payloads.Procedure, name: str, attached: tuple[bytes, ...] = ()) -> Outgoing:
    """A procedure message to Borealia."""
    return message.procedure(
        payload, attached, drawn_message(name), to=BOREALIA.party, lane="normal", now=NOW, expires=NOW + DAY
    )


SMALL = sealed(ack())
SENT = sealed(release_message(TOLD))


def envelopes(
    name: str,
    about: str,
    sent: list[bytes],
    *expect: tuple[str, str],
    runs: str = "envelopes",
    **change: Any,
) -> Vector:
    """A vector of envelopes to Borealia."""
    inputs = {
        "me": BOREALIA.party,
        "realm": REALM,
        "epoch": EPOCH,
        "tag": address().tag.hex(),
        "now": NOW,
        "agreed_suite": 1,
        "cards": ["arunika-1", "borealia-1"],
    }
    return {
        "name": name,
        "about": about,
        "runs": runs,
        "inputs": inputs | change,
        "secrets": {"prekey_seed": drawn(f"Borealia prekey {EPOCH}").hex()},
        "bytes": [data.hex() for data in sent],
        "expect": [{"outcome": outcome, "step": step} for outcome, step in expect],
    }


def plain(
    name: str, about: str, runs: str, inputs: dict[str, Any], given: Any, *expect: tuple[str, str]
) -> Vector:
    """Any other vector."""
    return {
        "name": name,
        "about": about,
        "runs": runs,
        "inputs": inputs,
        "secrets": {},
        "bytes": given,
        "expect": [{"outcome": outcome, "step": step} for outcome, step in expect],
    }


def altered(sent: Sent, **change: Any) -> bytes:
    """A message with fields changed by its own sender before it was signed."""
    told = message.decode_message(sent.message)
    return sealed_by_hand(sent, message_bytes=encode(replace(told, **change)))


def good() -> Iterator[Vector]:
    """What opens."""
    yield envelopes("ack", "A message that carries only acks opens.", [SMALL.envelope], ("opened", "payload"))
    yield envelopes(
        "release", "A release of one part opens and proves every leaf.", [SENT.envelope], ("opened", "recall")
    )
    told = tale([b"sheet", b"portion", *(b"object %d" % n for n in range(10))], parts=3, name="parts")
    parts = [sealed(release_message(told, p, 4 * p, 4 * p + 4), number=p + 1).envelope for p in range(3)]
    yield envelopes(
        "release-in-parts",
        "Three parts of one release, the last one first, each prove themselves.",
        [parts[2], parts[0], parts[1]],
        *[("opened", "recall")] * 3,
    )
    extra = altered(SMALL, extra={"colour": "blue"})
    yield envelopes(
        "unknown-extra", "An unknown name under `extra` is let be.", [extra], ("opened", "payload")
    )


def altered_outside() -> Iterator[Vector]:
    """Envelopes altered on the way."""
    fields = [("malformed", "parse")] * 4 + [("not-understood", "parse"), ("wrong-suite", "parse")]
    fields += [("unopenable", "select")] * 16 + [("misdirected", "unseal")] * 4
    yield envelopes(
        "altered-header",
        "One bit altered in each byte of the header.",
        [SMALL.envelope],
        *fields,
        runs="alterations",
        variants=[{"at": at, "xor": 2} for at in range(envelope.HEADER_LENGTH)],
    )
    wrapped = range(envelope.HEADER_LENGTH, envelope.HEADER_LENGTH + 1168, 73)
    yield envelopes(
        "altered-wrap",
        "One bit altered in every 73rd byte of the wrap.",
        [SMALL.envelope],
        *[("unopenable", "unseal")] * len(wrapped),
        runs="alterations",
        variants=[{"at": at, "xor": 1} for at in wrapped],
    )
    long = sealed(release_message(LONG))
    body = envelope.HEADER_LENGTH + 1168
    places = [body, body + 24, *range(body + 56, len(long.envelope), 16_400), len(long.envelope) - 1]
    yield envelopes(
        "altered-chunk",
        "One bit altered in the body's salt, its commitment, the start of each chunk, and the last tag.",
        [long.envelope],
        *[("unopenable", "unseal")] * len(places),
        runs="alterations",
        variants=[{"at": at, "xor": 128} for at in places],
    )
    cuts = [0, 3, 5, 25, 26, 1193]
    deep = [1194, 1249, 1250, len(SMALL.envelope) - 1]
    yield envelopes(
        "truncation",
        "The envelope cut off within and after each of its parts.",
        [SMALL.envelope],
        *[("malformed", "parse")] * len(cuts),
        *[("unopenable", "unseal")] * len(deep),
        runs="alterations",
        variants=[{"length": length} for length in (*cuts, *deep)],
    )
    yield envelopes(
        "not-an-envelope", "Other bytes.", [b'{"hello":1}' * 9, b""], *[("malformed", "parse")] * 2
    )


def hostile_inside() -> Iterator[Vector]:
    """Envelopes made to deceive."""
    other = payloads.encode_payload(payloads.Acks(), [b"another payload"])
    swapped = sealed_by_hand(SMALL, payload=other)
    yield envelopes(
        "swapped-payload", "Another payload than the signed hash names.", [swapped], ("unproven", "open")
    )
    inner = envelope.unseal(
        envelope.parse(SMALL.envelope), BOREALIA.prekeys[EPOCH], epoch=EPOCH, realm=REALM, me=BOREALIA.party
    )
    theirs = address(CENDARA, BOREALIA)
    again = sealed_by_hand(SMALL, to=theirs, seal_bytes=inner.seal_bytes)
    mine = sealed_by_hand(SMALL, to=theirs, signer=BOREALIA.signing)
    at_cendara: dict[str, Any] = {
        "me": CENDARA.party,
        "tag": theirs.tag.hex(),
        "cards": ["arunika-1", "borealia-1"],
    }
    readdressed = envelopes(
        "readdressed",
        "Borealia seals Arunika's signed words again for Cendara: with Arunika's seal, then with its own.",
        [again, mine],
        *[("misdirected", "unseal")] * 2,
        **at_cendara,
    )
    readdressed["secrets"] = {"prekey_seed": drawn(f"Cendara prekey {EPOCH}").hex()}
    yield readdressed
    stripped = [sealed_by_hand(SMALL, strip=which) for which in (0, 1)]
    yield envelopes(
        "stripped-signature",
        "Without the Ed25519 signature, then without the ML-DSA-65 one.",
        stripped,
        *[("bad-signature", "open")] * 2,
    )
    other_key = sealed_by_hand(SMALL, signer=BOREALIA.signing, change={"key": ARUNIKA.signing.public.id})
    yield envelopes(
        "another-signer",
        "Borealia signs in Arunika's name; then a key that is on no card.",
        [other_key, sealed_by_hand(SMALL, signer=BOREALIA.signing)],
        ("bad-signature", "open"),
        ("bad-signature", "signer"),
    )
    yield envelopes(
        "bad-padding",
        "The padding is not zero.",
        [sealed_by_hand(SMALL, tail=b"\0\0\1")],
        ("malformed", "unseal"),
    )
    second = sealed_by_hand(SMALL, message_bytes=SMALL.message + b" ")
    double = sealed_by_hand(SMALL, message_bytes=b'{"card":1,' + SMALL.message[1:])
    yield envelopes(
        "not-canonical",
        "The message with a space after it; then with a key twice.",
        [second, double],
        *[("malformed", "open")] * 2,
    )


def wrong_place() -> Iterator[Vector]:
    """Right words in the wrong realm, suite or mailbox."""
    elsewhere = sealed_by_hand(SMALL, realm="exercise-1")
    inside = altered(SMALL, realm="exercise-1")
    yield envelopes(
        "wrong-realm",
        "Sealed in an exercise's realm; then a message of an exercise sealed in the live realm.",
        [elsewhere, inside],
        ("unopenable", "unseal"),
        ("misdirected", "unseal"),
    )
    yield envelopes(
        "wrong-suite",
        "The header names suite 2; then suite 1 where the agreement fixes suite 2.",
        [SMALL.envelope[:5] + b"\2" + SMALL.envelope[6:], SMALL.envelope],
        ("wrong-suite", "parse"),
        ("wrong-suite", "suite"),
        agreed_suite=2,
    )
    contact = BOREALIA.card.realm(REALM).contact
    to = envelope.Address(tag=contact.tag, epoch=envelope.CONTACT_EPOCH, prekey=contact.prekey)
    hello = message.procedure(
        payloads.Hello(),
        (ARUNIKA.document.encode(),),
        drawn_message("hello"),
        to=BOREALIA.party,
        lane="contact",
        now=NOW,
        expires=NOW + DAY,
    )
    vector = envelopes(
        "contact-mailbox",
        "A hello opens by the contact mailbox; an ack does not come that way.",
        [sealed(hello, to).envelope, sealed_by_hand(SMALL, to=to)],
        ("opened", "payload"),
        ("misdirected", "open"),
        epoch=envelope.CONTACT_EPOCH,
        tag=contact.tag.hex(),
    )
    vector["secrets"] = {"prekey_seed": drawn("Borealia contact").hex()}
    yield vector


def understanding() -> Iterator[Vector]:
    """Words that a recipient of this version does not know, by a verified sender."""
    field = sealed_by_hand(SMALL, message_bytes=SMALL.message[:-1] + b',"zz":1}')
    forged = sealed_by_hand(SMALL, message_bytes=SMALL.message[:-1] + b',"zz":1}', strip=1)
    yield envelopes(
        "unknown-critical-field",
        "A field that this version does not know: signed, then with one signature missing.",
        [field, forged],
        ("not-understood", "open"),
        ("bad-signature", "open"),
    )
    yield envelopes(
        "unknown-kind",
        "A kind that this version does not know.",
        [altered(SMALL, kind="level")],
        ("not-understood", "open"),
    )
    yield envelopes(
        "unknown-version", "A message of version 2.", [altered(SMALL, version=2)], ("not-understood", "open")
    )


def timing() -> Iterator[Vector]:
    """Clocks, cards and keys."""
    ahead = altered(SMALL, created=NOW + 601_000_000)
    yield envelopes(
        "clock-ahead",
        "Created more than ten minutes ahead of the reader's clock: held.",
        [ahead],
        ("held", "time"),
    )
    yield envelopes(
        "expired", "Read after it expired.", [SMALL.envelope], ("stale", "time"), now=NOW + 2 * DAY
    )
    yield envelopes(
        "revoked-key",
        "Signed by a key that the newest card revokes.",
        [SMALL.envelope],
        ("stale", "signer"),
        cards=["arunika-2-revoked", "borealia-1"],
    )
    yield envelopes(
        "expired-key",
        "Signed by a key past its year.",
        [SMALL.envelope],
        ("stale", "signer"),
        now=NOW + 2 * YEAR,
    )
    newer = cards.renew(ARUNIKA.root, ARUNIKA.card, now=NOW, not_after=NOW + YEAR)
    yield plain(
        "old-card",
        "Version 2 of a card follows version 1; version 1 after it is stale.",
        "cards",
        {"known": "arunika-1"},
        [newer.encode().hex(), ARUNIKA.document.encode().hex()],
        ("accepted", "card"),
        ("stale", "card"),
    )
    forged = documents.sign(cards.KIND, documents.EVERY_REALM, newer.payload, BOREALIA.root)
    by_signing = documents.sign(cards.KIND, documents.EVERY_REALM, newer.payload, ARUNIKA.signing)
    yield plain(
        "card-by-another-root",
        "A next card signed by another root; then by the party's own signing key.",
        "cards",
        {"known": "arunika-1"},
        [forged.encode().hex(), by_signing.encode().hex()],
        *[("bad-signature", "card")] * 2,
    )
    packages = [encode(BOREALIA.package_for(ARUNIKA.party, version)).hex() for version in (2, 1)]
    yield plain(
        "stale-package",
        "Version 2 of a key package, then version 1.",
        "packages",
        {"party": BOREALIA.party, "to": ARUNIKA.party},
        packages,
        ("accepted", "package"),
        ("stale", "package"),
    )


def order() -> Iterator[Vector]:
    """Repetition, gaps and recalls."""
    stream = numbering().stream
    yield envelopes(
        "replay",
        "The same envelope twice: the second has the outcome of the first and is not applied.",
        [SMALL.envelope, SMALL.envelope],
        ("opened", "payload"),
        ("duplicate", "order"),
    )
    again = envelope.seal(SMALL.message, SMALL.payload, ARUNIKA.signing, SMALL.address, attempt=2)
    yield envelopes(
        "resealed-duplicate",
        "The same message sealed again: another envelope, the same name.",
        [SMALL.envelope, again],
        ("opened", "payload"),
        ("duplicate", "order"),
    )
    rival = sealed(ack(name="rival"), number=1)
    yield envelopes(
        "two-messages-of-one-number",
        "Two messages under one stream and number: the second is evidence.",
        [SMALL.envelope, rival.envelope],
        ("opened", "payload"),
        ("evidence", "order"),
    )
    third = sealed(ack(3), number=3)
    void = sealed(
        procedure(payloads.Void(stream=stream, ranges=((2, 2),), reason="expired"), "void"), number=4
    )
    vector = envelopes(
        "gap-and-void",
        "Numbers 1 and 3 come; 4 is a void that fills 2.",
        [third.envelope, SMALL.envelope, void.envelope],
        *[("opened", "payload")] * 3,
    )
    vector["state"] = {stream.hex(): {"up_to": 4, "ranges": []}}
    yield vector
    gap = envelopes(
        "gap",
        "Numbers 1 and 3 come, 2 is missing.",
        [SMALL.envelope, third.envelope],
        *[("opened", "payload")] * 2,
    )
    gap["state"] = {stream.hex(): {"up_to": 1, "ranges": [[3, 3]]}}
    yield gap
    recall = recalls.Recall(
        author=ARUNIKA.party,
        originator=ARUNIKA.party,
        action="recall",
        code="mistake",
        product=TOLD.manifest.product,
        reason="wrong person",
        issued=NOW,
        deadline=NOW + DAY,
    )
    document = documents.sign("recall", REALM, recalls.encode_recall(recall), ARUNIKA.signing)
    notice = procedure(recalls.RecallNotice(), "recall", (document.encode(),))
    yield envelopes(
        "recall-before-release",
        "The recall of a product arrives before the product, which is then refused.",
        [sealed(notice, number=2).envelope, SENT.envelope],
        ("opened", "payload"),
        ("refused", "recall"),
    )


def leaves() -> Iterator[Vector]:
    """Releases whose leaves are not the originator's."""

    def sent_with(position: int, change: dict[str, Any], body: bytes | None = None) -> bytes:
        changed = [*TOLD.leaves]
        leaf, old = changed[position]
        changed[position] = (replace(leaf, **change), old if body is None else body)
        path = TOLD.tree.path(0, len(changed))
        packed = release.pack(TOLD.document, TOLD.manifest, part=0, leaves=changed, path=path)
        outgoing = message.content_part(
            approved(TOLD),
            packed,
            drawn_message("release 0"),
            lane="normal",
            now=NOW,
            decided_at=NOW,
            expires=NOW + DAY,
            decision=drawn("decision"),
        )
        return sealed(outgoing).envelope

    relabelled = sent_with(3, {"label": TOLD.leaves[2][0].label})
    yield envelopes(
        "relabelled-leaf", "One object under another object's label.", [relabelled], ("unproven", "prove")
    )
    foreign = sent_with(3, {"salt": drawn("foreign")}, b'{"id":"note--foreign"}')
    edited = sent_with(3, {}, b'{"id":"note--edited"}')
    yield envelopes(
        "foreign-leaf",
        "An object of another tree in the place of one; then one whose bytes were edited.",
        [foreign, edited],
        *[("unproven", "prove")] * 2,
    )
    other = replace(
        TOLD, document=documents.sign(manifest.KIND, REALM, TOLD.document.payload, BOREALIA.signing)
    )
    yield envelopes(
        "manifest-by-another",
        "A manifest that Borealia signed in Arunika's name.",
        [sealed(release_message(other)).envelope],
        ("bad-signature", "prove"),
    )


def passed_on() -> Iterator[Vector]:
    """Arunika passes on what Cendara wrote."""
    told = tale([b"sheet", b"portion", *(b'{"id":"note--c%d"}' % n for n in range(5))], author=CENDARA)
    consent = Grant(
        request=drawn("request"),
        originator=CENDARA.party,
        grantee=ARUNIKA.party,
        beneficiary=BOREALIA.party,
        leaves=(Leaves(root=told.tree.root, positions=(3,)),),
        rendition=b"",
        purpose="counter-proliferation",
        obligations=(),
        onward=Onward(none=True),
        agreement=drawn("agreement"),
        not_after=NOW + DAY,
        repeated=False,
        at=NOW,
    )
    grant = documents.sign(GRANT, REALM, encode_grant(consent), CENDARA.signing).encode()
    whole = told.proof(3, grant)

    def sent(proof: Proof, body: bytes = told.leaves[3][1]) -> bytes:
        passed = tale([b"sheet", b"portion", b'{"id":"note--a"}', body], name="passing", passed={3: proof})
        return sealed(release_message(passed)).envelope

    known = ["arunika-1", "borealia-1", "cendara-1"]
    yield envelopes(
        "passed-on",
        "An object that Cendara wrote, passed on by Arunika with Cendara's manifest, leaf, path and grant.",
        [sent(whole)],
        ("opened", "recall"),
        cards=known,
    )
    yield envelopes(
        "passed-on-without-card",
        "The same to a reader without Cendara's card: proven to be in that manifest, and nobody vouches for it.",
        [sent(whole)],
        ("unverified", "authorship"),
    )
    yield envelopes(
        "passed-on-edited",
        "The body edited; another salt; another position; another label of Cendara's manifest; narrative as an object.",
        [
            sent(whole, b'{"id":"note--x1"}'),
            sent(replace(whole, salt=drawn("another"))),
            sent(replace(whole, position=4)),
            sent(replace(whole, label=told.leaves[2][0].label)),
            sent(told.proof(1), told.leaves[1][1]),
        ],
        *[("unproven", "prove")] * 4,
        ("malformed", "payload"),
        cards=known,
    )
    other = documents.sign(manifest.KIND, REALM, told.document.payload, ARUNIKA.signing).encode()
    yield envelopes(
        "passed-on-forged",
        "A manifest that Arunika signed in Cendara's name.",
        [sent(replace(whole, manifest=other))],
        ("bad-signature", "prove"),
        cards=known,
    )


def small_values() -> Iterator[Vector]:
    """Documents, tags and plain functions."""
    put_seed, read_key = drawn("put"), mailboxes.public_key(drawn("read"))
    put_key = mailboxes.public_key(put_seed)
    tag = mailboxes.mailbox_tag(RELAY, read_key, put_key)
    hashed = hashlib.sha256(SMALL.envelope).digest()
    statement = mailboxes.put_statement(RELAY, tag, hashed, len(SMALL.envelope))
    signatures = [mailboxes.sign_statement(seed, statement).hex() for seed in (put_seed, drawn("another"))]
    given = {"relay": RELAY, "read_key": read_key.hex(), "put_key": put_key.hex(), "tag": tag.hex()}
    yield plain(
        "put-without-key",
        "A put signed with the mailbox's put key; then by somebody without it.",
        "puts",
        given | {"envelope": hashed.hex(), "length": len(SMALL.envelope)},
        signatures,
        ("accepted", "put"),
        ("bad-signature", "put"),
    )
    origin = log.log_origin(ARUNIKA.party, REALM, drawn("incarnation", 16))
    points = [
        log.Checkpoint(origin=origin, size=size, root=drawn(root))
        for size, root in ((64, "a"), (128, "b"), (64, "c"))
    ]
    notes = [log.sign_checkpoint(point, ARUNIKA.log, at=NOW) for point in points]
    yield plain(
        "conflicting-checkpoints",
        "Two checkpoints of one log with the same size and different roots.",
        "checkpoints",
        {"log_key": ARUNIKA.log.public.raw.hex(), "origin": origin},
        [note.hex() for note in notes],
        ("accepted", "checkpoint"),
        ("accepted", "checkpoint"),
        ("evidence", "checkpoint"),
    )
    good = [labels.encode_label(label) for label in (GREEN, AMBER)]
    bad = [
        b'{"topics":["b","a"]}',
        b'{"topics":[]}',
        b'{ "tlp":"red"}',
        b'{"tlp":"red","tlp":"red"}',
        b'{"tlp":"pink"}',
    ]
    unknown = b'{"embargo":1}'
    hashes = [hashlib.sha256(data).hexdigest() for data in good] + [None] * (len(bad) + 1)
    yield plain(
        "labels",
        "Two labels and their hashes; then forms of labels that are not canonical, and an unknown restriction.",
        "labels",
        {"hashes": hashes},
        [data.hex() for data in (*good, *bad, unknown)],
        *[("accepted", "label")] * 2,
        *[("malformed", "label")] * len(bad),
        ("not-understood", "label"),
    )
    signed = documents.sign(agreements.KIND, REALM, agreements.encode_agreement(AGREEMENT), ARUNIKA.signing)
    both = documents.countersign(signed, BOREALIA.signing)
    third = documents.countersign(both, CENDARA.signing)
    yield plain(
        "agreement",
        "Signed by one party, by both, and by a stranger too.",
        "agreements",
        {
            "realm": REALM,
            "keys": [nation.signing.public.raw.hex() for nation in (ARUNIKA, BOREALIA)],
            "hash": signed.hash.hex(),
            "equivalences": agreements.equivalence_hash(AGREEMENT).hex(),
        },
        [document.encode().hex() for document in (signed, both, third)],
        ("accepted", "agreement"),
        ("accepted", "agreement"),
        ("bad-signature", "agreement"),
    )


def functions() -> Iterator[Vector]:
    """What goes in and what must come out."""
    ok = ("accepted", "value")
    root = ARUNIKA.root.public.raw.hex()
    yield plain(
        "fingerprint",
        "The fingerprint of a root.",
        "value",
        {"function": "fingerprint", "root": root},
        ARUNIKA.party,
        ok,
    )
    lengths = [[n, 0] for n in (0, 1, 2, 9, 100, 1000, 4097, 65_537, 1_000_000)] + [[100, 8192], [9000, 8192]]
    yield plain(
        "padme",
        "Size classes, without and with a floor.",
        "value",
        {"function": "padme", "lengths": lengths},
        [envelope.padded(*each) for each in lengths],
        ok,
    )
    seed = drawn("prekey")
    yield plain(
        "prekey",
        "The public half of a prekey from its seed.",
        "value",
        {"function": "prekey", "seed": seed.hex()},
        PrekeySecret(seed).public.hex(),
        ok,
    )
    leaf, body = TOLD.leaves[2]
    given = {"salt": leaf.salt.hex(), "kind": leaf.kind, "label": leaf.label.hex(), "body": body.hex()}
    yield plain("leaf", "One leaf's hash.", "value", {"function": "leaf"} | given, leaf.hash.hex(), ok)
    hashes = [drawn(f"leaf {n}") for n in range(8)]
    tree = manifest.Tree(b"".join(hashes))
    ranges = [[0, 8], [0, 1], [7, 8], [3, 5], [1, 6], [2, 4]]
    paths = [[each.hex() for each in tree.path(*pair)] for pair in ranges]
    yield plain(
        "tree",
        "The root over eight leaves, and the paths of ranges.",
        "value",
        {"function": "tree", "leaves": [each.hex() for each in hashes], "ranges": ranges},
        {"root": tree.root.hex(), "paths": paths},
        ok,
    )
    yield plain(
        "shuffle",
        "The order of ten leaves under a seed.",
        "value",
        {"function": "shuffle", "count": 10, "seed": drawn("shuffle").hex()},
        manifest.shuffled(10, drawn("shuffle")),
        ok,
    )


def parties() -> dict[str, Any]:
    """The cards that vectors name, and the seeds of everything that is secret."""
    nations = (ARUNIKA, BOREALIA, CENDARA)
    seeds = {
        nation.name.lower(): {
            "root": drawn(f"{nation.name} root", 64).hex(),
            "signing": drawn(f"{nation.name} signing", 64).hex(),
            "log": drawn(f"{nation.name} log", 64).hex(),
            "contact": drawn(f"{nation.name} contact").hex(),
            "prekeys": {str(e): drawn(f"{nation.name} prekey {e}").hex() for e in nation.prekeys},
        }
        for nation in nations
    }
    named = {f"{nation.name.lower()}-1": nation.document.encode().hex() for nation in nations}
    return {"cards": named | {"arunika-2-revoked": REVOKED.encode().hex()}, "seeds": seeds}


def main() -> None:
    """Write every file anew."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.glob("*.json"):
        old.unlink()
    sets = (
        good,
        altered_outside,
        hostile_inside,
        wrong_place,
        understanding,
        timing,
        order,
        leaves,
        passed_on,
    )
    vectors = [vector for make in (*sets, small_values, functions) for vector in make()]
    for vector in vectors:
        (FOLDER / f"{vector['name']}.json").write_text(json.dumps(vector, indent=1) + "\n")
    (FOLDER / "parties.json").write_text(json.dumps(parties(), indent=1) + "\n")
    sys.stdout.write(f"{len(vectors)} vectors written to {FOLDER}\n")


if __name__ == "__main__":
    main()
