"""The pages that name clauses name all of them, in the order in which they are walked."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from simpul.domain.clauses import AGREEMENT_CLAUSES, OVERLAY_CLAUSES
from simpul.domain.cutting import CUTTING_CLAUSES
from simpul.domain.grants import FLAWS
from simpul.domain.policy import agreement_part, overlay_part
from tests.oracle.policy import ORDER
from tests.unit.domain.terms import AGREEMENT, LABEL, A, B

ROOT = Path(__file__).parents[3]

WALKED = [
    reason.clause
    for part in (
        agreement_part(LABEL, sender=A, recipient=B, purpose="ct", agreement=AGREEMENT, at=0),
        overlay_part(LABEL, recipient=B),
    )
    for reason in part.reasons
]


def named(page: str) -> list[str]:
    rows = re.findall(r"^\|(?: \d+ \|)? `([a-z]+\.[a-z-]+)` \|", (ROOT / page).read_text(), re.MULTILINE)
    assert rows
    return rows


def test_each_clause_gives_one_reason() -> None:
    assert len(WALKED) == len(set(WALKED)) == len(AGREEMENT_CLAUSES) + len(OVERLAY_CLAUSES)


def test_the_specification_and_the_oracle_fix_the_same_order() -> None:
    assert named("spec/policy.md") == WALKED == ORDER


def test_the_reference_lists_every_clause_that_a_person_can_meet() -> None:
    page = named("docs/reference/clauses.md")
    assert page[: len(WALKED)] == WALKED
    assert page[len(WALKED) : len(WALKED) + len(CUTTING_CLAUSES)] == list(CUTTING_CLAUSES)
    others = page[len(WALKED) + len(CUTTING_CLAUSES) :]
    assert [clause for clause in others if clause.startswith("consent.")] == list(FLAWS)
    assert {clause.partition(".")[0] for clause in others} == {
        "passing",
        "admission",
        "consent",
        "circle",
        "recall",
    }


@pytest.mark.parametrize(
    ("page", "example"), [("label", "label"), ("agreement", "agreement"), ("overlay", "overlay")]
)
def test_every_key_of_an_example_is_explained(page: str, example: str) -> None:
    text = (ROOT / f"docs/reference/{page}.md").read_text()
    keys = re.findall(r"^(\w+) = |^\[+(\w+)\]", (ROOT / f"examples/{example}.toml").read_text(), re.MULTILINE)
    for key in {one or other for one, other in keys} - {"XA", "XB"}:
        assert f"`{key}`" in text or f"`[[{key}]]`" in text, key
