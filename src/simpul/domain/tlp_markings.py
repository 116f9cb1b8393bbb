"""The marking definitions whose ids are the same everywhere: TLP 1.0 (STIX 2.1 §7.2.1.4) and TLP 2.0 (OASIS, 2022).

Nothing is learned from such an id, so every party may be told of it (law 2).
"""

from __future__ import annotations

from typing import Final

from simpul.domain.labels import Tlp

TLP_1: Final = {
    "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9": Tlp.CLEAR,
    "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da": Tlp.GREEN,
    "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82": Tlp.AMBER,
    "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed": Tlp.RED,
}
TLP_2: Final = {
    "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487": Tlp.CLEAR,
    "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb": Tlp.GREEN,
    "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421": Tlp.AMBER,
    "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003": Tlp.AMBER_STRICT,
    "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1": Tlp.RED,
}
TLP_2_EXTENSION: Final = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"
"""The extension by which a marking definition carries a TLP 2.0 level."""

TLP_MARKINGS: Final = TLP_1 | TLP_2
"""Every official TLP marking definition, by id."""

FIXED_IDS: Final = frozenset(TLP_MARKINGS) | {TLP_2_EXTENSION}
"""Ids that are granted to everybody."""
