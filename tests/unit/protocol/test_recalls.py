"""A recall document and its answer: what must be refused before anybody acts on it, and how much fits."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from simpul.errors import Malformed
from simpul.protocol.canonical import encode
from simpul.protocol.labels import WireLabel
from simpul.protocol.recalls import (
    OBJECTS_LIMIT,
    RECALL_LIMIT,
    Recall,
    RecallAnswer,
    RecalledObject,
    RetainedPart,
    check_answer,
    decode_recall,
    encode_recall,
)

PARTY = "a" * 50
ID = "indicator--5f0c9b1e-0000-4000-8000-000000000001"
WHOLE = Recall(
    author=PARTY,
    originator=PARTY,
    action="recall",
    code="mistake",
    reason="the wrong person",
    issued=1,
    deadline=2,
    product="product--5f0c9b1e-0000-4000-8000-000000000001",
)
BY_ID: dict[str, Any] = {"product": "", "objects": (RecalledObject(id=ID),)}
NARROWING: dict[str, Any] = {"action": "restrict", "label": WireLabel(tlp="red")}


def test_it_reads_back() -> None:
    for recall in (WHOLE, replace(WHOLE, version=2), replace(WHOLE, **BY_ID), replace(WHOLE, **NARROWING)):
        assert decode_recall(encode_recall(recall)) == recall


@pytest.mark.parametrize(
    "changed",
    [
        {"product": ""},
        {"objects": (RecalledObject(id=ID),)},
        {"roots": (bytes(32),)},
        {"author": "somebody"},
        {"deadline": 1},
        {"version": 0},
        {**BY_ID, "version": 1},
        {"action": "restrict"},
        {"label": WireLabel(tlp="red")},
        {"action": "restrict", "label": WireLabel(releasable_to=((PARTY,),))},
        {"action": "restrict", "label": WireLabel(not_releasable_to=(PARTY,))},
        {"action": "forget"},
        {"code": "because"},
        {"product": "", "objects": (RecalledObject(id="indicator--1"),)},
        {"product": "", "objects": (RecalledObject(id=ID, sha256=b"short"),)},
    ],
    ids=str,
)
def test_what_contradicts_itself_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        decode_recall(encode(replace(WHOLE, **changed)))


def test_ten_thousand_objects_fit_one_document() -> None:
    named = tuple(
        RecalledObject(id=f"relationship--{UUID(int=n, version=4)}", version=1_700_000_000_000_000 + n)
        for n in range(OBJECTS_LIMIT)
    )
    data = encode_recall(replace(WHOLE, product="", objects=named))
    assert len(data) <= RECALL_LIMIT
    assert decode_recall(data).objects == named
    with pytest.raises(Malformed):
        decode_recall(encode(replace(WHOLE, product="", objects=(*named, RecalledObject(id=ID)))))


@pytest.mark.parametrize(
    "changed",
    [
        {"destroyed": -1},
        {"named": ("nobody",)},
        {"at": -1},
        {"retained": (RetainedPart(ground="x", count=-1, until=1),)},
    ],
    ids=str,
)
def test_an_answer_with_impossible_numbers_is_refused(changed: dict[str, Any]) -> None:
    answer = RecallAnswer(recall=bytes(32), at=1)
    check_answer(answer)
    with pytest.raises(Malformed):
        check_answer(replace(answer, **changed))
