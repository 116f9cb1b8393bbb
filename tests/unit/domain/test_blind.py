"""Blind circles by themselves: what their charters are, how one follows another, what a label may name, who is left out."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from simpul.domain.blind import (
    DATED,
    PADDED,
    WITHHELD,
    dated,
    is_pseudonym,
    left_out,
    named,
    padded,
    pseudonym_name,
)
from simpul.domain.circles import Charter, faults, follows
from simpul.domain.labels import Label, Onward
from simpul.domain.traces import Owner, traces
from tests.unit.domain.charters import HASH, A, B, charter, inner

CONVENER = "9" * 50
PSEUDONYMS = tuple(f"{n:050x}" for n in range(8))


def blind(*members: str, **more: Any) -> Charter:
    made = charter(*(members or PSEUDONYMS), **more)
    return replace(made, blind=True, convener=CONVENER, threshold=1)


def test_a_blind_charter_names_a_padded_number_of_pseudonyms_and_a_convener_who_is_none_of_them() -> None:
    assert faults(blind()) == []
    for bad, path in (
        (blind(*PSEUDONYMS[:7]), "parties"),
        (replace(blind(), convener=PSEUDONYMS[0]), "convener"),
        (replace(blind(), convener="somebody"), "convener"),
        (replace(blind(), threshold=5), "threshold"),
        (blind(circles=inner("inside")), "circles"),
        (blind(within=("outside",)), "circles"),
        (
            replace(blind(), terms=replace(blind().terms, onward=Onward(within=frozenset({"other"})))),
            "onward",
        ),
    ):
        assert path in {fault.partition(":")[0] for fault in faults(bad)}


def test_the_convener_alone_signs_what_follows_and_no_number_of_members_replaces_it() -> None:
    before, after = blind(), blind(epoch=2)
    assert follows(before, HASH, after, [CONVENER]) == []
    assert follows(before, HASH, after, PSEUDONYMS) == ["signatures: the convener has not signed"]
    assert follows(before, HASH, replace(after, convener=A), [CONVENER, A])
    assert follows(before, HASH, blind(epoch=3), [CONVENER]) == ["epoch: 2 would follow"]


def test_a_circle_neither_becomes_blind_nor_ceases_to_be() -> None:
    open_one, hidden = charter(*PSEUDONYMS), blind(epoch=2)
    assert any("blind" in each for each in follows(open_one, HASH, hidden, [*PSEUDONYMS, CONVENER]))
    opened = charter(*PSEUDONYMS, epoch=2)
    assert any("blind" in each for each in follows(blind(), HASH, opened, [*PSEUDONYMS, CONVENER]))


@given(st.integers(min_value=1, max_value=128))
def test_the_number_named_is_one_of_few_and_never_less_than_are_in(members: int) -> None:
    assert padded(members) in PADDED
    assert members <= padded(members) <= max(8, 2 * members)


def test_pseudonyms_look_alike_and_their_cards_do_not_tell_the_day() -> None:
    assert is_pseudonym(A, pseudonym_name(A), "ZZ")
    assert not is_pseudonym(A, pseudonym_name(B), "ZZ")
    assert not is_pseudonym(A, pseudonym_name(A), "XA")
    assert {dated(DATED * 700 + more) for more in (0, 1, DATED - 1)} == {DATED * 700}


def of(*names: str) -> frozenset[str]:
    return frozenset(names)


@pytest.mark.parametrize(
    ("label", "field"),
    [
        (Label(releasable_to=frozenset({of("ring")})), ""),
        (Label(releasable_to=frozenset({of(A, B)})), ""),
        (Label(releasable_to=frozenset({of("ring"), of(A, B)})), ""),
        (Label(releasable_to=frozenset({frozenset()})), ""),
        (Label(onward=Onward(within=of("ring"))), ""),
        (Label(releasable_to=frozenset({of(A)})), "releasable_to"),
        (Label(releasable_to=frozenset({of("ring", A)})), "releasable_to"),
        (Label(releasable_to=frozenset({of("ring"), of("other")})), "releasable_to"),
        (Label(releasable_to=frozenset({of("ring")}), not_releasable_to=of(A)), "not_releasable_to"),
        (Label(onward=Onward(within=of("ring", "other"))), "onward"),
    ],
)
def test_a_label_names_the_circle_or_an_attested_list_and_nobody_else(label: Label, field: str) -> None:
    assert named(label, "ring", [of(A, B)]) == field


@settings(max_examples=60)
@given(st.integers(2, 12), st.integers(0, 12), st.binary(min_size=4, max_size=4))
def test_whoever_is_left_out_is_never_alone_never_the_asker_and_always_the_subject(
    count: int, which: int, secret: bytes
) -> None:
    real = [f"{n:050x}" for n in range(count)]
    asker, subject = real[0], real[which] if 0 < which < count else ""
    order = {each: hashlib.sha256(secret + each.encode()).digest() for each in real}
    missing = left_out(subject, asker, real, order)
    if missing is None:
        assert count - 1 - bool(subject) <= WITHHELD - bool(subject)
        return
    assert len(missing) == WITHHELD
    assert asker not in missing
    assert missing < set(real)
    assert not subject or subject in missing
    assert left_out(subject, asker, reversed(real), order) == missing


OWN_IDENTITY = "identity--11111111-1111-4111-8111-111111111111"
RELEASED = "indicator--22222222-2222-4222-8222-222222222222"
FOREIGN = "indicator--44444444-4444-4444-8444-444444444444"
FRESH = "indicator--33333333-3333-4333-8333-333333333333"
OWNER = Owner(
    words=frozenset({"Borealia", "laras", "f" * 50}),
    identities=frozenset({OWN_IDENTITY}),
    released=frozenset({RELEASED}),
    foreign=frozenset({FOREIGN}),
)


@pytest.mark.parametrize(
    ("more", "where"),
    [
        ({"id": RELEASED}, "id"),
        ({"id": FOREIGN}, "id"),
        ({"created_by_ref": OWN_IDENTITY}, "created_by_ref"),
        ({"object_refs": [FRESH, RELEASED]}, "object_refs.1"),
        ({"description": "seen by BOREALIA first"}, "description"),
        ({"external_references": [{"description": f"see {RELEASED}"}]}, "external_references.0.description"),
        ({"labels": ["ok", "by laras"]}, "labels.1"),
        ({"x_case": "4711"}, "x_case"),
        ({"x_case": 4711}, "x_case"),
        ({"extensions": {OWN_IDENTITY: {}}}, f"extensions.{OWN_IDENTITY}"),
    ],
)
def test_what_tells_whose_an_object_is_is_shown_with_its_place(more: dict[str, Any], where: str) -> None:
    value = {"type": "indicator", "id": FRESH, "name": "Borealians are others", **more}
    assert [each.where for each in traces(value, OWNER)] == [where]


def test_a_statement_marking_is_shown_and_what_tells_nothing_is_not() -> None:
    marking = {"type": "marking-definition", "id": FRESH, "definition_type": "statement", "definition": {}}
    assert [each.where for each in traces(marking, OWNER)] == ["definition"]
    assert (
        traces({"type": "indicator", "id": FRESH, "pattern": "[ipv4-addr:value = '192.0.2.1']"}, OWNER) == []
    )
