"""How good is it: the Admiralty pair, kept verbatim as the grader wrote it (STANAG 2511 wording)."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from simpul.errors import InputFault

RELIABILITY: Final = {
    "A": "completely reliable",
    "B": "usually reliable",
    "C": "fairly reliable",
    "D": "not usually reliable",
    "E": "unreliable",
    "F": "reliability cannot be judged",
}
CREDIBILITY: Final = {
    "1": "confirmed by other sources",
    "2": "probably true",
    "3": "possibly true",
    "4": "doubtful",
    "5": "improbable",
    "6": "truth cannot be judged",
}


class Grade(Struct, frozen=True):
    """Reliability of the source and credibility of the information: two judgements, never one number."""

    reliability: str
    credibility: str

    def __str__(self) -> str:
        """The pair as it is written: `B2`."""
        return self.reliability + self.credibility


def parse_grade(text: str) -> Grade:
    """Read a pair such as `B2`.

    Raises:
        InputFault: not one letter A–F and one digit 1–6.
    """
    if len(text) == 2 and text[0] in RELIABILITY and text[1] in CREDIBILITY:
        return Grade(text[0], text[1])
    raise InputFault(
        f"'{text}' is not an Admiralty grade",
        input="grade",
        do="write one letter A to F (the source) and one digit 1 to 6 (the information), such as B2",
    )
