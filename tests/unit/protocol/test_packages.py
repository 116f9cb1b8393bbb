"""Key packages: who may write where, until when."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from simpul.errors import BadSignature, Malformed, Misdirected, Stale
from simpul.protocol import envelope, mailboxes, message, packages, payloads
from simpul.protocol.packages import EPOCH_SECONDS, KeyPackage
from simpul.protocol.receipts import Ack
from tests.unit.protocol.parties import (
    ARUNIKA,
    BOREALIA,
    CENDARA,
    DAY,
    EPOCH,
    NOW,
    RELAY,
    address,
    drawn,
    drawn_message,
    numbering,
)

PACKAGE = BOREALIA.package_for(ARUNIKA.party)


def accept(package: KeyPackage, known: KeyPackage | None = None) -> KeyPackage:
    return packages.accept(package, party=BOREALIA.party, to=ARUNIKA.party, known=known)


@given(st.integers(0, 2**53 - 1))
def test_an_epoch_is_a_week_of_unix_time(at: int) -> None:
    epoch = packages.epoch_of(at)
    assert epoch == at // 1_000_000 // EPOCH_SECONDS
    assert packages.epoch_start(epoch) <= at < packages.epoch_start(epoch + 1)


def test_a_package_is_accepted_once_and_only_rises() -> None:
    assert accept(PACKAGE) == PACKAGE
    newer = BOREALIA.package_for(ARUNIKA.party, version=2)
    assert accept(newer, PACKAGE).version == 2
    assert accept(newer, newer) == newer
    with pytest.raises(Stale):
        accept(PACKAGE, newer)
    with pytest.raises(Stale):
        accept(replace(newer, issued=NOW + 1), newer)


def test_a_package_between_others_is_misdirected() -> None:
    for package in (CENDARA.package_for(ARUNIKA.party), BOREALIA.package_for(CENDARA.party)):
        with pytest.raises(Misdirected):
            accept(package)


def test_nobody_seals_outside_a_prekeys_validity() -> None:
    assert PACKAGE.at(NOW).epoch == EPOCH
    assert PACKAGE.at(NOW + 7 * DAY).epoch == EPOCH + 1
    for at in (NOW - 8 * DAY, NOW + 60 * DAY):
        with pytest.raises(Stale):
            PACKAGE.at(at)
    early = replace(PACKAGE.epochs[0], not_after=packages.epoch_start(EPOCH) + 1)
    with pytest.raises(Stale):
        replace(PACKAGE, epochs=(early,)).at(NOW)


FIRST = PACKAGE.epochs[0]


@pytest.mark.parametrize(
    "change",
    [
        {"version": 0},
        {"epochs": ()},
        {"epochs": (FIRST, FIRST)},
        {"epochs": (PACKAGE.epochs[1], FIRST)},
        {"epochs": (replace(FIRST, prekey=b"short"),)},
        {"epochs": (replace(FIRST, lanes={"urgent": FIRST.lanes["urgent"]}),)},
        {"epochs": (replace(FIRST, lanes=FIRST.lanes | {"extra": FIRST.lanes["bulk"]}),)},
        {"epochs": (replace(FIRST, not_after=FIRST.not_after + 1),)},
        {"epochs": (replace(FIRST, not_before=FIRST.not_after),)},
        {
            "epochs": (replace(FIRST, lanes=FIRST.lanes | {"bulk": FIRST.lanes["urgent"]}),),
            "relay": "https://x.test",
        },
        {"read": drawn("another account")},
    ],
)
def test_a_package_that_is_not_as_it_must_be_is_malformed(change: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        accept(replace(PACKAGE, **change))


def test_a_whole_package_fits_the_contact_mailbox_with_checkpoint_and_acks_owed() -> None:
    outgoing = message.procedure(
        PACKAGE, (), drawn_message("keys"), to=ARUNIKA.party, lane="contact", now=NOW, expires=NOW + DAY
    )
    ranges = tuple((at, at + 1) for at in range(10, 2000, 10))
    owed = tuple(Ack(stream=drawn(f"stream {n}", 16), up_to=5, ranges=ranges) for n in range(20))
    filled = replace(numbering(sender=BOREALIA), acks=owed, checkpoint="x" * 4000)
    contact = ARUNIKA.card.realm("live").contact
    to = envelope.Address(tag=contact.tag, epoch=envelope.CONTACT_EPOCH, prekey=contact.prekey)
    data = message.encode_message(message.numbered(outgoing, filled))
    sealed = envelope.seal(data, outgoing.payload, BOREALIA.signing, to, attempt=1)
    assert len(sealed) <= mailboxes.CONTACT_LIMIT
    assert len(PACKAGE.epochs) == 8


def test_a_hello_with_a_card_fits_the_contact_mailbox() -> None:
    outgoing = message.procedure(
        payloads.Hello(),
        (BOREALIA.document.encode(),),
        drawn_message("hello"),
        to=ARUNIKA.party,
        lane="contact",
        now=NOW,
        expires=NOW + DAY,
    )
    data = message.encode_message(message.numbered(outgoing, numbering(sender=BOREALIA)))
    sealed = envelope.seal(data, outgoing.payload, BOREALIA.signing, address(), attempt=1)
    assert len(sealed) <= mailboxes.CONTACT_LIMIT


def test_a_tag_commits_to_relay_reader_and_put_key() -> None:
    read, put = mailboxes.public_key(drawn("read")), mailboxes.public_key(drawn("put"))
    tag = mailboxes.mailbox_tag(RELAY, read, put)
    assert len(tag) == 16
    others = {
        mailboxes.mailbox_tag(RELAY + "/", read, put),
        mailboxes.mailbox_tag(RELAY, put, read),
        mailboxes.mailbox_tag(RELAY, read, read),
    }
    assert tag not in others
    assert len(others) == 3


def test_a_put_is_signed_for_one_relay_tag_envelope_and_length() -> None:
    seed = drawn("put")
    statement = mailboxes.put_statement(RELAY, drawn("tag", 16), drawn("envelope"), 100)
    signature = mailboxes.sign_statement(seed, statement)
    mailboxes.verify_statement(mailboxes.public_key(seed), statement, signature)
    for relay, tag, body, length in [
        ("https://other.example.org", drawn("tag", 16), drawn("envelope"), 100),
        (RELAY, drawn("gat", 16), drawn("envelope"), 100),
        (RELAY, drawn("tag", 16), drawn("epolevne"), 100),
        (RELAY, drawn("tag", 16), drawn("envelope"), 101),
    ]:
        with pytest.raises(BadSignature):
            mailboxes.verify_statement(
                mailboxes.public_key(seed), mailboxes.put_statement(relay, tag, body, length), signature
            )
    with pytest.raises(BadSignature):
        mailboxes.verify_statement(b"no key", statement, signature)


def test_a_request_is_signed_for_one_relay_nonce_and_body() -> None:
    statements = {
        mailboxes.request_statement(relay, nonce, body)
        for relay in (RELAY, "https://b.test")
        for nonce in (b"n", b"nn")
        for body in (b"", b"b")
    }
    assert len(statements) == 8
