"""Every vector of spec/vectors comes out as it says."""

from __future__ import annotations

import re

import pytest

from simpul.errors import PartnerFault
from tests.vectors.reader import FOLDER, READERS, expected, load, names, run

ASKED_FOR = {
    "altered-chunk",
    "altered-header",
    "conflicting-checkpoints",
    "foreign-leaf",
    "gap-and-void",
    "old-card",
    "put-without-key",
    "readdressed",
    "recall-before-release",
    "relabelled-leaf",
    "replay",
    "resealed-duplicate",
    "revoked-key",
    "stale-package",
    "stripped-signature",
    "swapped-payload",
    "truncation",
    "unknown-critical-field",
    "wrong-realm",
    "wrong-suite",
}
"""The scenarios that the specification promises at least."""


@pytest.mark.parametrize("name", names())
def test_a_vector_comes_out_as_it_says(name: str) -> None:
    vector = load(name)
    assert run(vector) == expected(vector)


def test_every_promised_scenario_is_there() -> None:
    assert set(names()) >= ASKED_FOR


def test_every_reader_is_used_and_every_vector_is_described() -> None:
    vectors = [load(name) for name in names()]
    assert {vector["runs"] for vector in vectors} == set(READERS)
    for name, vector in zip(names(), vectors, strict=True):
        assert vector["name"] == name
        assert vector["about"].endswith(".")
        assert len(vector["expect"]) >= 1


def test_outcome_classes_are_those_the_readme_lists() -> None:
    listed = set(re.findall(r"^\| `([a-z-]+)` \|", (FOLDER / "README.md").read_text(), re.MULTILINE))
    used = {outcome for name in names() for outcome, _ in expected(load(name))}
    codes = {fault.code for fault in PartnerFault.__subclasses__()}
    assert used <= listed
    assert codes <= listed


def test_a_vector_that_lies_is_found_out() -> None:
    vector = load("swapped-payload")
    vector["expect"] = [{"outcome": "opened", "step": "payload"}]
    assert run(vector) != expected(vector)
