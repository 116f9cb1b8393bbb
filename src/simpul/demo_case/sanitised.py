"""What Arunika gives in place of its own words when Borealia asks to pass them on to Cendara.

The original says where the source is to be handed over, and how that is known; Cendara needs the first alone. So the
version without a source is an object of its own, with an id of its own, and bears a label of its own.
"""

from __future__ import annotations

from typing import Final

from simpul.demo_case.case import CENDARA, Case
from simpul.demo_case.ids import named, token

HANDOVER: Final = "Handover at Porto Sereno, as told"
WITHOUT: Final = "Handover at Porto Sereno"
CANARY: Final = token("handover, sanitised")
"""A word of the sanitised version: it must be at both holders before the recall, and at neither after."""


def handover(case: Case) -> str:
    """Add the original: for Borealia alone, to be asked for before it is passed on."""
    identifier = named("incident", "handover")
    word = case.word("handover", identifier, (CENDARA,), why="label", portion="description")
    return case.entity(
        "entrusted",
        "incident",
        "handover",
        name=HANDOVER,
        description=(
            "The container is to be handed over at berth 7 of Porto Sereno after dark on 2 December. Told by the cook "
            f"of the tug Estrela, who has a cousin at the consignee's agent; file word {word}."
        ),
    )


def sanitised() -> Case:
    """The bundle that Arunika imports: one object, which refers to nothing that Cendara does not have."""
    case = Case("")
    bare = case.common(
        "incident",
        "handover, sanitised",
        created="2026-11-24T09:00:00.000Z",
        name=WITHOUT,
        description=f"The container is to be handed over at berth 7 after dark on 2 December. Mark {CANARY}.",
    )
    del bare["created_by_ref"]  # another's words are never cut: what would have to be cut would not go at all
    case.put("shared", bare)
    return case


def rendition() -> str:
    """The id of the sanitised version."""
    return named("incident", "handover, sanitised")
