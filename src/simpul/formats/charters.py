"""Charters that people write in TOML (docs/reference/charter.md): the terms as in an agreement, and the membership.

    read_charter(data, party=…)   a charter of epoch 1 without a past; `services.chartering` gives it both
    write_charter(charter)        the same as TOML again

The epoch and what came before are not written by hand: they follow from the charter that is in force.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Collection
from typing import Final

from simpul.domain.circles import Charter, MemberCircle
from simpul.errors import NotFound, SyntaxFault
from simpul.formats.term_tables import Table
from simpul.formats.terms import Name, agreement_in, write_agreement

Pinned = Callable[[str], bytes]
"""The hash of the newest charter in force of a circle, by its name; raises a `SimpulError` where it is not known."""

Roster = Callable[[str], Collection[str]]
"""Fingerprints of the pseudonyms that are in a blind circle, by its name; raises a `SimpulError` where there are none."""


def _nobody(name: str) -> Collection[str]:
    raise NotFound(f"there is no roster of '{name}' here", input=name)


_BY_ITSELF: Final = ("version", "epoch", "previous", "left")


def read_charter(
    data: bytes, *, party: Name, pinned: Pinned, roster: Roster = _nobody, input: str = "charter"
) -> Charter:
    """Read a charter, as in examples/charter.toml.

    What makes it unfit to be signed as a whole is not looked for: it has no epoch yet (`domain.circles.check`).

    Args:
        data: TOML.
        party: resolves a party's name to its fingerprint.
        pinned: resolves a member circle to the hash of its charter.
        roster: gives the members of a blind circle, which its file does not name.
        input: what to call the file in messages.

    Raises:
        SyntaxFault: not TOML.
        InputFault: lists every fault.
    """
    try:
        values = tomllib.loads(data.decode())
    except UnicodeDecodeError as error:
        raise SyntaxFault("the file is not UTF-8 text", input=input, where=f"byte {error.start}") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SyntaxFault(
            f"the file is not TOML: {error}", input=input, do="compare it with examples/charter.toml"
        ) from error
    blind = values.get("blind") is True
    written = set(values)
    if blind and isinstance(values.get("id"), str):
        values |= {"parties": sorted(roster(values["id"])), "threshold": 1}
    table = Table(values, input=input)
    for key in ("parties", "threshold", "circles", "within", "convener") if blind else ():
        if key in written:
            table.fault(key, "is not written for a blind circle: it has its roster and its convener alone")
    for key in _BY_ITSELF:
        if key in values:
            table.take(key)
            table.fault(key, "is not written by hand: it follows from the charter in force")
    charter = _charter(table, party, pinned)
    table.finish("charter")
    return charter


def _charter(table: Table, party: Name, pinned: Pinned) -> Charter:
    hashes: dict[str, bytes] = {}

    def known(name: str) -> str:
        hashes[name] = pinned(name)
        return name

    circles = table.names("circles", known)
    convener = table.word("convener")
    return Charter(
        terms=agreement_in(table, party),
        threshold=table.integer("threshold", low=1) or 0,
        convener=next(iter(table.resolved("convener", [convener], party)), "") if convener else "",
        circles=tuple(MemberCircle(name=name, charter=hashes[name]) for name in sorted(circles)),
        within=tuple(sorted(table.words("within"))),
        dissolved=table.boolean("dissolved"),
        blind=table.boolean("blind"),
    )


def write_charter(charter: Charter, *, name_of: Name = str) -> str:
    """A charter as TOML that `read_charter` reads back, but for the epoch and what came before."""
    head = {
        "threshold": charter.threshold,
        "convener": name_of(charter.convener),
        "circles": [circle.name for circle in charter.circles],
        "within": list(charter.within),
        "dissolved": charter.dissolved,
    }
    if charter.blind:
        head = {"blind": True, "dissolved": charter.dissolved}
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in head.items()]
    terms = write_agreement(charter.terms, name_of=name_of).splitlines()
    if charter.blind:  # its file does not name them: shown, and not read back
        terms = [f"# {line}" if line.startswith("parties = ") else line for line in terms]
    return "\n".join([*lines, *(line for line in terms if not line.startswith("version = "))]) + "\n"
