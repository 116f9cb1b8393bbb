"""An act has one byte form, and what is not an act is malformed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simpul.domain.acts import Act, AgreementAct
from simpul.errors import Malformed, NotUnderstood, SimpulError
from simpul.protocol.agreement_acts import decode_act, encode_act

hashes = st.binary(min_size=32, max_size=32)
times = st.integers(0, 2**53 - 1)
acts = st.builds(
    AgreementAct,
    act=st.sampled_from(Act),
    party=st.text(max_size=50),
    agreement=st.text(max_size=20),
    version=st.integers(1, 99),
    terms=hashes,
    made=times,
    since=times,
    reason=st.text(max_size=20),
    previous=st.just(b"") | hashes,
    lifts=st.lists(hashes, max_size=3).map(tuple),
)
ACT = AgreementAct(
    act=Act.SUSPEND, party="a" * 50, agreement="x", version=1, terms=bytes(32), made=1, since=2, reason="why"
)


@settings(max_examples=80)
@given(act=acts)
def test_an_act_reads_back(act: AgreementAct) -> None:
    assert decode_act(encode_act(act)) == act


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"act": "amend"}, Malformed),
        ({"previous": "00"}, Malformed),
        ({"terms": "00"}, Malformed),
        ({"lifts": ["00" * 32] * 65}, Malformed),
        ({"reason": "x" * 20_000}, Malformed),
        ({"novelty": 1}, NotUnderstood),
    ],
)
def test_what_is_not_an_act_is_refused(change: dict[str, object], fault: type[SimpulError]) -> None:
    plain = json.loads(encode_act(ACT)) | change
    with pytest.raises(fault):
        decode_act(json.dumps(plain, sort_keys=True, separators=(",", ":")).encode())
