"""Whatever the bytes, the check answers; and its quick half never says yes where its slow half says no."""

from __future__ import annotations

import copy
import json
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from simpul.domain.cutting import mentions
from simpul.domain.objects import Object
from simpul.domain.references import references
from simpul.formats import strictjson
from simpul.formats.patterns import PatternFault, parse_pattern
from simpul.formats.stix_faults import faults_of
from simpul.formats.stix_layouts import layout_of
from simpul.formats.stix_quick import in_order
from simpul.formats.stix_structs import CUSTOM_RULE, RULES
from tests.unit.formats.examples import GOOD, TIME, read_bytes, some_id

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53) + 1, 2**53 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    TEXTS,
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=12,
)
ODD_VALUES: list[Any] = [
    *(TIME, "2026-03-01T08:30:00Z", "2026-13-01T00:00:00Z", "2026-03-01t08:30:00Z", "2026-03-01T08:30:60Z"),
    *(
        some_id("tool"),
        some_id("x-y"),
        some_id("ab"),
        some_id("bundle"),
        "tool--1",
        "",
        "2.1",
        "aGk=",
        "4d5a",
    ),
    *([], {}, [[]], 0, -1, 1.0, 101, None, True, "agree", {"a": "b"}, {"MD5": "x"}, {"MD5": "a" * 32}),
    *([some_id("tool")], [some_id("file")], [""]),
]
ODD = st.sampled_from(ODD_VALUES)


def strict_reference(raw: bytes) -> bool:
    """A second, naive reading of the same rules by the standard library."""

    def all_different(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) != len(pairs):
            raise ValueError("twice")
        return dict(pairs)

    def no_constant(text: str) -> None:
        raise ValueError(text)

    def number(text: str) -> int | float:
        if strictjson.changes_value(text):
            raise ValueError(text)
        return float(text) if set(text) & set(".eE") else int(text)

    try:
        value = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=all_different,
            parse_constant=no_constant,
            parse_int=number,
            parse_float=number,
        )
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except ValueError:
        return False
    return isinstance(value, dict)


@given(st.dictionaries(TEXTS, VALUES, max_size=6), st.sampled_from([None, 0, 2]), st.booleans())
@settings(max_examples=300)
def test_strict_json_reads_what_a_program_writes(
    value: dict[str, Any], indent: int | None, ascii: bool
) -> None:
    raw = json.dumps(value, indent=indent, ensure_ascii=ascii).encode()
    assert (strictjson.decode(raw) is not None) == strict_reference(raw)
    assert (strictjson.decode(raw) is None) == bool(strictjson.problems(raw))


PIECES = st.sampled_from(
    [
        *(
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            " ",
            "\n",
            "x",
            "1",
            "-0",
            "1e5",
            "1e400",
            "0.1",
            "01",
            "true",
            "null",
            "NaN",
        ),
        *(
            '"a"',
            '"b"',
            '"a":',
            '"a" :',
            '"":',
            '"\\u0061"',
            '"\\":"',
            '":"',
            '"\\ud800"',
            '"\\ud83d\\ude00"',
        ),
        "9007199254740993",
    ]
)


@given(st.lists(PIECES, max_size=14).map("".join))
@settings(max_examples=600)
def test_strict_json_agrees_with_a_naive_reading_of_the_same_rules(inside: str) -> None:
    for raw in (inside.encode(), ('{"a":' + inside + "}").encode()):
        assert (strictjson.decode(raw) is not None) == strict_reference(raw), raw


@given(st.binary(max_size=60))
@settings(max_examples=300)
def test_no_bytes_raise(raw: bytes) -> None:
    for each in (raw, b'{"type":"tool","name":"' + raw + b'"}', b'{"type":' + raw + b"}"):
        assert isinstance(read_bytes(each), list | Object)


@given(st.data())
@settings(max_examples=1500)
def test_the_quick_check_never_accepts_what_the_slow_one_refuses(data: st.DataObject) -> None:
    value = copy.deepcopy(GOOD[data.draw(st.sampled_from(sorted(GOOD)))])
    for _ in range(data.draw(st.integers(0, 2))):
        place = value
        name = data.draw(st.sampled_from(sorted(place)))
        if isinstance(place[name], dict) and place[name] and data.draw(st.booleans()):
            place = place[name]
            name = data.draw(st.sampled_from(sorted(place)))
        change = data.draw(st.one_of(st.just("drop"), ODD, VALUES))
        if change == "drop":
            del place[name]
        else:
            place[name] = copy.deepcopy(change)
        if not value:
            return
    raw = msgspec.json.encode(value)
    made = read_bytes(raw)
    slow = faults_of(value)
    if isinstance(made, Object):
        assert slow == []
    elif strictjson.decode(raw) is not None:
        assert [(fault.path, fault.problem) for fault in made] == slow


@given(st.sampled_from(sorted(GOOD)))
@settings(max_examples=80)
def test_the_quick_check_alone_accepts_every_good_object(type: str) -> None:
    rule = RULES.get(type, CUSTOM_RULE)
    rule.decoder.decode(msgspec.json.encode(GOOD[type]))
    assert in_order(type, GOOD[type], rule, layout_of(type, tuple(GOOD[type])))


@given(VALUES, st.sampled_from(sorted(GOOD)))
@settings(max_examples=200)
def test_references_and_ids_tell_of_the_same_objects(extra: Any, type: str) -> None:
    hidden = some_id("campaign", 77)
    value = copy.deepcopy(GOOD[type]) | {"x_extra": [extra, {hidden: f"({hidden})"}, f"\n{hidden}"]}
    found = {reference.target for reference in references(value)}
    raw = msgspec.json.encode(value)
    assert hidden in found
    made = read_bytes(raw)
    if isinstance(made, Object):
        assert mentions(raw, made.id) == found


@given(st.text(st.sampled_from(list("[]()':=.*<>!ab1 \\tANDORIN,")), max_size=40))
@settings(max_examples=300)
def test_a_pattern_is_read_or_refused_and_nothing_else(text: str) -> None:
    try:
        found = parse_pattern(text)
    except PatternFault:
        return
    assert found
