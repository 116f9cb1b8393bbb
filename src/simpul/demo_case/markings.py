"""The marking definitions that the case uses: TLP 2.0 with the ids that OASIS fixed, and two statements of its own.

TLP 2.0 in STIX 2.1: OASIS "TLP 2.0 Marking Definitions", extension 60a3c5c5-0d10-413e-aab3-9e08dde9e88d.
"""

from __future__ import annotations

from typing import Any, Final

from simpul.demo_case.ids import named

TLP_EXTENSION: Final = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"
TLP: Final = {
    "clear": "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487",
    "green": "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
    "amber": "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",
    "amber+strict": "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003",
    "red": "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1",
}
COURTESY: Final = named("marking-definition", "courtesy")
LIAISON: Final = named("marking-definition", "liaison")


def tlp(level: str) -> dict[str, Any]:
    """The official definition of one TLP 2.0 level."""
    return {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": TLP[level],
        "created": "2022-10-01T00:00:00.000Z",
        "name": f"TLP:{level.upper()}",
        "extensions": {TLP_EXTENSION: {"extension_type": "property-extension", "tlp_2_0": level}},
    }


def statement(identifier: str, author: str, text: str) -> dict[str, Any]:
    """A statement marking: it restricts nothing and obliges whoever gets it to attribute."""
    return {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": identifier,
        "created_by_ref": author,
        "created": "2026-10-02T04:20:00.000Z",
        "definition_type": "statement",
        "definition": {"statement": text},
    }
