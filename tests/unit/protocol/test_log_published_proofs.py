"""Proofs that transparency-dev/merkle published, good and bad (tests/data/merkle)."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from simpul.errors import Unproven
from simpul.protocol.log import verify_consistency, verify_inclusion

DATA = Path(__file__).resolve().parents[2] / "data" / "merkle"
INCLUSION = sorted((DATA / "inclusion").rglob("*.json"))
CONSISTENCY = sorted((DATA / "consistency").rglob("*.json"))

ROOTS_THAT_ARE_NO_HASHES = "sizes-are-equal-one-and-proof-is-empty.json"
"""Accepted there, since equal roots of equal sizes need no proof; refused here, since they are not 32 bytes long."""


def raw(value: str | None) -> bytes:
    return base64.b64decode(value or "")


def hashes(case: dict[str, Any]) -> list[bytes]:
    return [raw(item) for item in case["proof"] or ()]


def test_all_published_cases_are_here() -> None:
    assert len(INCLUSION) + len(CONSISTENCY) == 196


@pytest.mark.parametrize("file", INCLUSION, ids=lambda file: str(file.relative_to(DATA)))
def test_a_published_inclusion_proof_is_judged_as_its_publisher_says(file: Path) -> None:
    case = json.loads(file.read_text())
    arguments = (raw(case["leafHash"]), case["leafIdx"], case["treeSize"], hashes(case), raw(case["root"]))
    if case["wantErr"]:
        with pytest.raises(Unproven):
            verify_inclusion(*arguments)
    else:
        verify_inclusion(*arguments)


@pytest.mark.parametrize("file", CONSISTENCY, ids=lambda file: str(file.relative_to(DATA)))
def test_a_published_consistency_proof_is_judged_as_its_publisher_says(file: Path) -> None:
    case = json.loads(file.read_text())
    arguments = (case["size1"], case["size2"], raw(case["root1"]), raw(case["root2"]), hashes(case))
    holds = not case["wantErr"] and file.name != ROOTS_THAT_ARE_NO_HASHES
    if holds:
        verify_consistency(*arguments)
    else:
        with pytest.raises(Unproven):
            verify_consistency(*arguments)
