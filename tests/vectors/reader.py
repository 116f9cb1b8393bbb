"""A recipient that opens test vectors, step by step, and says how far it came (spec/vectors/README.md).

It keeps what a node keeps between messages: which it has seen, which numbers came, what was recalled. Each method is
one kind of vector and returns a list of `Outcome`s, one for each input in `bytes`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from simpul.domain.labels import Label
from simpul.errors import SimpulError
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
    packages,
    payloads,
    recalls,
    receipts,
    release,
)
from simpul.protocol.canonical import decode
from simpul.protocol.keys import LogPublicKey, PrekeySecret, PublicKey, fingerprint

FOLDER = Path(__file__).parents[2] / "spec" / "vectors"


class Outcome(NamedTuple):
    """What became of one input: an outcome class, and the step that decided it."""

    outcome: str
    step: str


def load(name: str) -> dict[str, Any]:
    """One file of the folder."""
    loaded: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return loaded


def names() -> list[str]:
    """Every scenario."""
    return sorted(file.stem for file in FOLDER.glob("*.json") if file.stem != "parties")


def run(vector: dict[str, Any]) -> list[Outcome]:
    """Open what a vector holds."""
    return READERS[vector["runs"]](vector)


def expected(vector: dict[str, Any]) -> list[Outcome]:
    """What it says must happen."""
    return [Outcome(each["outcome"], each["step"]) for each in vector["expect"]]


def card_named(name: str) -> cards.Card:
    """A card of the shared file `parties.json`: trusted as it stands there."""
    document = documents.parse_document(bytes.fromhex(load("parties")["cards"][name]))
    return decode(document.payload, cards.Card, cards.CARD_LIMIT)


class Node:
    """One recipient with one prekey. `step` is where it stands; an error that is raised is of that step."""

    def __init__(self, vector: dict[str, Any]) -> None:
        inputs = vector["inputs"]
        self.now: int = inputs["now"]
        self.realm: str = inputs["realm"]
        self.me: str = inputs["me"]
        self.epoch: int = inputs["epoch"]
        self.suite: int = inputs["agreed_suite"]
        self.secret = PrekeySecret(bytes.fromhex(vector["secrets"]["prekey_seed"]))
        self.tag: str = inputs["tag"]
        self.cards = {card.party: card for card in map(card_named, inputs["cards"])}
        self.step = "parse"
        self.seen: dict[bytes, str] = {}
        self.numbers: dict[tuple[str, bytes, int], bytes] = {}
        self.received: dict[bytes, Any] = {}
        self.recalled: set[str] = set()

    def take(self, data: bytes) -> Outcome:
        """One envelope, from its bytes to what is kept of it."""
        try:
            return Outcome(self._take(data), self.step)
        except SimpulError as fault:
            return Outcome(fault.code, self.step)

    def _take(self, data: bytes) -> str:
        self.step = "parse"
        sealed = envelope.parse(data)
        self.step = "select"
        if sealed.tag.hex() != self.tag:
            return "unopenable"
        self.step = "unseal"
        inside = envelope.unseal(sealed, self.secret, epoch=self.epoch, realm=self.realm, me=self.me)
        self.step = "signer"
        key = self.cards[inside.sender].signer(self.realm, inside.seal.key, self.now)
        self.step = "open"
        opened = envelope.open_message(inside, key)
        self.step = "suite"
        envelope.require_suite(opened, self.suite)
        self.step = "time"
        if message.is_ahead(opened.message, self.now):
            return "held"
        message.check_expiry(opened.message, self.now)
        self.step = "order"
        return self._ordered(opened)

    def _ordered(self, opened: envelope.Opened) -> str:
        said = opened.message
        if opened.name in self.seen:
            return "duplicate"
        place = (said.sender, said.stream, said.number)
        if place in self.numbers:
            return "evidence"
        self.step = "payload"
        outcome = self._payload(opened)
        self.numbers[place] = opened.name
        self.seen[opened.name] = outcome
        state = self.received.get(said.stream, receipts.empty(said.stream))
        self.received[said.stream] = receipts.add(state, said.number)
        return outcome

    def _payload(self, opened: envelope.Opened) -> str:
        if opened.kind.name == "release":
            return self._release(opened)
        if opened.kind.schema is None:
            return "not-understood"
        payload, attached = payloads.decode_payload(opened.payload, opened.kind.schema)
        if isinstance(payload, payloads.Void):
            state = self.received.get(payload.stream, receipts.empty(payload.stream))
            self.received[payload.stream] = receipts.merge(state, payload.ranges)
        if isinstance(payload, recalls.RecallNotice):
            document, recall = recalls.read_recall(attached[0], self.realm)
            documents.verify(document, [self._author(recall.author, document)])
            self.recalled.add(recall.product)
        return "opened"

    def _release(self, opened: envelope.Opened) -> str:
        unpacked = release.unpack(opened.payload, opened.message.payload.length, self.realm)
        self.step = "prove"
        manifest.check_originator(unpacked.manifest, opened.message.sender)
        key = self._author(unpacked.manifest.originator, unpacked.document)
        part = release.prove(unpacked, key, self._vouched)
        self.step = "authorship"
        if any(entry.passed and not entry.passed.verified for entry in part.entries):
            return "unverified"
        self.step = "recall"
        return "refused" if part.manifest.product in self.recalled else "opened"

    def _vouched(self, document: documents.Document, party: str) -> PublicKey | None:
        return self._author(party, document) if party in self.cards else None

    def _author(self, party: str, document: documents.Document) -> PublicKey:
        return self.cards[party].pair_of(self.realm, document.signatures[0].key)


def read_envelopes(vector: dict[str, Any]) -> list[Outcome]:
    """Envelopes that reach one mailbox, in order; `state` is what is then known of each stream."""
    node = Node(vector)
    outcomes = [node.take(bytes.fromhex(data)) for data in vector["bytes"]]
    states = {
        stream.hex(): {"up_to": state.up_to, "ranges": [list(pair) for pair in state.ranges]}
        for stream, state in node.received.items()
    }
    assert states == vector.get("state", states), "the numbers received are not as the vector says"
    return outcomes


def read_alterations(vector: dict[str, Any]) -> list[Outcome]:
    """One envelope, altered at one byte or cut to a length in each variant; a fresh node for each."""
    [good] = [bytes.fromhex(data) for data in vector["bytes"]]
    outcomes = []
    for variant in vector["inputs"]["variants"]:
        data = bytearray(good[: variant.get("length", len(good))])
        if "at" in variant:
            data[variant["at"]] ^= variant["xor"]
        outcomes.append(Node(vector).take(bytes(data)))
    return outcomes


def attempt(step: str, check: Callable[..., object], *given: object) -> Outcome:
    """The outcome of one check."""
    try:
        check(*given)
    except SimpulError as fault:
        return Outcome(fault.code, step)
    return Outcome("accepted", step)


def read_cards(vector: dict[str, Any]) -> list[Outcome]:
    """Card documents that come one after another to a node which knows the card `known`, or none."""
    known = vector["inputs"]["known"]
    card = card_named(known) if known else None
    outcomes = []
    for data in vector["bytes"]:
        try:
            document = documents.parse_document(bytes.fromhex(data))
            card = cards.read(document) if card is None else cards.follow(card, document)
        except SimpulError as fault:
            outcomes.append(Outcome(fault.code, "card"))
        else:
            outcomes.append(Outcome("accepted", "card"))
    return outcomes


def read_packages(vector: dict[str, Any]) -> list[Outcome]:
    """Key packages, as payload structs, one after another."""
    known, outcomes = None, []
    for data in vector["bytes"]:
        package = decode(bytes.fromhex(data), packages.KeyPackage)
        try:
            known = packages.accept(
                package, party=vector["inputs"]["party"], to=vector["inputs"]["to"], known=known
            )
        except SimpulError as fault:
            outcomes.append(Outcome(fault.code, "package"))
        else:
            outcomes.append(Outcome("accepted", "package"))
    return outcomes


def read_puts(vector: dict[str, Any]) -> list[Outcome]:
    """Signatures on a put, checked with the put key that the tag commits to."""
    given = vector["inputs"]
    put_key = bytes.fromhex(given["put_key"])
    tag = mailboxes.mailbox_tag(given["relay"], bytes.fromhex(given["read_key"]), put_key)
    assert tag.hex() == given["tag"]
    statement = mailboxes.put_statement(
        given["relay"], tag, bytes.fromhex(given["envelope"]), given["length"]
    )
    signatures = map(bytes.fromhex, vector["bytes"])
    return [attempt("put", mailboxes.verify_statement, put_key, statement, each) for each in signatures]


def read_checkpoints(vector: dict[str, Any]) -> list[Outcome]:
    """Signed notes of one log, one after another; a second root for one size is evidence."""
    key = LogPublicKey.read(bytes.fromhex(vector["inputs"]["log_key"]))
    origin, known, outcomes = vector["inputs"]["origin"], list[log.Checkpoint](), []
    for data in vector["bytes"]:
        try:
            read = log.open_checkpoint(bytes.fromhex(data), key, origin)
        except SimpulError as fault:
            outcomes.append(Outcome(fault.code, "checkpoint"))
            continue
        contradicts = any(log.conflicting(read, other) for other in known)
        known.append(read)
        outcomes.append(Outcome("evidence" if contradicts else "accepted", "checkpoint"))
    return outcomes


def read_labels(vector: dict[str, Any]) -> list[Outcome]:
    """Canonical bytes of labels; the hash of an accepted one is stated."""
    hashes = vector["inputs"]["hashes"]

    def read(data: str, wanted: str | None) -> Label:
        label = labels.decode_label(bytes.fromhex(data))
        assert labels.label_hash(label).hex() == wanted
        return label

    return [attempt("label", read, *pair) for pair in zip(vector["bytes"], hashes, strict=True)]


def read_agreements(vector: dict[str, Any]) -> list[Outcome]:
    """Agreement documents with the keys of their parties."""
    keys = [PublicKey.read(bytes.fromhex(raw)) for raw in vector["inputs"]["keys"]]

    def read(data: str) -> None:
        document = documents.open_document(
            bytes.fromhex(data), kind=agreements.KIND, realm=vector["inputs"]["realm"], keys=keys
        )
        agreement = agreements.decode_agreement(document.payload)
        assert document.hash.hex() == vector["inputs"]["hash"]
        assert agreements.equivalence_hash(agreement).hex() == vector["inputs"]["equivalences"]

    return [attempt("agreement", read, data) for data in vector["bytes"]]


def read_values(vector: dict[str, Any]) -> list[Outcome]:
    """Plain functions: what goes in is in `inputs`, what must come out in `bytes`."""
    got = FUNCTIONS[vector["inputs"]["function"]](vector["inputs"])
    return [Outcome("accepted" if got == vector["bytes"] else "differs", "value")]


def leaf_answer(given: dict[str, Any]) -> str:
    """The hash of one leaf."""
    salt, label, body = (bytes.fromhex(given[name]) for name in ("salt", "label", "body"))
    return manifest.leaf_hash(salt, given["kind"], label, body).hex()


def tree_answers(given: dict[str, Any]) -> dict[str, Any]:
    """The root over leaf hashes, and the path of each range."""
    leaves = b"".join(map(bytes.fromhex, given["leaves"]))
    tree = manifest.Tree(leaves)
    paths = []
    for start, stop in given["ranges"]:
        path = tree.path(start, stop)
        manifest.prove_range(tree.root, tree.leaves, start, leaves[32 * start : 32 * stop], path)
        paths.append([each.hex() for each in path])
    return {"root": tree.root.hex(), "paths": paths}


FUNCTIONS: dict[str, Callable[[dict[str, Any]], object]] = {
    "fingerprint": lambda given: fingerprint(PublicKey.read(bytes.fromhex(given["root"]))),
    "padme": lambda given: [envelope.padded(length, floor) for length, floor in given["lengths"]],
    "prekey": lambda given: PrekeySecret(bytes.fromhex(given["seed"])).public.hex(),
    "leaf": leaf_answer,
    "tree": tree_answers,
    "shuffle": lambda given: manifest.shuffled(given["count"], bytes.fromhex(given["seed"])),
}

READERS: dict[str, Callable[[dict[str, Any]], list[Outcome]]] = {
    "envelopes": read_envelopes,
    "alterations": read_alterations,
    "cards": read_cards,
    "packages": read_packages,
    "puts": read_puts,
    "checkpoints": read_checkpoints,
    "labels": read_labels,
    "agreements": read_agreements,
    "value": read_values,
}
