"""Messages: what may be queued is decided by type, and what is signed has one form."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from simpul.domain.policy import Decision, Outcome, Reason
from simpul.domain.releases import ReleaseState
from simpul.errors import ApprovalRefusal, Malformed, NotUnderstood, PolicyRefusal, Stale
from simpul.protocol import blind, charters, grants, message, payloads, recalls
from simpul.protocol.canonical import encode
from simpul.protocol.labels import to_wire
from simpul.protocol.message import KINDS, Message, decode_message, encode_message, kind_of, numbered
from simpul.protocol.receipts import RECEIPTS_LIMIT, Ack, ReceiptLine
from tests.unit.protocol.parties import (
    AMBER,
    ARUNIKA,
    BOREALIA,
    DAY,
    NOW,
    approved,
    drawn,
    drawn_message,
    numbering,
    release_message,
    tale,
)

TOLD = tale([b"sheet", b"portion", b"object"])
OUTGOING = release_message(TOLD)
MESSAGE = numbered(OUTGOING, numbering())
SIGHTING = payloads.SightingReport(purpose="counter-proliferation", label=to_wire(AMBER), objects=1)
PERMIT = Decision(outcome=Outcome.PERMIT, clause="agreement", reasons=())


def report(decision: Decision) -> Any:
    return message.content_report(
        decision,
        SIGHTING,
        [b'{"type":"sighting"}'],
        drawn_message("sighting"),
        to=ARUNIKA.party,
        lane="normal",
        now=NOW,
        expires=NOW + DAY,
        agreement=drawn("agreement"),
        decision=drawn("decision"),
    )


def test_a_message_reads_back_and_is_named_by_its_bytes() -> None:
    data = encode_message(MESSAGE)
    assert decode_message(data) == MESSAGE
    assert message.message_name(data) != message.message_name(encode_message(replace(MESSAGE, number=2)))
    plain = json.loads(data)
    assert (plain["from"], plain["to"]) == (ARUNIKA.party, BOREALIA.party)


def test_the_table_names_every_kind_once_and_each_way_in() -> None:
    content = {name for name, kind in KINDS.items() if kind.content}
    contact = {name for name, kind in KINDS.items() if kind.contact}
    assert content == {"release", "sighting", "feedback"}
    assert contact == {"hello", "keys", "void", "unopenable"}
    assert len(KINDS) == 19
    assert all(kind.name == name for name, kind in KINDS.items())


def test_an_unapproved_release_cannot_be_queued() -> None:
    for state in (ReleaseState.FIXING, ReleaseState.FIXED, ReleaseState.VOID):
        with pytest.raises(ApprovalRefusal):
            message.content_part(
                approved(TOLD, state),
                TOLD.pack(),
                drawn_message("x"),
                lane="normal",
                now=NOW,
                decided_at=NOW,
                expires=NOW + DAY,
                decision=drawn("decision"),
            )


@pytest.mark.parametrize("outcome", [o for o in Outcome if o is not Outcome.PERMIT])
def test_a_report_leaves_only_by_a_decision_that_permits(outcome: Outcome) -> None:
    clause = Reason(clause="tlp", outcome=outcome, why="too high")
    with pytest.raises(PolicyRefusal) as caught:
        report(Decision(outcome=outcome, clause="tlp", reasons=(clause,)))
    assert caught.value.where == "tlp"
    assert report(PERMIT).kind == "sighting"


def test_a_kind_goes_only_by_its_lanes() -> None:
    for lane in ("contact", "fast", ""):
        with pytest.raises(ValueError, match="does not go"):
            message.procedure(
                payloads.CheckpointNotice(note="n"),
                (),
                drawn_message("x"),
                to=BOREALIA.party,
                lane=lane,
                now=NOW,
                expires=NOW + 1,
            )


def test_a_payload_over_its_kinds_limit_is_not_queued() -> None:
    with pytest.raises(ValueError, match="limit"):
        message.procedure(
            payloads.Acks(),
            (bytes(2000),),
            drawn_message("x"),
            to=BOREALIA.party,
            lane="normal",
            now=NOW,
            expires=NOW + 1,
        )


PROCEDURES: list[payloads.Procedure] = [
    payloads.Hello(package=3),
    BOREALIA.package_for(ARUNIKA.party),
    payloads.Acks(),
    payloads.Void(stream=drawn("s", 16), ranges=((1, 2),), reason="lost"),
    payloads.UnopenableNotice(envelopes=(payloads.Sealed(tag=drawn("t", 16), envelope=drawn("e")),)),
    payloads.NotUnderstoodNotice(
        message=drawn("m"), stream=drawn("s", 16), number=4, kind="level", what="kind"
    ),
    payloads.AgreementStep(step="propose", id="xa-xb", version=1),
    charters.CharterStep(step="hold", id="coastal-ring", epoch=2, charter=bytes(32), left=("a" * 50,)),
    blind.BlindStep(step="exclude", id="coastal-ring", asked=drawn("a", 16), party="a" * 50),
    grants.ConsentRequest(id=drawn("c", 16)),
    grants.ConsentAnswer(request=drawn("r"), outcome="deny", reason="not now"),
    payloads.CardNotice(version=2),
    payloads.ReceiptList(receipts=()),
    recalls.RecallNotice(),
    recalls.RecallAnswer(recall=bytes(32), at=1, destroyed=2, named=("a" * 50,)),
    payloads.CheckpointNotice(note="simpul/…\n3\n"),
]


@pytest.mark.parametrize("payload", PROCEDURES, ids=lambda p: type(p).__name__)
def test_every_procedure_payload_reads_back_with_what_is_attached(payload: payloads.Procedure) -> None:
    outgoing = message.procedure(
        payload, (b"one", b""), drawn_message("p"), to=BOREALIA.party, lane="normal", now=NOW, expires=NOW + 1
    )
    schema = KINDS[outgoing.kind].schema
    assert schema is type(payload)
    assert payloads.decode_payload(outgoing.payload, schema) == (payload, (b"one", b""))


def test_the_payloads_cover_every_kind_but_the_release() -> None:
    schemas = {type(p) for p in PROCEDURES} | {payloads.SightingReport, payloads.FeedbackReport}
    assert schemas == {kind.schema for kind in KINDS.values() if kind.schema is not None}


@pytest.mark.parametrize("data", [b"", b"\0\0\0", b"\0\0\0\x02{}\0\0\0\x05four", b"\xff\xff\xff\xff{}"])
def test_a_payload_cut_off_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        payloads.decode_payload(data, payloads.Acks)


@pytest.mark.parametrize(
    "lines",
    [
        (ReceiptLine(message=drawn("m"), outcome="deleted", at=NOW),),
        (ReceiptLine(message=drawn("m"), outcome="admitted", at=NOW),) * (RECEIPTS_LIMIT + 1),
    ],
)
def test_receipts_of_another_outcome_or_too_many_are_malformed(lines: tuple[ReceiptLine, ...]) -> None:
    data = payloads.encode_payload(payloads.ReceiptList(receipts=lines))
    with pytest.raises(Malformed):
        payloads.decode_payload(data, payloads.ReceiptList)


def test_too_many_attachments_are_malformed() -> None:
    data = payloads.encode_payload(payloads.Acks(), [b""] * (payloads.ATTACHMENTS_LIMIT + 1))
    with pytest.raises(Malformed, match="attachments"):
        payloads.decode_payload(data, payloads.Acks)


def test_a_critical_unknown_field_is_not_understood_and_an_extra_one_is_let_be() -> None:
    data = encode_message(MESSAGE)
    with pytest.raises(NotUnderstood, match="zz"):
        decode_message(data[:-1] + b',"zz":true}')
    extra = replace(MESSAGE, extra={"colour": "blue"})
    assert decode_message(encode_message(extra)).extra == {"colour": "blue"}


def test_an_unknown_kind_or_version_is_not_understood() -> None:
    with pytest.raises(NotUnderstood):
        kind_of("level")
    for change in ({"kind": "level"}, {"version": 2}):
        with pytest.raises(NotUnderstood):
            decode_message(encode(replace(MESSAGE, **change)))


@pytest.mark.parametrize(
    "change",
    [
        {"number": 0},
        {"card": 0},
        {"sender": "short"},
        {"recipient": ""},
        {"agreement": b"short"},
        {"agreement": b""},
        {"decision": b""},
        {"equivalences": b"x"},
        {"expires": NOW},
        {"decided_at": NOW + 1},
        {"payload": replace(MESSAGE.payload, length=-1)},
        {"payload": replace(MESSAGE.payload, encoding="identity")},
        {"payload": replace(MESSAGE.payload, encoding="gzip")},
        {"acks": (Ack(stream=bytes(16), up_to=1),) * 33},
        {"checkpoint": "x" * 20_000},
        {"stream": b"short"},
        {"id": b"short"},
        {"leaf_salt": b"short"},
    ],
)
def test_a_message_out_of_range_is_malformed(change: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        decode_message(encode(replace(MESSAGE, **change)))


@settings(max_examples=50)
@given(
    st.integers(1, 2**53 - 1),
    st.text(max_size=40),
    st.dictionaries(st.sampled_from(["a", "b", "c"]), st.text(max_size=10)),
    st.lists(st.integers(0, 1000), max_size=5),
)
def test_any_message_reads_back(number: int, note: str, extra: dict[str, str], up_to: list[int]) -> None:
    acks = tuple(Ack(stream=drawn(f"s{n}", 16), up_to=n) for n in up_to)
    written: Message = replace(MESSAGE, number=number, checkpoint=note, extra=extra, acks=acks)
    assert decode_message(encode_message(written)) == written


def test_a_message_from_a_clock_ahead_is_held_and_an_expired_one_is_stale() -> None:
    assert not message.is_ahead(MESSAGE, NOW - 600_000_000)
    assert message.is_ahead(MESSAGE, NOW - 600_000_001)
    message.check_expiry(MESSAGE, NOW + DAY - 1)
    with pytest.raises(Stale):
        message.check_expiry(MESSAGE, NOW + DAY)
