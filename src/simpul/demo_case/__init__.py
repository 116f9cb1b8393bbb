"""The data of the demonstration, shipped in the wheel: ATT&CK for ICS and a fictional case of nuclear smuggling.

    attack/ics-attack-18.1.json.gz   real: MITRE ATT&CK for ICS 18.1 (attack/LICENSE.txt)
    case.json                        fictional: Arunika's case LANTERN TIDE, a STIX 2.1 bundle
    labels/*.toml                    the labels that Arunika (and, for its sightings, Borealia) sets
    agreements/*.toml                what Arunika agreed with Borealia (wide) and with Cendara (narrow), and those two
    portions.toml                    the narrative of the case's product, each paragraph marked for itself
    portions-b.toml                  what Borealia says beside what it passes on
    sanitised.json                   what Arunika gives in place of what Borealia asked to pass on
    onward.json                      which two objects that is about, and a word to look for
    plan.json                        which ids get which label
    canaries.json                    a word for each withheld thing, and who must never hold it
    sightings-b.json                 what Borealia's own sensors and desks saw

The bundles, the plan and the canaries are made by `python -m simpul.demo_case.build` from the story in this package;
the same story gives the same bytes. README.md beside this file says what is fictional and which licences apply.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from simpul.errors import NotFound

DIRECTORY: Final = Path(__file__).parent
"""Where the data lies. The wheel is installed unpacked, so these are ordinary files."""


def path(name: str) -> Path:
    """The file of that name, such as `case.json` or `labels/shared.toml`.

    Raises:
        NotFound: the installation lacks it.
    """
    found = DIRECTORY / name
    if not found.is_file():
        raise NotFound(f"the demonstration's file '{name}' is missing", input=name, do="install simpul again")
    return found
