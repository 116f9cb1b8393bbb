"""STIX patterns are read as the standard's own grammar reads them, and faults name the place."""

from __future__ import annotations

import pytest

from simpul.formats.patterns import PATTERN_DEPTH, Comparison, PatternFault, parse_pattern

GOOD = [
    "[ipv4-addr:value = '198.51.100.7']",
    f"[file:hashes.'SHA-256' = '{'a' * 64}']",
    f"[file:hashes.MD5 = '{'b' * 32}' AND file:size > 25.5]",
    "[a:b IN ('x','y', 'z')]",
    "[a:b NOT IN (1, 2)]",
    "[a:b NOT = 5]",
    "[a:b == true OR (a:c != false AND a:d <> 'x')]",
    "[a:b[*].c LIKE 'x%' AND a:b[0].d MATCHES '^a\\\\.b$']",
    "[network-traffic:dst_ref.value ISSUBSET '198.51.100.0/24']",
    "[network-traffic:src_ref.value ISSUPERSET '198.51.100.0/24']",
    "[a:b = t'2026-01-01T00:00:00Z' OR a:c = h'ff' OR a:d = b'aGk=']",
    "[a:b = 'it\\'s']",
    "[a:b = -5 AND a:c <= +6 AND a:d >= .5]",
    "[a:b = 1] AND [a:c = 2] OR [a:d = 3]",
    "([a:b = 1] FOLLOWEDBY [a:c = 2]) WITHIN 600 SECONDS",
    "[a:b = 1] REPEATS 5 TIMES WITHIN 1800 SECONDS",
    "[a:b = 1] START t'2026-01-01T00:00:00Z' STOP t'2026-02-01T00:00:00Z'",
    "[process:extensions.'windows-process-ext'.priority = 'x']",
    "  [ a:b = 1 ]  ",
]
BAD = [
    " ",
    "x",
    "[]",
    "[a:b]",
    "[a = 'x']",
    "[a:b = ]",
    "[a:b = 'x'",
    "[a:b = 'x']]",
    "[a:b = 'x' AND]",
    "[a:b LIKE 5]",
    "[a:b = 'x'] WITHIN SECONDS",
    "[a:b = 'x'] FOLLOWEDBY",
    "[a:b = 'x'] REPEATS 3",
    "[a:b IN 'x']",
    "[a:b IN ('x',)]",
    "[a:b = 'x' or a:c = 'y']",
    "[a:b = 'unclosed]",
    "([a:b = 1]",
    "[a:b = x]",
    "[a:b = 'x'] START '2026' STOP '2027'",
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("pattern", "fine"), [*((p, True) for p in GOOD), *((p, False) for p in BAD)])
def test_a_pattern_is_accepted_exactly_when_the_standards_grammar_accepts_it(
    pattern: str, fine: bool
) -> None:
    from stix2patterns.validator import run_validator  # type: ignore[import-untyped]  # a dependency of stix2

    assert (not run_validator(pattern, stix_version="2.1")) == fine
    if fine:
        assert parse_pattern(pattern)
    else:
        with pytest.raises(PatternFault, match="at character"):
            parse_pattern(pattern)


def test_comparisons_come_with_their_path_operator_values_and_bracket() -> None:
    found = parse_pattern(
        "[file:hashes.'SHA-256' = 'aa' AND file:name NOT IN ('a', 'b')] FOLLOWEDBY [url:value LIKE 'x%']"
    )
    assert found == [
        Comparison(type="file", path="hashes.SHA-256", operator="=", values=("aa",)),
        Comparison(type="file", path="name", operator="IN", values=("a", "b"), negated=True),
        Comparison(type="url", path="value", operator="LIKE", values=("x%",), group=1),
    ]


def test_escapes_in_a_text_are_undone() -> None:
    ((test),) = parse_pattern(r"[a:b = 'it\'s \\ here']")
    assert test.values == (r"it's \ here",)


def test_existence_can_be_asked() -> None:
    assert [t.negated for t in parse_pattern("[EXISTS a:b AND NOT EXISTS a:c]")] == [False, True]


def test_parentheses_have_a_limit_and_need_no_stack() -> None:
    inside = "(" * PATTERN_DEPTH + "a:b = 1" + ")" * PATTERN_DEPTH
    assert len(parse_pattern(f"[{inside}]")) == 1
    with pytest.raises(PatternFault, match="more than 50 parentheses"):
        parse_pattern(f"[({inside})]")
    with pytest.raises(PatternFault, match="more than 50 parentheses"):
        parse_pattern("(" * 100_000)
