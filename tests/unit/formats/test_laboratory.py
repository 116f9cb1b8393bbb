"""Laboratory files: read to the letter, every fault at once, and a case for every clause that can decide."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from simpul.domain.clauses import AGREEMENT_CLAUSES, OVERLAY_CLAUSES, Question
from simpul.domain.labels import Label
from simpul.domain.laboratory import deciding, run
from simpul.domain.policy import Outcome
from simpul.errors import InputFault, SyntaxFault, TooLarge
from simpul.formats.laboratory import fingerprint_of, read_laboratory
from simpul.formats.plain_yaml import DEPTH_LIMIT, YAML_LIMIT, read_yaml

EXAMPLE = (Path(__file__).parents[3] / "examples" / "laboratory.yaml").read_bytes()

SMALL = """
parties: [Arunika, Borealia]
circles: {}
agreements:
  - id: ab
    parties: [Arunika, Borealia]
    purposes: [ct]
    tlp_ceiling: amber
    not_before: 2026-01-01
    not_after: "2030-01-01T00:00:00+07:00"
overlays: []
cases:
  - name: one
    label: { tlp: green, releasable_to: [Borealia], purposes: [ct] }
    recipient: Borealia
    purpose: ct
    at: 2027-01-01T00:00:00Z
    expect: { outcome: permit, clause: agreement }
"""


def small(old: str = "", new: str = "") -> bytes:
    assert old in SMALL
    return SMALL.replace(old, new, 1).encode() if old else SMALL.encode()


def refused(data: bytes) -> str:
    with pytest.raises(InputFault) as fault:
        read_laboratory(data, input="lab.yaml")
    assert fault.value.input == "lab.yaml"
    return fault.value.message


NEVER_DECIDE = {"agreement.onward", "agreement.retention", "overlay.releasable-to"}
"""Two narrow and refuse nothing; the last reads what `label.releasable-to` has read before it."""


def clauses() -> set[str]:
    """The name of every clause that an agreement part and an overlay part walk."""
    question = Question(
        label=Label(), sender="", recipient="", originator="", purpose="", agreement=None, at=0
    )
    return {clause(question).clause for clause in (*AGREEMENT_CLAUSES, *OVERLAY_CLAUSES)}


def test_the_example_has_a_passing_case_for_every_clause_that_can_decide() -> None:
    laboratory = read_laboratory(EXAMPLE)
    results = run(laboratory)
    assert [each.name for each in results if not each.ok] == []
    decided = {each.clause for each in results}
    rules = {rule.clause for overlay in laboratory.overlays.values() for rule in overlay.rules}
    assert clauses() - decided == NEVER_DECIDE
    assert rules <= decided
    assert {each.outcome for each in results} == {outcome.word for outcome in Outcome}


def test_what_only_narrows_shows_in_the_duties_of_a_case() -> None:
    (narrowed,) = [each for each in run(read_laboratory(EXAMPLE)) if "narrows" in each.name]
    assert narrowed.expected.obligations == narrowed.obligations
    assert {"onward: consent", "retention: 365 days"} <= set(narrowed.obligations)


@pytest.mark.parametrize(
    ("expect", "ok"),
    [
        ("{ outcome: permit, clause: agreement }", True),
        ("{ outcome: permit }", True),
        ("{ outcome: permit, obligations: ['onward: none'] }", True),
        ("{ outcome: deny, clause: agreement }", False),
        ("{ outcome: permit, clause: label.purpose }", False),
        ("{ outcome: permit, obligations: [] }", False),
    ],
)
def test_a_case_is_ok_only_if_all_that_it_expects_holds(expect: str, ok: bool) -> None:
    data = small("{ outcome: permit, clause: agreement }", expect)
    (result,) = run(read_laboratory(data))
    assert (result.ok, result.outcome, result.clause) == (ok, "permit", "agreement")


def test_a_party_without_a_fingerprint_has_the_same_one_in_every_file() -> None:
    one, other = read_laboratory(small()), read_laboratory(EXAMPLE)
    assert one.parties["Borealia"] == other.parties["Borealia"] == fingerprint_of("Borealia")
    assert len({*other.parties.values()}) == len(other.parties)


@pytest.mark.parametrize(
    "parties",
    [
        "{ Arunika: %s, Borealia: null }",
        "{ Arunika: { fingerprint: %s, country: XA }, Borealia: { name: the Borealian state } }",
        "[{ name: Arunika, fingerprint: %s }, Borealia]",
    ],
)
def test_a_party_may_state_its_fingerprint(parties: str) -> None:
    own = "ab" * 25
    found = read_laboratory(small("[Arunika, Borealia]", parties % own))
    assert found.parties == {"Arunika": own, "Borealia": fingerprint_of("Borealia")}
    assert [each.ok for each in run(found)] == [True]


def test_circles_hold_the_members_of_the_circles_in_them() -> None:
    data = small(
        "circles: {}", "circles: { inner: [Borealia], outer: { members: [inner, Arunika] }, far: null }"
    )
    found = read_laboratory(data)
    everybody = frozenset(found.parties.values())
    assert found.circles == {
        "inner": frozenset({fingerprint_of("Borealia")}),
        "outer": everybody,
        "far": None,
    }
    assert found.members_of("none such") is None


def test_each_part_of_a_list_of_labels_adds_to_the_first() -> None:
    label = (
        "label: [{ tlp: green, releasable_to: [Borealia], purposes: [ct] }, { tlp: red }, { topics: [x] }]"
    )
    found = read_laboratory(small("label: { tlp: green, releasable_to: [Borealia], purposes: [ct] }", label))
    whole, *portions = found.cases[0].labels
    assert [each.tlp for each in portions] != [whole.tlp, whole.tlp]
    assert all(each.releasable_to == whole.releasable_to for each in portions)
    (result,) = run(found)
    assert (result.outcome, result.clause) == ("redact", "agreement.tlp-ceiling")


# Which agreement decides.


def agreements(*changes: dict[str, Any]) -> list[Any]:
    (first,) = read_laboratory(small()).agreements
    return [replace(first, **each) for each in changes]


AT = 1_798_761_600_000_000
PARTIES = (fingerprint_of("Arunika"), fingerprint_of("Borealia"))


@pytest.mark.parametrize(
    ("changes", "purpose", "chosen"),
    [
        ([{"id": "a"}, {"id": "b"}], "ct", 1),
        ([{"id": "a"}, {"id": "b", "purposes": frozenset({"cp"})}], "ct", 0),
        ([{"id": "a"}, {"id": "b"}], "cp", 1),
        ([{"version": 2}, {"version": 1}], "ct", 0),
        ([{"version": 1}, {"version": 2, "not_before": AT + 1}], "ct", 0),
        ([{"id": "a"}, {"id": "b", "not_after": AT}], "ct", 0),
        ([{"id": "a"}, {"id": "b", "halts": ((0, None),)}], "ct", 0),
        ([{"halts": ((0, None),)}], "ct", 0),
        ([{"not_after": AT}], "ct", 0),
        ([{"parties": (PARTIES[0], fingerprint_of("Cendara"))}], "ct", None),
    ],
)
def test_the_agreement_that_decides_is_found_as_a_node_finds_it(
    changes: list[dict[str, Any]], purpose: str, chosen: int | None
) -> None:
    known = agreements(*changes)
    found = deciding(known, *PARTIES, purpose, AT)
    assert found is (None if chosen is None else known[chosen])


# Faults.


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("tlp: green", "tlp: orange", "cases[0].label.tlp: 'orange' is not a TLP level"),
        ("recipient: Borealia", "recipient: Dunmar", "cases[0].recipient: 'Dunmar' is not a party"),
        ("    recipient: Borealia\n", "", "cases[0].recipient: is missing"),
        ("at: 2027-01-01T00:00:00Z", "at: 2027-01-01T00:00:00", "cases[0].at: must be a moment with its zone"),
        ("at: 2027-01-01T00:00:00Z", "at: 5", "cases[0].at: must be a moment"),
        ("outcome: permit", "outcome: allow", "cases[0].expect.outcome: 'allow' is not one of permit, redact"),
        ("purpose: ct", "purposes: [ct]", "did you mean purpose?"),
        ("[Borealia], purposes", "[Dunmar], purposes", "'Dunmar' is neither a party nor a circle"),
        ("tlp_ceiling: amber", "tlp_ceiling: amber\n    approvals: none", "agreements[0].approvals: must be a whole number"),
        ("purposes: [ct]\n", "purposes: []\n", "agreements[0].purposes: none is named"),
        ("circles: {}", "circles: { a: [b], b: [a] }", "contains itself"),
        ("circles: {}", "circles: { a: [Dunmar] }", "circles.a: 'Dunmar' is neither a party nor a circle"),
        ("circles: {}", "circles: { Arunika: [] }", "circles.Arunika: is the name of a party"),
        ("[Arunika, Borealia]\ncirc", "[Arunika, Arunika]\ncirc", "'Arunika' stands twice"),
        ("[Arunika, Borealia]\ncirc", "{ Arunika: abcd, Borealia: null }\ncirc", "parties.Arunika: 'abcd' is not a fingerprint"),
        ("overlays: []", "overlays: [{ rule: [{ id: x, then: permit }] }]", "'permit' is not one of"),
        ("overlays: []", "overlays: [{ rule: [{ id: x, then: deny }] }, { rule: [{ id: y, then: deny }] }]", "has an overlay already"),
        ("overlays: []", "schemes: [{ id: XA, levels: [LOW] }]\noverlays: []", None),
        ("tlp_ceiling: amber", "tlp_ceiling: amber\n    equivalence: [{ given: { XA: A }, becomes: { XB: B }, handle_as: B }, { given: { XB: B }, becomes: { XA: C }, handle_as: C }]", "agreements[0].equivalence[1]: XA A becomes XB B, and that becomes XA C"),
        ("    at:", "    agreement: cd\n    at:", "cases[0].agreement: there is no agreement 'cd'"),
        ("    at:", "    markings: { a: b }\n    at:", "cases[0].markings: must be a list"),
        ("    at:", "    consented: yes\n    at:", "cases[0].consented: must be true or false"),
        ("cases:", "more:", "cases: none is stated"),
        ("    label: {", "    labels: {", "cases[0].label: is missing"),
    ],
)  # fmt: skip
def test_a_fault_is_named_by_its_path(old: str, new: str, said: str | None) -> None:
    data = small(old, new)
    if said is None:
        assert run(read_laboratory(data))[0].ok
    else:
        assert said in refused(data)


def test_every_fault_is_told_at_once() -> None:
    data = (
        small("tlp: green", "tlp: orange")
        .replace(b"    purpose: ct\n", b"")
        .replace(b"outcome: permit", b"outcome: x")
    )
    message = refused(data)
    assert "3 faults" in message
    assert all(path in message for path in ("label.tlp", "cases[0].purpose", "expect.outcome"))


def test_a_scheme_or_level_that_is_not_stated_is_a_fault_once_schemes_are() -> None:
    row = "{ given: { XA: HIGH }, becomes: { XB: TOP }, handle_as: TOP }"
    terms = f"tlp_ceiling: amber\n    levels: {{ XA: HIGH }}\n    equivalence: [{row}]"
    data = small("tlp_ceiling: amber", terms)
    assert run(read_laboratory(data))[0].ok
    message = refused(data.replace(b"overlays: []", b"schemes: [{ id: XA, levels: [LOW] }]"))
    assert "agreements[0].levels: XA has no level 'HIGH'" in message
    assert "agreements[0].equivalence[0].becomes: 'XB' is not a scheme that is stated" in message


def test_two_versions_alike_are_a_fault() -> None:
    terms = SMALL[SMALL.index("  - id: ab") : SMALL.index("overlays:")]
    assert "agreements[1].version: version 1 of 'ab' stands twice" in refused(small(terms, terms + terms))


TREE: Any = read_yaml(EXAMPLE, input="example")
ODD: Any = (
    None,
    True,
    1,
    -1,
    2.5,
    "",
    " x ",
    [],
    {},
    [1],
    ["x"],
    {"a": 1},
    [[]],
    [{}],
    {"name": "x"},
    "2027-01-01",
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of everything inside a value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield (*path, key)
        yield from places(each, (*path, key))


@given(st.sampled_from(list(places(TREE))), st.sampled_from(ODD))
@settings(max_examples=150, deadline=None)
def test_whatever_stands_in_a_place_is_decided_or_refused(path: tuple[Any, ...], odd: Any) -> None:
    tree = deepcopy(TREE)
    holder = reduce(lambda value, key: value[key], path[:-1], tree)
    holder[path[-1]] = odd
    try:
        results = run(read_laboratory(json.dumps(tree).encode()))
    except InputFault:
        return
    assert all(each.outcome in {outcome.word for outcome in Outcome} for each in results)


# The YAML itself.


@pytest.mark.parametrize(
    ("data", "line", "said"),
    [
        (b"a: 1\nb: 2\na: 3\n", "line 3", "the key 'a' stands twice"),
        (b"a: &x [1]\n", "line 1", "anchors"),
        (b"a: &x [1]\nb: *x\n", "line 1", "anchors"),
        (b"a: !!python/object/apply:os.system [ls]\n", "line 1", "tags"),
        (b"a: !!binary aGk=\n", "line 1", "tags"),
        (b"a: 1\n---\nb: 2\n", "line 2", "several documents"),
        (b"1: a\n", "line 1", "no text"),
        (b"[a]: b\n", "line 1", "no text"),
        (b"a: [1\n", "line 2", "not YAML"),
        (b"a: \x00\n", None, "not YAML"),
        (b"\xff", "byte 0", "not UTF-8"),
        (b"[" * (DEPTH_LIMIT + 1) + b"]" * (DEPTH_LIMIT + 1), "line 1", "inside each other"),
    ],
)
def test_what_yaml_could_hide_is_refused_with_its_line(data: bytes, line: str | None, said: str) -> None:
    with pytest.raises(SyntaxFault, match=said) as fault:
        read_yaml(data, input="x.yaml")
    assert fault.value.where == line


def test_a_bomb_and_a_long_file_are_refused() -> None:
    bomb = b"a: &a [x,x,x]\nb: &b [*a,*a,*a]\nc: [*b,*b,*b]\n"
    with pytest.raises(SyntaxFault, match="anchors"):
        read_yaml(bomb, input="x")
    with pytest.raises(TooLarge):
        read_yaml(b"#" * (YAML_LIMIT + 1), input="x")
    with pytest.raises(SyntaxFault, match=r"inside each other|nesting depth"):
        read_yaml(b"[" * YAML_LIMIT, input="x")


def test_a_plain_word_is_a_text_unless_json_would_read_it_otherwise() -> None:
    data = b"{ a: no, b: 2027-01-01, c: 12, d: 2.0, e: true, f: null, g: '12', h: 012, i: 1e3, j: ~, k: .inf, l: 0x1f }"
    assert read_yaml(data, input="x") == {
        "a": "no",
        "b": "2027-01-01",
        "c": 12,
        "d": 2.0,
        "e": True,
        "f": None,
        "g": "12",
        "h": "012",
        "i": "1e3",
        "j": None,
        "k": ".inf",
        "l": "0x1f",
    }


@pytest.mark.parametrize("data", [b"", b"[]", b"text", b"# nothing\n"])
def test_a_file_that_is_no_table_is_refused(data: bytes) -> None:
    with pytest.raises(SyntaxFault, match="not one table"):
        read_laboratory(data)
