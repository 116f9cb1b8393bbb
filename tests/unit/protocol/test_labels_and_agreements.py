"""Labels and agreements have one byte form each, whatever the order in which they were written."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from simpul.domain.agreements import RUN_OFFS, Agreement, Equivalence, Reservation
from simpul.domain.labels import Classification, Label, Onward, Tlp
from simpul.errors import Malformed, NotUnderstood
from simpul.protocol import agreements, labels
from simpul.protocol.documents import sign
from tests.unit.protocol.parties import ARUNIKA, BOREALIA, CENDARA, NOW, YEAR

words = st.text(max_size=8)
sets = st.frozensets(words, max_size=4)
levels = st.builds(Classification, words, words)
numbers = st.integers(0, 2**53 - 1)
onwards = st.builds(Onward, none=st.booleans(), consent=st.booleans(), within=sets)
any_label = st.builds(
    Label,
    tlp=st.none() | st.sampled_from(Tlp),
    classification=st.frozensets(levels, max_size=3),
    handling=sets,
    handling_text=sets,
    releasable_to=st.frozensets(sets, max_size=3),
    not_releasable_to=sets,
    onward=st.none() | onwards,
    purposes=st.none() | sets,
    topics=sets,
    compartments=sets,
    expires=st.none() | numbers,
    retention_days=st.none() | st.integers(0, 36_500),
    obligations=sets,
    unmapped=sets,
)
parties = st.sampled_from(
    [tuple(sorted(pair)) for pair in ((ARUNIKA.party, BOREALIA.party), (ARUNIKA.party, CENDARA.party))]
)
equivalences = st.builds(
    Equivalence,
    given=levels,
    becomes=levels,
    handle_as=words,
    since=st.none() | numbers,
    until=st.none() | numbers,
    footnote=words,
)
reservations = st.builds(
    Reservation,
    party=words,
    clause=words,
    purposes=sets,
    topics=sets,
    levels=st.frozensets(levels, max_size=2),
    tlp_ceiling=st.none() | st.sampled_from(Tlp),
    text=words,
)
any_agreement = st.builds(
    Agreement,
    id=words,
    version=st.integers(1, 99),
    title=words,
    parties=parties,
    purposes=sets,
    topics=sets,
    compartments=sets,
    tlp_ceiling=st.sampled_from(Tlp),
    levels=st.frozensets(levels, max_size=3),
    equivalences=st.lists(equivalences, max_size=3).map(tuple),
    onward=onwards,
    retention_days=st.none() | st.integers(0, 36_500),
    approvals=st.integers(1, 5),
    obligations=sets,
    not_before=st.just(NOW),
    not_after=st.just(NOW + YEAR),
    suite=st.sampled_from([1, 2]),
    reservations=st.lists(reservations, max_size=2).map(tuple),
    run_off=st.sampled_from(RUN_OFFS),
    run_off_days=st.integers(0, 99),
    notice_days=st.integers(0, 99),
    replaces=st.just(b"") | st.binary(min_size=32, max_size=32),
)


@settings(max_examples=150)
@given(any_label)
def test_a_label_reads_back_from_its_bytes(label: Label) -> None:
    data = labels.encode_label(label)
    assert labels.decode_label(data) == label
    assert labels.label_hash(label) == hashlib.sha256(data).digest()


@settings(max_examples=100)
@given(any_label, any_label)
def test_two_labels_share_a_hash_only_when_they_are_equal(a: Label, b: Label) -> None:
    assert (labels.label_hash(a) == labels.label_hash(b)) == (a == b)


def test_the_neutral_label_is_an_empty_object_and_no_purposes_is_not_none() -> None:
    assert labels.encode_label(Label()) == b"{}"
    assert labels.encode_label(Label(purposes=frozenset())) == b'{"purposes":[]}'


@pytest.mark.parametrize(
    "data",
    [
        b'{"topics":["b","a"]}',
        b'{"topics":["a","a"]}',
        b'{"topics":[]}',
        b'{"releasable_to":[["b","a"]]}',
        b'{"releasable_to":[["b"],["a"]]}',
        b'{"classification":[["XB","R"],["XA","R"]]}',
        b'{"onward":{"within":["b","a"]}}',
        b'{"tlp":"white"}',
        b'{"tlp":2}',
        b'{"expires":-9007199254740992}',
        b"[]",
    ],
)
def test_another_form_of_a_label_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        labels.decode_label(data)


def test_a_restriction_that_this_version_does_not_know_is_not_understood() -> None:
    with pytest.raises(NotUnderstood):
        labels.decode_label(b'{"embargo":"2030","tlp":"clear"}')


@settings(max_examples=100)
@given(any_agreement)
def test_an_agreement_reads_back_and_is_named_by_its_payload(agreement: Agreement) -> None:
    data = agreements.encode_agreement(agreement)
    assert agreements.decode_agreement(data) == agreement
    assert agreements.agreement_hash(agreement) == hashlib.sha256(data).digest()


AGREEMENT = Agreement(
    id="xa-xb-2026",
    version=1,
    title="Arunika and Borealia",
    parties=tuple(sorted((ARUNIKA.party, BOREALIA.party))),
    purposes=frozenset({"counter-proliferation"}),
    topics=frozenset(),
    compartments=frozenset(),
    tlp_ceiling=Tlp.AMBER,
    levels=frozenset({Classification("XA", "RAHASIA")}),
    equivalences=(
        Equivalence(
            given=Classification("XA", "RAHASIA"), becomes=Classification("XB", "SECRET"), handle_as="SECRET"
        ),
    ),
    onward=Onward(none=True),
    retention_days=365,
    approvals=1,
    obligations=frozenset(),
    not_before=NOW,
    not_after=NOW + YEAR,
)


def test_the_hash_of_the_signed_document_is_the_agreements() -> None:
    document = sign(agreements.KIND, "live", agreements.encode_agreement(AGREEMENT), ARUNIKA.signing)
    assert document.hash == agreements.agreement_hash(AGREEMENT)


def test_the_equivalence_table_has_a_hash_of_its_own() -> None:
    same = replace(AGREEMENT, title="another title")
    assert agreements.equivalence_hash(same) == agreements.equivalence_hash(AGREEMENT)
    row = replace(AGREEMENT.equivalences[0], footnote="not for persons")
    other = replace(AGREEMENT, equivalences=(row,))
    assert agreements.equivalence_hash(other) != agreements.equivalence_hash(AGREEMENT)


@pytest.mark.parametrize(
    "change",
    [
        {"parties": []},
        {"parties": [ARUNIKA.party]},
        {"parties": [ARUNIKA.party, ARUNIKA.party]},
        {"parties": sorted((ARUNIKA.party, BOREALIA.party), reverse=True)},
        {"purposes": ["b", "a"]},
        {"version": 0},
        {"approvals": 0},
        {"not_before": NOW + YEAR},
        {"tlp_ceiling": "pink"},
        {"replaces": "00"},
    ],
)
def test_an_agreement_that_is_not_as_it_must_be_is_malformed(change: dict[str, object]) -> None:
    plain = json.loads(agreements.encode_agreement(AGREEMENT)) | change
    data = json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()
    with pytest.raises(Malformed):
        agreements.decode_agreement(data)
