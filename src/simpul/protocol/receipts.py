"""Receipts, and the arithmetic of what was received (spec/receipts-and-order.md).

What has been received of one stream is a watermark and the ranges beyond it (`domain.mail.AckState`): everything up
to `up_to`, and `ranges` of numbers that came early, sorted, apart from each other and from the watermark. Numbers
count from 1. The arithmetic is pure; it never forgets a number.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from simpul.domain.mail import AckState
from simpul.errors import Malformed
from simpul.protocol.canonical import MAX_INT, Bytes16, Bytes32, Wire

OutcomeName = Annotated[str, Meta(pattern="^(admitted|quarantined|refused|opened|acted|destroyed)$")]
"""What became of a message, in the words of its recipient's receipt."""

RECEIPTS_LIMIT: Final = 512
"""Receipts in one message."""

RANGES_LIMIT: Final = 256
"""Ranges in one ack: what does not fit is acknowledged later."""


class ReceiptLine(Wire, frozen=True, kw_only=True):
    """What became of one message: its hash, the outcome, when, and how many objects went which way.

    `counts` maps "admitted", "quarantined" and "refused" to numbers of objects.
    """

    message: Bytes32
    outcome: OutcomeName
    at: int
    counts: dict[str, int] = msgspec.field(default_factory=dict)


class Ack(Wire, frozen=True, kw_only=True):
    """`domain.mail.AckState` as it is sent: verified and durable here. `ranges` are inclusive."""

    stream: Bytes16
    up_to: int
    ranges: tuple[tuple[int, int], ...] = ()


def empty(stream: bytes) -> AckState:
    """Nothing received yet."""
    return AckState(stream=stream, up_to=0, ranges=())


def covers(state: AckState, number: int) -> bool:
    """Whether a number was received."""
    return number <= state.up_to or any(first <= number <= last for first, last in state.ranges)


def add(state: AckState, number: int) -> AckState:
    """The state after a number has been received; receiving it again changes nothing."""
    return merge(state, [(number, number)])


def merge(state: AckState, ranges: Iterable[tuple[int, int]]) -> AckState:
    """The state after inclusive ranges of numbers have been received (or filled by a `void`)."""
    up_to, rest = state.up_to, list[tuple[int, int]]()
    for first, last in sorted((*state.ranges, *ranges)):
        if first <= up_to + 1:
            up_to = max(up_to, last)
        elif rest and first <= rest[-1][1] + 1:
            rest[-1] = (rest[-1][0], max(rest[-1][1], last))
        else:
            rest.append((first, last))
    return AckState(stream=state.stream, up_to=up_to, ranges=tuple(rest))


def gaps(state: AckState) -> tuple[tuple[int, int], ...]:
    """Inclusive ranges of numbers that are missing below the highest received one."""
    missing, next_number = [], state.up_to + 1
    for first, last in state.ranges:
        missing.append((next_number, first - 1))
        next_number = last + 1
    return tuple(missing)


def highest(state: AckState) -> int:
    """The highest number received, 0 for none."""
    return state.ranges[-1][1] if state.ranges else state.up_to


def to_ack(state: AckState) -> Ack:
    """The state as it is sent, with the lowest `RANGES_LIMIT` ranges."""
    return Ack(stream=state.stream, up_to=state.up_to, ranges=state.ranges[:RANGES_LIMIT])


def from_ack(ack: Ack) -> AckState:
    """The state that was sent.

    Raises:
        Malformed: ranges that are not sorted, apart and within range.
    """
    state = AckState(stream=ack.stream, up_to=ack.up_to, ranges=ack.ranges)
    if not 0 <= ack.up_to <= MAX_INT or len(ack.ranges) > RANGES_LIMIT or not _apart(ack.up_to, ack.ranges):
        raise Malformed(
            "the ranges of an ack must be sorted, apart and positive", input="message", where="acks"
        )
    return state


def _apart(up_to: int, ranges: Sequence[tuple[int, int]]) -> bool:
    at = up_to
    for first, last in ranges:
        if not at + 1 < first <= last:
            return False
        at = last
    return True
