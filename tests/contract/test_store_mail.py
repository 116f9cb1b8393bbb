"""Mail: the life of a message at its sender, numbers and acks at its recipient, parts, quarantine, matches."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simpul.domain.mail import AckState, Evidence, MailState, MatchRow, Outgoing, Receipt
from simpul.domain.objects import ObjectKey
from simpul.domain.queries import EVERYTHING, HOME, Query
from simpul.domain.releases import OBJECT, ReceivedLeaf
from simpul.errors import Malformed, NotFound, Refusal
from simpul.ports import Mail, Store
from tests.contract.conftest import MakeStore
from tests.contract.stored_things import (
    AMBER,
    HERE,
    THERE,
    group,
    inbox_item,
    incoming,
    key_of,
    marked,
    outgoing,
)

STREAM = b"s" * 16


def numbered(number: int, message: Outgoing | None = None) -> Outgoing:
    found = message or outgoing(number)
    return msgspec.structs.replace(
        found,
        stream=STREAM,
        number=number,
        message=b"message",
        name=number.to_bytes(32, "big"),
        state=MailState.NUMBERED,
        next_at=number,
    )


def send(mail: Mail, number: int, *, next_at: int = 100) -> None:
    mail.carried(
        outgoing(number).id,
        attempt=1,
        envelope=number.to_bytes(32, "big"),
        tag=bytes(16),
        length=9,
        next_at=next_at,
    )


def test_a_message_waits_is_numbered_carried_and_acked(store: Store) -> None:
    with store.write() as unit:
        unit.mail.queue([outgoing(1)])
        assert unit.mail.waiting(10) == [outgoing(1)]
        assert unit.mail.due(1000, 10) == []
        unit.mail.number(numbered(1))
        assert unit.mail.waiting(10) == []
        assert unit.mail.due(1000, 10) == [numbered(1)]
        assert unit.mail.pending() == {THERE: {"numbered": 1}}
        send(unit.mail, 1, next_at=50)
        carried = msgspec.structs.replace(numbered(1), state=MailState.CARRIED, attempt=1, next_at=50)
        assert unit.mail.by_name(numbered(1).name) == carried
        assert unit.mail.by_envelope((1).to_bytes(32, "big")) == carried
        assert unit.mail.due(49, 10) == []
        assert unit.mail.due(50, 10) == [carried]
        closed = unit.mail.acked(THERE, AckState(stream=STREAM, up_to=1, ranges=()))
        assert closed == [msgspec.structs.replace(carried, state=MailState.ACKED)]
        assert unit.mail.acked(THERE, AckState(stream=STREAM, up_to=1, ranges=())) == []
        left = unit.mail.outgoing(outgoing(1).id)
        assert left is not None
        assert (left.state, left.payload, left.message) == (MailState.ACKED, b"", b"message")
        assert unit.mail.pending() == {}


def test_a_waiting_message_takes_the_content_of_others_and_only_of_waiting_ones(store: Store) -> None:
    merged = msgspec.structs.replace(outgoing(1), payload=b"all of it", length=9)
    with store.write() as unit:
        unit.mail.queue([outgoing(n) for n in (1, 2, 3)])
        unit.mail.merge(merged, [outgoing(2).id])
        assert unit.mail.waiting(10) == [merged, outgoing(3)]
        assert unit.mail.outgoing(outgoing(2).id) is None
        assert not unit.mail.is_open(merged.id)
        unit.mail.number(numbered(1, merged))
        assert unit.mail.is_open(merged.id)
        with pytest.raises(Refusal):
            unit.mail.merge(outgoing(3), [merged.id])
        unit.mail.acked(THERE, AckState(stream=STREAM, up_to=1, ranges=()))
        assert not unit.mail.is_open(merged.id)


def test_urgent_messages_go_first_then_in_their_order(store: Store) -> None:
    lanes = {1: "normal", 2: "urgent", 3: "bulk", 4: "urgent"}
    with store.write() as unit:
        unit.mail.queue([outgoing(n, lane=lane) for n, lane in lanes.items()])
        ids = [int.from_bytes(each.id, "big") for each in unit.mail.waiting(10)]
        assert ids == [2, 4, 1, 3]
        assert len(unit.mail.waiting(3)) == 3
        for n, lane in lanes.items():
            unit.mail.number(numbered(n, outgoing(n, lane=lane)))
        assert [each.number for each in unit.mail.due(100, 10)] == [2, 4, 1, 3]


@pytest.mark.parametrize("state", ["waiting", "numbered", "carried", "acked", "void"])
@pytest.mark.parametrize("event", ["number", "put", "postpone", "void"])
def test_an_illegal_move_is_refused_and_changes_nothing(store: Store, state: str, event: str) -> None:
    legal = {
        ("waiting", "number"),
        ("numbered", "put"),
        ("carried", "put"),
        ("numbered", "postpone"),
        ("carried", "postpone"),
        ("numbered", "void"),
        ("carried", "void"),
    }
    with store.write() as unit:
        unit.mail.queue([outgoing(1)])
        bring(unit.mail, state)
        before = unit.mail.outgoing(outgoing(1).id)
        assert before is not None
        assert before.state == state
        if (state, event) in legal:
            move(unit.mail, event)
        else:
            with pytest.raises(Refusal):
                move(unit.mail, event)
            assert unit.mail.outgoing(outgoing(1).id) == before


def bring(mail: Mail, state: str) -> None:
    if state != "waiting":
        mail.number(numbered(1))
    if state in ("carried", "acked"):
        send(mail, 1)
    if state == "acked":
        mail.acked(THERE, AckState(stream=STREAM, up_to=1, ranges=()))
    if state == "void":
        mail.void(outgoing(1).id)


def move(mail: Mail, event: str) -> None:
    moves = {
        "number": lambda: mail.number(numbered(1)),
        "put": lambda: send(mail, 1),
        "postpone": lambda: mail.postpone(outgoing(1).id, 77),
        "void": lambda: mail.void(outgoing(1).id),
    }
    moves[event]()


def test_an_ack_closes_what_it_names_and_no_more(store: Store) -> None:
    with store.write() as unit:
        for n in range(1, 8):
            unit.mail.queue([outgoing(n)])
            unit.mail.number(numbered(n))
        other = unit.mail.acked("c" * 50, AckState(stream=STREAM, up_to=7, ranges=()))
        ahead = unit.mail.acked(THERE, AckState(stream=b"x" * 16, up_to=7, ranges=()))
        closed = unit.mail.acked(THERE, AckState(stream=STREAM, up_to=2, ranges=((4, 4), (6, 9))))
    assert (other, ahead) == ([], [])
    assert [each.number for each in closed] == [1, 2, 4, 6, 7]


def test_a_voided_message_keeps_its_number_and_loses_its_payload(store: Store) -> None:
    with store.write() as unit:
        unit.mail.queue([outgoing(1)])
        unit.mail.number(numbered(1))
        unit.mail.void(outgoing(1).id)
        left = unit.mail.outgoing(outgoing(1).id)
        assert left is not None
        assert (left.state, left.number, left.payload) == (MailState.VOID, 1, b"")
        assert unit.mail.due(1000, 10) == []
        with pytest.raises(NotFound):
            unit.mail.void(bytes(16))


def test_numbers_count_within_a_stream_and_the_last_is_known(make_store: MakeStore) -> None:
    store = make_store()
    with store.write() as unit:
        assert unit.mail.last_numbers(THERE) is None
        assert [unit.mail.next_number(THERE, STREAM) for _ in range(3)] == [1, 2, 3]
        assert unit.mail.next_number("c" * 50, STREAM) == 1
        assert unit.mail.next_number(THERE, b"t" * 16) == 1
    with make_store().read() as unit:
        assert unit.mail.last_numbers(THERE) == (b"t" * 16, 1)
    with store.read() as unit, pytest.raises(RuntimeError):
        unit.mail.next_number(THERE, STREAM)


def test_what_came_in_is_known_by_name_number_and_kind(store: Store) -> None:
    with store.write() as unit:
        unit.mail.receive(incoming(1))
        unit.mail.receive(incoming(2, kind="sighting", outcome="done"))
        unit.mail.receive(incoming(1))
        assert unit.mail.outcome(THERE, incoming(1).name) == "admitted"
        assert unit.mail.outcome(HERE, incoming(1).name) is None
        assert unit.mail.numbered(THERE, STREAM, 2) == incoming(2).name
        assert unit.mail.numbered(THERE, STREAM, 3) is None
        assert unit.mail.incoming(incoming(1).name) == incoming(1)
        assert unit.mail.incoming(bytes(32)) is None
        assert list(unit.mail.incoming_of("release")) == [incoming(1)]


def test_two_messages_under_one_number_are_evidence(store: Store) -> None:
    with store.write() as unit:
        unit.mail.receive(incoming(1))
        with pytest.raises(Malformed):
            unit.mail.receive(incoming(1, name=bytes(32)))
        assert unit.mail.incoming(bytes(32)) is None


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(0, 4)), max_size=25))
@settings(max_examples=40)
def test_acks_say_exactly_what_is_here_in_any_order(spans: list[tuple[int, int]]) -> None:
    """Single messages and filled ranges, repeated and overlapping, against a set of numbers."""
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from tests.contract.conftest import IMPLEMENTATIONS

    with TemporaryDirectory() as folder:
        store = IMPLEMENTATIONS["sqlite"](Path(folder) / "live.db")
        here: set[int] = set()
        with store.write() as unit:
            for first, more in spans:
                if more == 0 and first not in here:
                    unit.mail.receive(incoming(first))
                else:
                    unit.mail.fill(THERE, STREAM, first, first + more)
                here.update(range(first, first + more + 1))
            acks = unit.mail.acks_for(THERE)
        store.close()
    said = {n for ack in acks for low, high in ((1, ack.up_to), *ack.ranges) for n in range(low, high + 1)}
    assert said == here
    for ack in acks:
        edges = [ack.up_to, *(edge for span in ack.ranges for edge in span)]
        assert edges == sorted(edges)
        assert all(low > before + 1 for before, low in zip(edges[::2], edges[1::2], strict=False))


def test_a_range_as_wide_as_the_numbers_costs_no_more_than_one_number(store: Store) -> None:
    with store.write() as unit:
        unit.mail.fill(THERE, STREAM, 5, 1 << 53)
        assert unit.mail.acks_for(THERE) == [AckState(stream=STREAM, up_to=0, ranges=((5, 1 << 53),))]


def test_acks_are_owed_until_queued_and_never_for_acks(store: Store) -> None:
    with store.write() as unit:
        unit.mail.receive(incoming(1, kind="ack", outcome="done"))
        assert unit.mail.owed_acks() == []
        unit.mail.receive(incoming(2))
        assert unit.mail.owed_acks() == [THERE]
        unit.mail.ack_queued(THERE)
        assert unit.mail.owed_acks() == []
        unit.mail.owe_ack(THERE, STREAM)
        assert unit.mail.owed_acks() == [THERE]


def test_the_streams_that_moved_last_are_acknowledged(store: Store) -> None:
    streams = [bytes([n]) * 16 for n in range(9)]
    with store.write() as unit:
        for n, stream in enumerate(streams):
            unit.mail.receive(incoming(n, stream=stream, number=1))
        unit.mail.receive(incoming(99, stream=streams[0], number=2))
        acked = [ack.stream for ack in unit.mail.acks_for(THERE)]
        left_out = set(streams) - set(acked)
        unit.mail.owe_ack(THERE, left_out.pop())
        again = [ack.stream for ack in unit.mail.acks_for(THERE)]
    assert acked[:2] == [streams[0], streams[8]]
    assert len(acked) < len(streams)
    assert set(again) - set(acked)


def test_a_receipt_is_kept_once(store: Store) -> None:
    receipt = Receipt(
        sender=THERE, message=bytes(32), outcome="opened", at=3, counts={"admitted": 2}, carrier=b"c"
    )
    later = msgspec.structs.replace(receipt, at=4)
    with store.write() as unit:
        unit.mail.add_receipts([receipt, later])
        unit.mail.add_receipts([receipt])
        assert list(unit.mail.receipts()) == [receipt, later]


def leaf(position: int, key: ObjectKey | None = None) -> ReceivedLeaf:
    """A leaf that came in; only its position and object matter."""
    return ReceivedLeaf(position=position, kind=OBJECT, salt=b"s", label=b"l", hash=b"h", key=key)


def test_a_product_is_whole_when_its_last_part_is_here_whatever_the_order(store: Store) -> None:
    second = inbox_item(objects=2, portions=((2, "then"),), first_arrived=7)
    first = inbox_item(objects=1, sheet=b"{}", title="T", grade="B2", portions=((1, "it"),), first_arrived=9)
    with store.write() as unit:
        unit.objects.add([marked(1)], source=THERE, at=1)
        half = unit.mail.add_part(second, 1, [leaf(4, key_of(marked(1))), leaf(5)], [bytes(32)])
        assert unit.mail.add_part(second, 1, [], []) == half
        assert (half.parts_here, half.whole_at, half.objects) == (1, None, 2)
        whole = unit.mail.add_part(first, 0, [leaf(0)], [])
        assert (whole.parts_here, whole.whole_at, whole.first_arrived, whole.objects) == (2, 9, 7, 3)
        assert (whole.title, whole.sheet, whole.portions) == ("T", b"{}", ((1, "it"), (2, "then")))
        assert unit.mail.inbox_item(whole.product) == whole


def test_the_inbox_lists_the_most_urgent_and_newest_first(store: Store) -> None:
    urgencies = ["routine", "flash", "priority", "flash"]
    with store.write() as unit:
        for n, precedence in enumerate(urgencies):
            unit.mail.add_part(inbox_item(product=str(n), precedence=precedence, parts=1), 0, [], [])
        assert [item.product for item in unit.mail.inbox()] == ["3", "1", "2", "0"]


def test_the_newest_version_of_a_product_is_opened_once(store: Store) -> None:
    with store.write() as unit:
        for version in (2, 1):
            unit.mail.add_part(inbox_item(version=version), 0, [], [])
        name = inbox_item().product
        unit.mail.opened(name, 11)
        unit.mail.opened(name, 12)
        assert [(item.version, item.opened_at) for item in unit.mail.inbox()] == [(1, None), (2, 11)]
        with pytest.raises(NotFound):
            unit.mail.inbox_item("elsewhere")


def test_what_is_in_quarantine_is_never_found_counted_or_matched(store: Store) -> None:
    from simpul.domain.objects import Value

    suspect = marked(1, AMBER, text="contraband", values=(Value(kind="imo", key="9074729"),))
    with store.write() as unit:
        unit.mail.quarantine(group(), [suspect], b'{"product":"x"}')
        assert unit.objects.find(HOME, suspect.object.id) == []
        assert unit.objects.count(HOME, EVERYTHING) == 0
        assert unit.objects.query(HOME, Query(words=("contraband",)), limit=1) == ([], None)
        assert unit.objects.hits(HOME, [("imo", "9074729")]) == []
        assert unit.objects.labels(HOME) == []
        assert unit.objects.originated(HERE, [suspect.object.id]) == set()
        (kept,) = unit.mail.quarantined_objects(group().id)
        assert kept == (suspect.object.id, suspect.object.version, suspect.object.raw, AMBER, 0)
        assert unit.mail.quarantine_extra(group().id) == b'{"product":"x"}'


def test_a_settled_group_is_settled_for_good(store: Store) -> None:
    with store.write() as unit:
        unit.mail.receive(incoming(1))
        unit.mail.quarantine(group(1), [marked(1)], b"extra")
        unit.mail.quarantine(group(2), [marked(2)], b"extra")
        unit.mail.settle(group(1).id, state="refused", by="sari")
        assert unit.mail.quarantined() == [group(2)]
        refused = group(1, state="refused", decided_by="sari")
        assert unit.mail.quarantined(state=None) == [group(2), refused]
        assert unit.mail.quarantined_objects(group(1).id) == []
        assert unit.mail.quarantine_extra(group(1).id) == b""
        message = unit.mail.incoming(incoming(1).name)
        assert message is not None
        assert (message.payload, message.message) == (b"", incoming(1).message)
        for state in ("admitted", "refused"):
            with pytest.raises(Refusal):
                unit.mail.settle(group(1).id, state=state, by="budi")
        with pytest.raises(Refusal):
            unit.mail.settle(group(2).id, state="waiting", by="budi")
        with pytest.raises(NotFound):
            unit.mail.quarantined_objects(bytes(16))


def test_a_match_is_kept_once(store: Store) -> None:
    match = MatchRow(
        kind="ipv4",
        value="192.0.2.7",
        at=HERE,
        source=THERE,
        indicator="indicator--1",
        observation="sighting--1",
        reason="equal",
        found=3,
    )
    other = msgspec.structs.replace(match, value="192.0.2.8")
    with store.write() as unit:
        assert unit.mail.add_matches([match, other]) == 2
        assert unit.mail.add_matches([msgspec.structs.replace(match, found=9)]) == 0
        assert unit.mail.matches() == [match, other]


def test_evidence_is_kept_once_and_never_without_end(store: Store) -> None:
    first = Evidence(
        id=bytes(32), party=THERE, kind="two-messages", at=5, pieces=(("first.message", b"\x00\xff"),)
    )
    with store.write() as unit:
        assert unit.mail.add_evidence(first)
        assert not unit.mail.add_evidence(msgspec.structs.replace(first, at=6))
        assert unit.mail.evidence() == [first]
        for n in range(1, 100):
            unit.mail.add_evidence(msgspec.structs.replace(first, id=n.to_bytes(32, "big")))
        assert len(unit.mail.evidence()) == 64
        assert unit.mail.add_evidence(msgspec.structs.replace(first, id=b"o" * 32, party=HERE))


def test_a_product_that_came_in_is_completed(store: Store) -> None:
    with store.write() as unit:
        item = unit.mail.add_part(inbox_item(parts=1), 0, [], [])
        more = msgspec.structs.replace(item, title="T", objects=9, portions=((1, "it"),))
        unit.mail.put_item(more)
        assert unit.mail.inbox() == [more]
        with pytest.raises(NotFound):
            unit.mail.put_item(msgspec.structs.replace(more, root=b"x" * 32))
