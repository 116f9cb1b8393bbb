"""What policy makes of the case: each canary reaches exactly the parties that it is not kept from."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from typing import Any, Final

import msgspec
import pytest

from simpul.demo_case import path
from simpul.domain.cutting import Candidate, cut, mentions, settle
from simpul.domain.objects import Object
from simpul.domain.policy import Outcome, PortionsDecision, decide, over_portions
from simpul.formats.markings import Markings
from simpul.formats.stix import object_of
from simpul.formats.terms import read_agreement, read_label, read_portions

FINGERPRINTS: Final = {"Arunika": "a" * 50, "Borealia": "b" * 50, "Cendara": "c" * 50}
AT: Final = 1_795_000_000_000_000
PURPOSE: Final = "counter-proliferation"
CANARIES: Final[list[dict[str, Any]]] = json.loads(path("canaries.json").read_bytes())


def _agreement(party: str) -> Any:
    file = path(f"agreements/arunika-{party.lower()}.toml")
    return read_agreement(file.read_bytes(), party=FINGERPRINTS.__getitem__)


def _decide(label: Any, party: str) -> Any:
    return decide(
        label,
        sender=FINGERPRINTS["Arunika"],
        recipient=FINGERPRINTS[party],
        purpose=PURPOSE,
        agreement=_agreement(party),
        at=AT,
    )


@cache
def _marked() -> list[tuple[Object, tuple[Any, ...]]]:
    raws = [json.dumps(o).encode() for o in json.loads(path("case.json").read_bytes())["objects"]]
    markings = Markings(json.loads(raw) for raw in raws if b'"type": "marking-definition"' in raw)
    owners = {
        id: read_label(path(step["label"]).read_bytes(), party=FINGERPRINTS.__getitem__)
        for step in json.loads(path("plan.json").read_bytes())
        for id in step["ids"]
    }
    objects = [object_of(raw) for raw in raws]
    return [(each, markings.labels(owners[each.id], each)) for each in objects]


@cache
def _outcome(party: str) -> tuple[dict[str, bytes], Counter[str]]:
    """The bytes that a party gets, by id, and how many objects each clause withholds."""
    decisions: dict[str, PortionsDecision] = {
        each.id: over_portions([_decide(label, party) for label in labels]) for each, labels in _marked()
    }
    by_id = {each.id: each for each, _ in _marked()}
    denied = {
        id: tuple(s for k in decided.refused for s in by_id[id].granular[k - 1].selectors)
        for id, decided in decisions.items()
        if decided.outcome <= Outcome.REDACT
    }
    candidates = [
        Candidate(key=id, id=id, ids=mentions(by_id[id].raw, id), denied=denied[id]) for id in denied
    ]
    settled = settle(
        lambda: candidates, load=lambda key: json.loads(by_id[str(key)].raw), granted=lambda _: False
    )
    withheld = Counter(d.clause for id, d in decisions.items() if id not in denied)
    withheld.update(settled.withheld.values())
    got = {}
    for id in denied.keys() - settled.withheld.keys():
        kept = cut(json.loads(by_id[str(id)].raw), granted=settled.granted, denied=denied[id]).kept
        assert kept is not None
        got[id] = msgspec.json.encode(kept)
    return got, withheld


@cache
def _texts(party: str) -> dict[str, bytes]:
    """The paragraphs that a party gets."""
    portions = read_portions(path("portions.toml").read_bytes(), party=FINGERPRINTS.__getitem__).portions
    return {
        f"portion {p.number}": p.text.encode()
        for p in portions
        if _decide(p.label, party).outcome is Outcome.PERMIT
    }


@pytest.mark.parametrize("party", ["Borealia", "Cendara"])
def test_no_canary_reaches_a_party_that_it_is_kept_from(party: str) -> None:
    everything = b"\n".join((*_outcome(party)[0].values(), *_texts(party).values()))
    leaked = [c for c in CANARIES if party in c["kept_from"] and c["canary"].encode() in everything]
    assert leaked == []


@pytest.mark.parametrize("party", ["Borealia", "Cendara"])
def test_every_other_canary_reaches_it(party: str) -> None:
    got = _outcome(party)[0] | _texts(party)
    missing = [
        c
        for c in CANARIES
        if party not in c["kept_from"] and c["canary"].encode() not in got.get(c["object"], b"")
    ]
    assert missing == []


def test_what_is_passed_on_asks_for_consent_and_its_sanitised_version_goes_by_it() -> None:
    terms = read_agreement(
        path("agreements/borealia-cendara.toml").read_bytes(), party=FINGERPRINTS.__getitem__
    )
    for name in ("entrusted", "sanitised"):
        label = read_label(path(f"labels/{name}.toml").read_bytes(), party=FINGERPRINTS.__getitem__)
        for consented, expected in ((False, Outcome.NEEDS_CONSENT), (True, Outcome.PERMIT)):
            decision = decide(
                label,
                sender=FINGERPRINTS["Borealia"],
                recipient=FINGERPRINTS["Cendara"],
                purpose=PURPOSE,
                agreement=terms,
                at=AT,
                originator=FINGERPRINTS["Arunika"],
                consented=consented,
            )
            assert decision.outcome is expected, decision


def test_the_sanitised_version_says_nothing_of_the_source() -> None:
    onward = json.loads(path("onward.json").read_bytes())
    (given,) = json.loads(path("sanitised.json").read_bytes())["objects"]
    words = [c["canary"] for c in CANARIES if c["object"] == onward["asked"]]
    assert given["id"] == onward["rendition"] != onward["asked"]
    assert onward["canary"] in given["description"]
    assert not [word for word in (*words, "cook", "Estrela", "Told by") if word in json.dumps(given)]
    assert mentions(json.dumps(given).encode(), given["id"]) == frozenset()


def test_the_narrower_agreement_gives_less_for_more_reasons() -> None:
    (wide, wide_reasons), (narrow, narrow_reasons) = _outcome("Borealia"), _outcome("Cendara")
    assert narrow.keys() < wide.keys()
    assert len(_texts("Cendara")) < len(_texts("Borealia")) < 8
    assert wide_reasons.keys() <= narrow_reasons.keys()
    assert {
        "label.releasable-to",
        "agreement.classification",
        "reference.required",
        "reference.marking",
    } <= set(narrow_reasons)
