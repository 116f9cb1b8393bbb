"""Canonical JSON: equal to RFC 8785 within its profile, and one byte form for each value."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from simpul.errors import Malformed, NotUnderstood
from simpul.protocol.canonical import MAX_DEPTH, MAX_INT, Bytes16, Bytes32, Hex, Wire, decode, encode
from tests.unit.protocol.parties import drawn

JCS = Path(__file__).parents[2] / "data" / "jcs" / "testdata"


class Inner(Wire, frozen=True, kw_only=True):
    n: int = 0
    words: tuple[str, ...] = ()


class Outer(Wire, frozen=True, kw_only=True):
    zeta: str
    alpha: Bytes32
    tag: Bytes16 | None = None
    free: Hex = b""
    many: tuple[Bytes32, ...] = ()
    inner: Inner | None = None
    counts: dict[str, int] = {}  # noqa: RUF012 - msgspec copies it


values = st.recursive(
    st.none() | st.booleans() | st.integers(-MAX_INT, MAX_INT) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.text(st.characters(max_codepoint=127), max_size=10), inner, max_size=5)
    ),
    max_leaves=20,
)


@settings(max_examples=300)
@given(values)
def test_equals_rfc8785_within_the_profile(value: Any) -> None:
    assert encode(value) == rfc8785.dumps(value)


@settings(max_examples=100)
@given(st.text(max_size=30), st.binary(min_size=32, max_size=32), st.integers(-MAX_INT, MAX_INT))
def test_a_struct_equals_rfc8785_of_its_plain_form(text: str, data: bytes, number: int) -> None:
    value = Outer(zeta=text, alpha=data, inner=Inner(n=number, words=(text,)), many=(data,))
    inner: dict[str, Any] = {"words": [text]} | ({"n": number} if number else {})
    plain: dict[str, Any] = {"zeta": text, "alpha": data.hex(), "inner": inner, "many": [data.hex()]}
    assert encode(value) == rfc8785.dumps(plain)
    assert decode(encode(value), Outer) == value


@pytest.mark.parametrize("name", ["arrays", "unicode"])
def test_the_jcs_files_inside_the_profile(name: str) -> None:
    value = json.loads((JCS / "input" / f"{name}.json").read_bytes())
    assert encode(value) == (JCS / "output" / f"{name}.json").read_bytes()


def test_the_jcs_structures_with_their_float_written_as_an_integer() -> None:
    text = (JCS / "input" / "structures.json").read_text().replace("56.0", "56")
    assert encode(json.loads(text)) == (JCS / "output" / "structures.json").read_bytes()


@pytest.mark.parametrize("name", ["values", "french", "weird", "structures"])
def test_the_jcs_files_outside_the_profile_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"ASCII|integer"):
        encode(json.loads((JCS / "input" / f"{name}.json").read_bytes()))


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        [0.5],
        {"a": [1e30]},
        MAX_INT + 1,
        -(2**53),
        2**80,
        {"é": 1},
        "\ud800",
        float("nan"),
        {"k": "é", "n": 0.5},
        b"raw",
        [{"a"}],
    ],
)
def test_what_the_profile_excludes_is_never_encoded(value: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the message differs; that it never encodes is the point
        encode(value)


def test_the_deepest_nesting_passes_and_one_more_does_not() -> None:
    deep: Any = 0
    for _ in range(MAX_DEPTH):
        deep = [deep]
    assert encode(deep).count(b"[") == MAX_DEPTH
    with pytest.raises(ValueError, match="deeper"):
        encode([deep])


GOOD = encode(Outer(zeta="z", alpha=drawn("alpha")))


@pytest.mark.parametrize(
    "data",
    [
        GOOD + b" ",
        b" " + GOOD,
        GOOD.replace(b":", b": ", 1),
        GOOD.replace(b'"z"', b'"\\u007a"'),
        GOOD.replace(b'{"alpha"', b'{"zeta":"z","alpha"', 1),
        GOOD.replace(b'"zeta":"z"', b'"tag":null,"zeta":"z"'),
        GOOD.replace(b'"zeta":"z"', b'"counts":{},"zeta":"z"'),
        GOOD.replace(b'"zeta":"z"', b'"free":"","zeta":"z"'),
        GOOD.replace(b'"zeta":"z"', b'"many":[],"zeta":"z"'),
        GOOD.replace(b'"zeta":"z"', b'"inner":{"n":0},"zeta":"z"'),
        GOOD.replace(b'"zeta":"z"', b'"inner":{"n":1.0},"zeta":"z"'),
        GOOD.replace(b'"zeta":"z"', b'"inner":{"n":9007199254740992},"zeta":"z"'),
        GOOD.replace(b'"zeta":"z"', b'"counts":{"\xc3\xa9":1},"zeta":"z"'),
        GOOD.replace(drawn("alpha").hex().encode(), drawn("alpha").hex().upper().encode()),
        GOOD.replace(drawn("alpha").hex().encode(), drawn("alpha").hex().encode()[2:]),
        GOOD.replace(b'"z"', b"1"),
        GOOD.replace(b'"z"', b"NaN"),
        GOOD.replace(b'"z"', b'"\\ud800"'),
        GOOD.replace(b'"z"', b'"\xff"'),
        GOOD[:-1],
        b"",
        b"[" * 100_000,
        b'{"zeta":' * 100_000,
    ],
)
def test_every_other_form_of_the_same_value_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        decode(data, Outer)


def test_a_plain_value_nested_too_deeply_is_malformed() -> None:
    for data in (b"[" * 100_000, b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1)):
        with pytest.raises(Malformed, match=r"nested"):
            decode(data, list)


def test_members_in_another_order_are_malformed() -> None:
    plain = json.loads(GOOD)
    with pytest.raises(Malformed, match="canonical"):
        decode(json.dumps(dict(reversed(plain.items())), separators=(",", ":")).encode(), Outer)


@pytest.mark.parametrize("name", [b"aa", b"zz"])
def test_an_unknown_field_is_not_understood(name: bytes) -> None:
    data = b'{"aa":1,' + GOOD[1:] if name == b"aa" else GOOD[:-1] + b',"zz":1}'
    with pytest.raises(NotUnderstood, match=name.decode()):
        decode(data, Outer)


def test_an_unknown_field_deep_inside_is_not_understood() -> None:
    with pytest.raises(NotUnderstood):
        decode(GOOD.replace(b'"zeta":"z"', b'"inner":{"n":1,"what":2},"zeta":"z"'), Outer)


def test_the_limit_is_on_the_bytes() -> None:
    assert decode(GOOD, Outer, len(GOOD)).zeta == "z"
    with pytest.raises(Malformed, match="limit"):
        decode(GOOD, Outer, len(GOOD) - 1)


@settings(max_examples=300)
@given(st.binary(max_size=80))
def test_any_bytes_are_a_value_or_malformed_never_another_error(data: bytes) -> None:
    try:
        value = decode(data, Inner)
    except (Malformed, NotUnderstood):
        return
    assert encode(value) == data
