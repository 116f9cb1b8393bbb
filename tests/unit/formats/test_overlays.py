"""Overlay files: what people write is read whole or refused with every fault, and reads back the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simpul.domain.clauses import Outcome
from simpul.domain.labels import Tlp
from simpul.domain.overlays import Overlay, When, faults
from simpul.errors import InputFault, NotFound, SyntaxFault
from simpul.formats.overlays import read_overlay, write_overlay
from tests.properties.strategies import overlays

EXAMPLE = Path(__file__).parents[3] / "examples" / "overlay.toml"
NAMES = {"Arunika": "a" * 50, "Borealia": "b" * 50, "Cendara": "c" * 50}
CIRCLES = {"pact", "ring", "unheard-of"}


def party(name: str) -> str:
    if name in CIRCLES or name in NAMES.values():
        return name
    if name not in NAMES:
        raise NotFound(f"no known party is called '{name}'")
    return NAMES[name]


def read(text: str) -> Overlay:
    return read_overlay(text.encode(), party=party, input="overlay.toml")


HEAD = 'party = "Arunika"\ntitle = "Rules"\n'


def test_the_example_is_read_with_every_condition_that_there_is() -> None:
    overlay = read_overlay(EXAMPLE.read_bytes(), party=party)
    assert (overlay.party, overlay.version, len(overlay.rules)) == ("a" * 50, 1, 7)
    assert faults(overlay) == []
    assert {rule.then for rule in overlay.rules} == {
        Outcome.DENY,
        Outcome.NEEDS_APPROVAL,
        Outcome.NEEDS_CONSENT,
    }
    stated = {
        name
        for rule in overlay.rules
        for name in When.__struct_fields__
        if getattr(rule.when, name) != getattr(When(), name)
    }
    assert stated == set(When.__struct_fields__)


def test_a_rule_without_conditions_always_applies() -> None:
    (rule,) = read(HEAD + '[[rule]]\nid = "stop"\nthen = "deny"\n').rules
    assert rule.when == When()


def test_conditions_may_stand_on_one_line() -> None:
    (rule,) = read(
        HEAD + '[[rule]]\nid = "one"\nthen = "deny"\nwhen = { tlp_from = "TLP:RED", recipients = ["pact"] }\n'
    ).rules
    assert rule.when == When(tlp_from=Tlp.RED, recipients=frozenset({"pact"}))


FAULTY = """
version = 0
titel = "misspelt"
party = "Dorania"
[[rule]]
id = "Not An Id"
then = "permit"
[rule.when]
tlp_at_most = "amber"
except_topics = ["nuclear"]
topics = []
recipients = ["Borealia", "Dorania"]
[[rule]]
id = "two"
then = "needs-approval"
[rule.when]
purposes = ["a", "b"]
except_purposes = ["b"]
handling = ["H7"]
since = 2026-01-01T00:00:00Z
until = 2025-01-01T00:00:00Z
topic = ["x"]
[[rule]]
id = "two"
approvals = 3
then = "deny"
"""


def test_every_fault_is_reported_at_once_each_with_its_place() -> None:
    with pytest.raises(InputFault) as caught:
        read(FAULTY)
    message = caught.value.message
    for fault in (
        "version: must be a whole number from 1 on",
        "titel: is not known here; did you mean title?",
        "title: is missing",
        "party: no known party is called 'Dorania'",
        "rule[0].id: 'Not An Id' is not made of",
        "rule[0].then: 'permit' is not one of needs-approval, needs-consent, deny: an overlay may only restrict",
        "rule[0].when.tlp_at_most: adding a restriction to a label could switch this off; write tlp_from",
        "rule[0].when.except_topics: adding a restriction to a label could switch this off; write topics",
        "rule[0].when.topics: is empty",
        "rule[0].when.recipients: no known party is called 'Dorania'",
        "rule[1].id: 'two' is written 2 times",
        "rule[1].approvals: must be between 2 and 99",
        "rule[1].when.purposes: 'b' is excepted too",
        "rule[1].when.handling: 'H7' is not one of H0, H1, H2, H3",
        "rule[1].when.until: is not later than since",
        "rule[1].when.topic: is not known here; did you mean topics?",
        "rule[2].id: 'two' is written 2 times",
        "rule[2].approvals: goes with needs-approval alone",
    ):
        assert fault in message, fault
    assert message.startswith("the overlay has 18 faults: ")


@pytest.mark.parametrize("key", ["recipients", "except_recipients", "purposes", "topics", "handling"])
def test_an_empty_list_is_refused_since_the_rule_would_never_apply(key: str) -> None:
    with pytest.raises(InputFault, match=rf"rule\[0\]\.when\.{key}: is empty"):
        read(HEAD + f'[[rule]]\nid = "one"\nthen = "deny"\n[rule.when]\n{key} = []\n')


def test_an_overlay_without_rules_is_refused() -> None:
    with pytest.raises(InputFault, match=r"no \[\[rule\]\] is written"):
        read(HEAD)


@pytest.mark.parametrize("data", [b"party = ", b"\xff", b"[[rule]\n"])
def test_what_is_not_toml_is_refused(data: bytes) -> None:
    with pytest.raises(SyntaxFault):
        read_overlay(data, party=party)


@given(overlays.filter(lambda overlay: overlay.rules and not faults(overlay)), st.booleans())
def test_whatever_is_sound_is_written_and_read_back_the_same(overlay: Overlay, named: bool) -> None:
    names = {fingerprint: name for name, fingerprint in NAMES.items()} if named else {}
    text = write_overlay(overlay, name_of=lambda one: names.get(one, one))
    assert read(text) == overlay
