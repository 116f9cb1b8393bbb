"""A partner with a known card that says what it should not: every message is its signed word, and none harms the node."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from simpul.formats.terms import read_agreement
from simpul.protocol.agreements import encode_agreement
from simpul.protocol.documents import parse_document, sign
from simpul.protocol.keys import LogKey, PrekeySecret, SigningKey
from simpul.protocol.labels import to_wire
from simpul.protocol.log import Checkpoint, log_origin, sign_checkpoint
from simpul.protocol.packages import EpochSecrets, epoch_of, issue
from simpul.protocol.payloads import (
    Acks,
    AgreementStep,
    CardNotice,
    FeedbackReport,
    Hello,
    ReceiptList,
    Sealed,
    SightingReport,
    UnopenableNotice,
    Void,
    encode_payload,
)
from simpul.protocol.receipts import Ack, ReceiptLine
from simpul.services.agreeing import list_agreements
from simpul.services.auditing import openings
from simpul.services.connecting import address_of
from simpul.services.querying import party_of
from simpul.services.reading import find, node_status, verify_receipts
from simpul.services.receiving import Fate, Received, receive
from simpul.services.syncing import SyncReport, sync_once
from simpul.transport.relay import RelayClient
from tests.faults.aftermath import check_well, stored
from tests.faults.hand import HOUR, STRANGER, Hand
from tests.faults.nations import (
    PURPOSE,
    World,
    agreement_text,
    label_text,
    numbered_indicator,
    released,
    take_in,
)

FAR = 2**53 - 1


# Agreements.


def step(hand: Hand, text: str, *keys: SigningKey, name: str = "propose") -> Received:
    with hand.node.store.read() as unit:
        terms = read_agreement(text.encode(), party=lambda p: party_of(unit, p).fingerprint)
    document = sign("agreement", "live", encode_agreement(terms), *keys)
    return hand.say(AgreementStep(step=name, id=terms.id, version=terms.version), document.encode())


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        (agreement_text("arunika-borealia", ["arunika", "borealia"], retention_days="9000"), "b"),
        (agreement_text("new", ["arunika", "borealia"]), ""),
        (agreement_text("new", ["arunika", "borealia"]), "s"),
        (agreement_text("new", ["arunika", "borealia"]), "bs"),
        (agreement_text("new", ["borealia", "cendara"]), "b"),
        (agreement_text("new", ["arunika", "cendara"]), "b"),
        (agreement_text("arunika-cendara", ["arunika", "borealia"], version=2), "b"),
        (agreement_text("arunika-cendara", ["arunika", "borealia", "cendara"], version=2), "b"),
    ],
)
def test_a_step_that_is_no_honest_step_changes_nothing(nations: World, b: Hand, text: str, keys: str) -> None:
    before = list_agreements(nations["arunika"])
    received = step(b, text, *({"b": b.key, "s": STRANGER}[key] for key in keys))
    assert received.problem
    assert list_agreements(nations["arunika"]) == before
    check_well(nations)


# Procedure.


def malformed_ack() -> Ack:
    return Ack(stream=os.urandom(16), up_to=5, ranges=((3, 2),))


PROCEDURE: dict[str, Callable[[Hand], Received]] = {
    "acks-that-are-none": lambda b: b.say(Acks(), acks=(malformed_ack(),)),
    "void-of-everything": lambda b: b.say(
        Void(stream=os.urandom(16), ranges=((1, FAR),), reason="x"), lane="contact"
    ),
    "void-of-far-away": lambda b: b.say(
        Void(stream=os.urandom(16), ranges=((FAR - 9, FAR),), reason="x"), lane="contact"
    ),
    "void-backwards": lambda b: b.say(
        Void(stream=os.urandom(16), ranges=((9, 3), (0, 0), (-5, -1)), reason="x"), lane="contact"
    ),
    "number-far-away": lambda b: b.say(Acks(), number=FAR),
    "number-none": lambda b: b.say(Acks(), number=0),
    "expired-before-it-began": lambda b: b.say(Acks(), expires=1),
    "of-long-ago": lambda b: b.say(Acks(), created=0, decided_at=0),
    "by-another": lambda b: b.say(Acks(), sender=b.world["cendara"].party),
    "by-nobody": lambda b: b.say(Hello(), lane="contact", sender="\x1b[2J" * 1000),
    "to-another": lambda b: b.say(Acks(), recipient=b.world["cendara"].party),
    "of-another-realm": lambda b: b.say(Acks(), realm="exercise"),
    "of-an-unknown-kind": lambda b: b.say(Acks(), kind="surrender"),
    "with-an-unknown-field": lambda b: b.say(
        Acks(),
        raw=lambda data: (
            data.replace(b'{"acks"', b'{"aaa":1,"acks"', 1)
            if data.startswith(b'{"acks"')
            else data.replace(b"{", b'{"aaa":1,', 1)
        ),
    ),
    "receipts-for-nothing": lambda b: b.say(
        ReceiptList(
            receipts=tuple(
                ReceiptLine(message=os.urandom(32), outcome="admitted", at=FAR, counts={"admitted": -FAR})
                for _ in range(512)
            )
        )
    ),
    "unopenable-nothing": lambda b: b.say(
        UnopenableNotice(
            envelopes=tuple(Sealed(tag=os.urandom(16), envelope=os.urandom(32)) for _ in range(100))
        ),
        lane="contact",
    ),
    "a-torn-card": lambda b: b.say(CardNotice(version=2), b"SMPD"),
    "hello-from-the-future": lambda b: b.say(Hello(package=FAR), lane="contact"),
    "checkpoint-that-is-none": lambda b: b.say(Acks(), checkpoint="garbage\x00\n\n\n"),
    "checkpoint-of-another": lambda b: b.say(
        Acks(), checkpoint=note(b, log_origin(b.world["cendara"].party, "live", bytes(16)))
    ),
}


def note(b: Hand, origin: str, *, size: int = 64, root: bytes = bytes(32)) -> str:
    key = LogKey(b.node.keyring.secret("log"))
    return sign_checkpoint(Checkpoint(origin=origin, size=size, root=root), key, at=0).decode()


@pytest.mark.parametrize("name", PROCEDURE)
def test_a_procedure_message_by_a_fool_or_a_liar_does_no_harm(nations: World, b: Hand, name: str) -> None:
    assert PROCEDURE[name](b).fate in (Fate.TAKEN, Fate.FAULTY)
    check_well(nations)


def test_an_envelope_that_was_acknowledged_is_not_sealed_again_on_demand(nations: World, b: Hand) -> None:
    arunika = nations["arunika"]
    take_in(arunika, nations.folder, [numbered_indicator(1)], label_text(["borealia"]))
    released(nations, "arunika", ["borealia"])
    nations.sync("arunika")
    envelopes = [Sealed(tag=bytes(16), envelope=hashed(e)) for e in nations.post.seen]
    nations.settle()
    assert b.say(UnopenableNotice(envelopes=tuple(envelopes)), lane="contact").fate is Fate.TAKEN
    assert nations.sync("arunika")[0].messages_out <= 1
    check_well(nations)


def hashed(data: bytes) -> bytes:

    return hashlib.sha256(data).digest()


def test_nobody_gives_receipts_for_what_another_got(nations: World, c: Hand) -> None:
    arunika = nations["arunika"]
    take_in(arunika, nations.folder, [numbered_indicator(1)], label_text(["borealia"]))
    released(nations, "arunika", ["borealia"])
    nations.settle()
    with arunika.store.read() as unit:
        (receipt,) = unit.mail.receipts()
    c.say(ReceiptList(receipts=(ReceiptLine(message=receipt.message, outcome="destroyed", at=1),)))
    assert [(r.sender_name, r.verified) for r in verify_receipts(arunika)] == [
        ("Borealia", True),
        ("Cendara", False),
    ]


def test_two_messages_under_one_number_are_evidence_and_the_first_stands(nations: World, b: Hand) -> None:
    b.send(b.release(b.forge([numbered_indicator(1)])))
    second = b.send(b.release(b.forge([numbered_indicator(2)])), number=b.number)
    assert (second.fate, second.objects) == (Fate.FAULTY, 0)
    assert "evidence" in [o.kind for o in openings(nations["arunika"])]
    assert stored(nations) == 1
    check_well(nations)


def test_two_checkpoints_of_one_size_are_evidence(nations: World, b: Hand) -> None:
    origin = log_origin(b.node.party, "live", b"\7" * 16)
    b.say(Acks(), checkpoint=note(b, origin, root=b"\1" * 32))
    b.say(Acks(), checkpoint=note(b, origin, root=b"\2" * 32))
    assert "evidence" in [o.kind for o in openings(nations["arunika"])]
    nations.settle()


def test_a_lower_card_and_a_card_by_another_root_change_nothing(nations: World, b: Hand, c: Hand) -> None:
    with nations["borealia"].store.read() as unit:
        theirs = unit.directory.card(nations["cendara"].party) or b""
    assert "misdirected" in b.say(CardNotice(version=2), theirs).problem
    document = parse_document(theirs)
    forged = sign(document.kind, document.realm, document.payload, STRANGER)
    assert c.say(CardNotice(version=1), forged.encode()).problem
    check_well(nations)


@pytest.mark.parametrize(
    "url", ["http://[::1", "http://\x00", "http://a..b", "ftp://x", "", "http://" + "a" * 15_000]
)
def test_keys_for_a_relay_that_is_no_address_hold_up_nobody_else(nations: World, b: Hand, url: str) -> None:

    arunika, epoch = nations["arunika"], epoch_of(nations["arunika"].clock())
    with arunika.store.read() as unit:
        known = unit.directory.package(b.node.party, ours=False)
    assert known is not None
    secrets = EpochSecrets(prekey=prekey(arunika, b), puts=puts())
    package = issue(
        party=b.node.party,
        to=arunika.party,
        version=known[0] + 1,
        now=b.node.clock(),
        relay=url,
        read=os.urandom(32),
        secrets={epoch: secrets},
    )
    b.say(package, lane="contact")
    take_in(arunika, nations.folder, [numbered_indicator(1)], label_text(["borealia", "cendara"]))
    released(nations, "arunika", ["borealia", "cendara"])
    seeds = arunika.keyring.secret("account")
    with arunika.store.read() as unit:
        relay = unit.directory.package(b.node.party, ours=False)
    assert relay is not None
    client = RelayClient(url, seeds, arunika.clock, timeout_seconds=2)
    nations.connect = nations.post.account
    strange = replace(arunika, connect=lambda to: client if to == url else nations.post.account(arunika))

    report = sync_once(strange, progress=lambda _: None)
    assert any("does not answer" in problem for problem in report.problems), report.problems
    nations.sync("cendara")
    assert node_status(nations["cendara"])["received"] == 1


def prekey(arunika: Any, b: Hand) -> bytes:

    return PrekeySecret(b.node.keyring.prekey(arunika.party, epoch_of(arunika.clock())) or b"").public


def puts() -> dict[str, bytes]:
    return {lane: os.urandom(32) for lane in ("urgent", "normal", "bulk")}


# Reports.


def report_label(b: Hand) -> Any:
    return to_wire(b.label(retention_days=None))


def test_a_sighting_whose_objects_bear_our_ids_stays_theirs(nations: World, b: Hand) -> None:
    arunika, ours = nations["arunika"], numbered_indicator(1)
    take_in(arunika, nations.folder, [ours], label_text(["borealia"]))
    raw = json.dumps(ours | {"name": "theirs"}).encode()
    payload = encode_payload(SightingReport(purpose=PURPOSE, label=report_label(b), objects=1), [raw])
    received = b.send(b.content("sighting", payload, objects=1))
    assert received.admitted == 1
    titles = {s.originator_name: s.title for s in find(arunika, ours["id"], modified=None, originator=None)}
    assert titles == {"Arunika": ours["name"], "Borealia": "theirs"}
    check_well(nations)


@pytest.mark.parametrize("objects", [0, 2, FAR, -1])
def test_a_sighting_that_miscounts_is_refused_whole(nations: World, b: Hand, objects: int) -> None:
    raw = json.dumps(numbered_indicator(1)).encode()
    payload = encode_payload(SightingReport(purpose=PURPOSE, label=report_label(b), objects=objects), [raw])
    assert "malformed" in b.send(b.content("sighting", payload, objects=1)).problem
    assert stored(nations) == 0
    check_well(nations)


def test_feedback_that_no_agreement_lets_in_is_not_shown(nations: World, b: Hand) -> None:
    report = FeedbackReport(
        purpose="gossip", label=report_label(b), product="x", version=1, root=bytes(31) + b"1",
        useful="yes", acted=True, at=FAR, note="n" * 1000,
    )  # fmt: skip
    b.send(b.content("feedback", encode_payload(report)))
    assert node_status(nations["arunika"])["feedback"] == []
    check_well(nations)


# Order, time, repetition.


def test_messages_in_any_order_and_many_times_are_applied_once(nations: World, b: Hand) -> None:
    envelopes = [b.envelope(b.release(b.forge([numbered_indicator(n)], version=n + 1))) for n in range(8)]
    for envelope in [*reversed(envelopes), *envelopes, envelopes[3]]:
        receive(nations["arunika"], envelope)
    status = node_status(nations["arunika"])
    assert (status["stored"], status["received"], status["admitted"]) == (8, 8, 8)
    check_well(nations)


def test_an_hour_ahead_is_held_and_taken_when_its_time_has_come(nations: World, b: Hand) -> None:
    nations.skew["borealia"] = HOUR
    envelope = b.envelope(b.release(b.forge([numbered_indicator(1)])))
    assert receive(nations["arunika"], envelope).fate is Fate.HELD
    assert node_status(nations["arunika"])["clock_skew"]
    assert stored(nations) == 0
    nations.skew["arunika"] = HOUR
    assert receive(nations["arunika"], envelope).admitted == 1


def test_a_crowd_from_the_future_does_not_stand_before_the_others(nations: World, b: Hand) -> None:
    arunika = nations["arunika"]
    with b.node.store.read() as unit:
        _, _, address = address_of(unit, b.node, arunika.party, "normal")
    for _ in range(80):
        later = b.node.clock() + 10 * HOUR
        envelope = b.envelope(b.procedure(Acks()), created=later, decided_at=later, expires=later + HOUR)
        nations.post.drop(address.tag, envelope)
    reports: list[SyncReport] = nations.sync("arunika")
    assert reports[0].reached
    waiting = [tag for tag, _ in nations.post.waiting.values() if tag == address.tag]
    assert len(waiting) == 64


def test_what_cannot_be_opened_is_reported_but_not_without_end(nations: World, b: Hand) -> None:
    genuine = b.envelope(b.procedure(Acks()))
    for n in range(300):
        torn = genuine[:-8] + n.to_bytes(8, "big")
        assert receive(nations["arunika"], torn).fate is Fate.FAULTY
    pending = sum(node_status(nations["arunika"])["outbox"].get(b.node.party, {}).values())
    assert pending == 256
    check_well(nations)
