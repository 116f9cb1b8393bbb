"""What a relay does for readers and writers: a real process, a real socket, the real client."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from simpul.errors import RelayFault
from simpul.protocol.mailboxes import mailbox_tag, public_key
from simpul.relay.database import records
from simpul.transport.relay import RelayClient, RelayRefused
from tests.relay_process import READER, WRITER, RelayProcess

URGENT = b"urgent".ljust(32, b"\0")
BULK = b"bulk".ljust(32, b"\0")
CONTACT = b"contact".ljust(32, b"\0")
KEYS = {"normal": WRITER, "urgent": URGENT, "bulk": BULK, "contact": CONTACT}

SMALL = """
account_mailboxes = 6
account_contacts = 1
list_length = 3

[contact]
envelope_bytes = 200
mailbox_bytes = 400
mailbox_envelopes = 3
account_bytes = 0

[normal]
envelope_bytes = 1000
mailbox_bytes = 1500
mailbox_envelopes = 4
account_bytes = 2000

[bulk]
envelope_bytes = 1000
mailbox_bytes = 2000
mailbox_envelopes = 100
account_bytes = 2000

[urgent]
envelope_bytes = 1000
mailbox_bytes = 2000
mailbox_envelopes = 100
account_bytes = 2500
"""


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RelayProcess]:
    process = RelayProcess(tmp_path_factory.mktemp("relay") / "data")
    yield process
    process.close()


@pytest.fixture
def small(tmp_path: Path) -> Iterator[RelayProcess]:
    process = RelayProcess(tmp_path / "data", limits=SMALL)
    yield process
    process.close()


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> bytes:
    """An account of its own for each test."""
    return hashlib.sha256(request.node.name.encode()).digest()


def mailboxes(reader: RelayClient) -> dict[str, bytes]:
    tags = reader.register([(kind, public_key(key)) for kind, key in KEYS.items()])
    return dict(zip(KEYS, tags, strict=True))


def refusal(act: object) -> str:
    with pytest.raises(RelayRefused) as raised:
        act()  # type: ignore[operator]
    assert raised.value.do
    return raised.value.reason


def test_the_relay_says_who_it_is_and_what_it_takes(relay: RelayProcess) -> None:
    info = relay.client().info()
    assert info.relay == relay.url
    assert abs(info.time - relay.now()) < 60_000_000
    assert info.limits["contact"]["envelope_bytes"] == 48 * 1024
    assert info.limits["wait"] == 30


def test_the_first_line_says_where_it_is(relay: RelayProcess) -> None:
    assert relay.ready == {"ready": True, "url": relay.url, "pid": relay.process.pid}


def test_tags_are_those_that_both_sides_compute(relay: RelayProcess, seed: bytes) -> None:
    tags = mailboxes(relay.client(seed))
    for kind, key in KEYS.items():
        assert tags[kind] == mailbox_tag(relay.url, public_key(seed), public_key(key))


def test_registering_again_changes_nothing(relay: RelayProcess, seed: bytes) -> None:
    reader = relay.client(seed)
    assert mailboxes(reader) == mailboxes(reader)


def test_an_envelope_goes_from_writer_to_reader_and_is_gone_after_delete(
    relay: RelayProcess, seed: bytes
) -> None:
    reader, writer = relay.client(seed), relay.client(WRITER)
    tag = mailboxes(reader)["normal"]
    envelope = os.urandom(5000)
    writer.put(tag, WRITER, envelope)
    (found,) = reader.list()
    assert (found.tag, found.length, found.hash) == (tag, 5000, hashlib.sha256(envelope).digest())
    assert reader.fetch([found.id]) == [(found.id, envelope)]
    assert len(reader.list()) == 1, "fetching alone deletes nothing"
    reader.delete([found.id])
    assert [*reader.list()] == []
    assert reader.fetch([found.id]) == []
    reader.delete([found.id])


def test_the_same_envelope_twice_is_stored_once_and_stays_deleted(relay: RelayProcess, seed: bytes) -> None:
    reader, writer = relay.client(seed), relay.client(WRITER)
    tag = mailboxes(reader)["normal"]
    for _ in range(3):
        writer.put(tag, WRITER, b"once")
    (found,) = reader.list()
    reader.delete([found.id])
    writer.put(tag, WRITER, b"once")
    assert [*reader.list()] == []


def test_named_mailboxes_come_first_then_the_urgent_lane_then_arrival(
    relay: RelayProcess, seed: bytes
) -> None:
    reader, writer = relay.client(seed), relay.client(WRITER)
    tags = mailboxes(reader)
    for kind in ("bulk", "normal", "urgent", "contact", "normal", "urgent"):
        writer.put(tags[kind], KEYS[kind], os.urandom(20))
    names = {tag: kind for kind, tag in tags.items()}
    assert [names[item.tag] for item in reader.list()] == [
        "urgent",
        "urgent",
        "bulk",
        "normal",
        "contact",
        "normal",
    ]
    first = reader.list(first=[tags["contact"]])
    assert [names[item.tag] for item in first] == ["contact", "urgent", "urgent", "bulk", "normal", "normal"]


def test_fetch_brings_what_fits_and_at_least_one(relay: RelayProcess, seed: bytes) -> None:
    reader, writer = relay.client(seed), relay.client(WRITER)
    tag = mailboxes(reader)["bulk"]
    envelopes = [bytes([number]) * 20_000_000 for number in range(2)]
    for envelope in envelopes:
        writer.put(tag, BULK, envelope)
    ids = [item.id for item in reader.list()]
    (first,) = reader.fetch(ids)
    assert first == (ids[0], envelopes[0])
    reader.delete(ids[:1])
    assert reader.fetch(ids) == [(ids[1], envelopes[1])]


def test_a_long_poll_ends_when_something_arrives(relay: RelayProcess, seed: bytes) -> None:
    reader, writer = relay.client(seed), relay.client(WRITER)
    tags = mailboxes(reader)
    order: list[str] = []

    def poll() -> None:
        found = reader.list(wait=30)
        order.append("woken")
        assert len(found) == 1

    polling = threading.Thread(target=poll)
    polling.start()
    time.sleep(0.3)
    order.append("put")
    writer.put(tags["urgent"], URGENT, b"flash")
    polling.join(timeout=10)
    assert order == ["put", "woken"]


def test_a_long_poll_ends_by_itself(relay: RelayProcess, seed: bytes) -> None:
    reader = relay.client(seed)
    mailboxes(reader)
    started = time.monotonic()
    assert [*reader.list(wait=1)] == []
    assert time.monotonic() - started >= 0.9


def test_another_readers_mail_does_not_wake_and_cannot_be_read_or_deleted(
    relay: RelayProcess, seed: bytes
) -> None:
    reader, other = relay.client(seed), relay.client(seed[::-1])
    tag = mailboxes(reader)["normal"]
    mailboxes(other)
    relay.client(WRITER).put(tag, WRITER, b"for one reader")
    (found,) = reader.list()
    assert [*other.list(wait=1)] == []
    assert other.fetch([found.id]) == []
    other.delete([found.id])
    assert [item.id for item in reader.list()] == [found.id]


def test_nobody_puts_without_the_key_and_cannot_tell_why(relay: RelayProcess, seed: bytes) -> None:
    reader, writer = relay.client(seed), relay.client(WRITER)
    tag = mailboxes(reader)["normal"]
    with pytest.raises(RelayRefused) as wrong_key:
        writer.put(tag, URGENT, b"x")
    with pytest.raises(RelayRefused) as no_mailbox:
        writer.put(bytes(16), WRITER, b"x")
    assert wrong_key.value.document() == no_mailbox.value.document()
    assert wrong_key.value.reason == "refused"
    assert [*reader.list()] == []


def test_a_put_for_another_relay_is_refused(relay: RelayProcess, seed: bytes) -> None:
    tag = mailboxes(relay.client(seed))["normal"]
    elsewhere = RelayClient(relay.url.replace("127.0.0.1", "localhost"), WRITER, relay.now)
    assert refusal(lambda: elsewhere.put(tag, WRITER, b"x")) == "refused"
    elsewhere.close()


def test_an_account_that_never_registered_sees_an_empty_relay(relay: RelayProcess) -> None:
    stranger = relay.client(b"stranger".ljust(32, b"\0"))
    assert [*stranger.list()] == []
    assert stranger.fetch([1, 2, 3]) == []
    stranger.delete([1, 2, 3])


def test_an_envelope_longer_than_its_class_is_refused(small: RelayProcess) -> None:
    tags = mailboxes(small.client())
    writer = small.client(WRITER)
    assert refusal(lambda: writer.put(tags["contact"], CONTACT, b"x" * 201)) == "too-large"
    assert refusal(lambda: writer.put(tags["normal"], WRITER, b"x" * 1001)) == "too-large"
    assert refusal(lambda: writer.put(tags["bulk"], BULK, b"x" * 5_000_000)) == "too-large"
    writer.put(tags["contact"], CONTACT, b"x" * 200)


def test_a_full_mailbox_takes_more_once_it_was_read(small: RelayProcess) -> None:
    reader, writer = small.client(), small.client(WRITER)
    tag = mailboxes(reader)["normal"]
    writer.put(tag, WRITER, b"1" * 800)
    assert refusal(lambda: writer.put(tag, WRITER, b"2" * 800)) == "mailbox-full"
    reader.delete([item.id for item in reader.list()])
    writer.put(tag, WRITER, b"2" * 800)


def test_a_mailbox_counts_its_envelopes(small: RelayProcess) -> None:
    reader, writer = small.client(), small.client(WRITER)
    tag = mailboxes(reader)["normal"]
    for number in range(4):
        writer.put(tag, WRITER, bytes([number]))
    assert refusal(lambda: writer.put(tag, WRITER, b"fifth")) == "mailbox-full"
    writer.put(tag, WRITER, bytes([0]))


def test_a_full_account_still_takes_what_is_urgent(small: RelayProcess) -> None:
    reader, writer = small.client(), small.client(WRITER)
    tags = mailboxes(reader)
    for number in range(2):
        writer.put(tags["bulk"], BULK, bytes([number]) * 1000)
    assert refusal(lambda: writer.put(tags["normal"], WRITER, b"x")) == "account-full"
    writer.put(tags["urgent"], URGENT, b"x" * 500)
    assert refusal(lambda: writer.put(tags["urgent"], URGENT, b"y")) == "account-full"


def test_strangers_at_the_contact_mailbox_cannot_starve_the_others(small: RelayProcess) -> None:
    reader, writer = small.client(), small.client(WRITER)
    tags = mailboxes(reader)
    writer.put(tags["contact"], CONTACT, b"1" * 200)
    writer.put(tags["contact"], CONTACT, b"2" * 200)
    assert refusal(lambda: writer.put(tags["contact"], CONTACT, b"3")) == "mailbox-full"
    for number in range(2):
        writer.put(tags["bulk"], BULK, bytes([number]) * 1000)
    writer.put(tags["urgent"], URGENT, b"x" * 500)
    assert reader.list()[0].tag == tags["urgent"]


def test_an_account_has_so_many_mailboxes_and_one_contact(small: RelayProcess) -> None:
    reader = small.client()
    mailboxes(reader)
    assert refusal(lambda: reader.register([("contact", bytes(32))])) == "too-many"
    reader.register([("normal", bytes([1]) * 32), ("normal", bytes([2]) * 32)])
    assert refusal(lambda: reader.register([("normal", bytes([3]) * 32)])) == "too-many"
    mailboxes(reader)


def test_an_unknown_class_of_mailbox_is_refused(relay: RelayProcess, seed: bytes) -> None:
    assert refusal(lambda: relay.client(seed).register([("secret", bytes(32))])) == "malformed"


def test_a_long_list_comes_in_pieces(small: RelayProcess) -> None:
    reader, writer = small.client(), small.client(WRITER)
    tag = mailboxes(reader)["bulk"]
    for number in range(5):
        writer.put(tag, BULK, bytes([number]))
    assert len(reader.list()) == 3
    reader.delete([item.id for item in reader.list()])
    assert len(reader.list()) == 2


def test_the_record_holds_tag_length_and_time_of_every_put_and_nothing_else(small: RelayProcess) -> None:
    reader, writer = small.client(), small.client(WRITER)
    tags = mailboxes(reader)
    started = small.now()
    writer.put(tags["normal"], WRITER, b"canary-in-the-envelope")
    writer.put(tags["bulk"], BULK, b"x" * 900)
    writer.put(tags["bulk"], BULK, b"x" * 900)
    reader.delete([item.id for item in reader.list()])
    kept = records(small.data)
    assert [(record.tag, record.bytes) for record in kept] == [(tags["normal"], 22), (tags["bulk"], 900)]
    assert all(started <= record.at <= small.now() for record in kept)
    assert small.terminate() == 0
    on_disk = b"".join(file.read_bytes() for file in small.data.iterdir())
    assert b"canary-in-the-envelope" not in on_disk, "a deleted envelope is gone from the file"
    assert b"127.0.0.1" not in on_disk.replace(small.url.encode(), b""), "no address is kept"


def test_one_thread_sends_while_another_fetches(relay: RelayProcess, seed: bytes) -> None:
    client = relay.client(seed)
    tag = mailboxes(client)["normal"]
    sent = [os.urandom(300) for _ in range(60)]
    received: list[bytes] = []

    def send() -> None:
        for envelope in sent:
            client.put(tag, WRITER, envelope)

    sending = threading.Thread(target=send)
    sending.start()
    while len(received) < len(sent):
        ids = [item.id for item in client.list(wait=5)]
        received += (envelope for _, envelope in client.fetch(ids))
        client.delete(ids)
    sending.join()
    assert received == sent


def test_an_absent_relay_is_unreachable_and_the_error_says_what_to_do() -> None:
    client = RelayClient("http://127.0.0.1:9", READER, lambda: 0, timeout_seconds=2)
    with pytest.raises(RelayFault, match="does not answer") as raised:
        client.list()
    assert raised.value.code == "relay-unreachable"
    assert raised.value.input == "http://127.0.0.1:9"
    assert raised.value.do
    client.close()
