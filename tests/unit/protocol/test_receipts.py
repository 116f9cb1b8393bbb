"""What was received of a stream: the arithmetic agrees with plain sets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simpul.domain.mail import AckState
from simpul.errors import Malformed
from simpul.protocol import receipts
from tests.unit.protocol.parties import drawn

STREAM = drawn("stream", 16)
EMPTY = receipts.empty(STREAM)
some = st.lists(st.integers(1, 40), max_size=40)


def numbers(state: AckState) -> set[int]:
    return {n for n in range(1, 60) if receipts.covers(state, n)}


@given(some)
def test_in_any_order_and_any_number_of_times_the_same_state(arrived: list[int]) -> None:
    state = EMPTY
    for number in arrived:
        state = receipts.add(state, number)
    assert numbers(state) == set(arrived)
    again = receipts.merge(EMPTY, [(n, n) for n in sorted(arrived)])
    assert again == state
    assert receipts.highest(state) == max(arrived, default=0)


@given(some)
def test_gaps_are_exactly_what_is_missing_below_the_highest(arrived: list[int]) -> None:
    state = receipts.merge(EMPTY, [(n, n) for n in arrived])
    missing = {n for first, last in receipts.gaps(state) for n in range(first, last + 1)}
    assert missing == set(range(1, max(arrived, default=0))) - set(arrived)
    assert receipts.merge(state, receipts.gaps(state)).ranges == ()


@given(some)
def test_an_ack_reads_back(arrived: list[int]) -> None:
    state = receipts.merge(EMPTY, [(n, n) for n in arrived])
    assert receipts.from_ack(receipts.to_ack(state)) == state


def test_an_ack_with_many_ranges_says_the_lowest_first_and_nothing_untrue() -> None:
    state = receipts.merge(EMPTY, [(n, n) for n in range(2, 2000, 2)])
    ack = receipts.from_ack(receipts.to_ack(state))
    assert len(ack.ranges) == receipts.RANGES_LIMIT
    assert numbers(ack) <= numbers(state)


def test_a_void_fills_a_gap() -> None:
    state = receipts.merge(EMPTY, [(1, 3), (6, 9)])
    assert receipts.gaps(state) == ((4, 5),)
    assert receipts.merge(state, [(4, 5)]) == AckState(stream=STREAM, up_to=9, ranges=())


@pytest.mark.parametrize(
    ("up_to", "ranges"),
    [
        (-1, ()),
        (2**53, ()),
        (3, ((4, 5),)),
        (3, ((6, 5),)),
        (0, ((5, 6), (7, 8))),
        (0, ((8, 9), (3, 4))),
        (0, ((0, 1),)),
        (0, tuple((3 * n, 3 * n) for n in range(1, 300))),
    ],
)
def test_ranges_that_are_not_sorted_apart_and_few_are_malformed(
    up_to: int, ranges: tuple[tuple[int, int], ...]
) -> None:
    with pytest.raises(Malformed):
        receipts.from_ack(receipts.Ack(stream=STREAM, up_to=up_to, ranges=ranges))
