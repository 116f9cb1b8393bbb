"""What a person's words mean here: parties by name, searches, stored objects by id."""

from __future__ import annotations

from simpul.domain.parties import Party, resolve
from simpul.domain.queries import EVERYTHING, HOME, Query, parse_query
from simpul.errors import Ambiguous, NotFound
from simpul.ports import StoredHead, Unit
from simpul.services import circling
from simpul.services.node import Node


def party_of(unit: Unit, text: str) -> Party:
    """The party a person means. Raises `NotFound` or `Ambiguous`."""
    return resolve(text, unit.directory.parties())


def recipient_of(unit: Unit, text: str) -> str:
    """What a label's list names: a circle in force here by its whole name, else a party.

    Raises:
        NotFound, Ambiguous: neither, or both a circle and a party are called so.
    """
    if text not in circling.circles(unit):
        return party_of(unit, text).fingerprint
    if any(party.name.casefold() == text.casefold() for party in unit.directory.parties()):
        raise Ambiguous(
            f"both a circle and a party are called '{text}'",
            candidates=[text, party_of(unit, text).fingerprint],
            input=text,
            do="write the party's fingerprint, or give the circle another name",
        )
    return circling.name_of(unit, text)


def query_of(unit: Unit, node: Node, text: str | None) -> Query:
    """A parsed Q; everything for None or an empty one. Raises `InputFault`."""
    if not text:
        return EVERYTHING
    return parse_query(text, now=node.clock(), party=lambda p: party_of(unit, p).fingerprint)


def heads_of(
    unit: Unit, id: str, *, version: int | None = None, originator: str | None = None
) -> list[StoredHead]:
    """Every stored rendition of an id that fits, newest version first. Raises `NotFound`."""
    heads = unit.objects.find(HOME, id, version=version, originator=originator)
    if not heads:
        raise not_stored(id)
    return heads


def not_stored(id: str) -> NotFound:
    """The fault for what is not here, and, word for word, for what the asker may not see."""
    return NotFound(f"nothing is stored under {id}", input=id, do="look with `simpul search`")


def names_of(unit: Unit) -> dict[str, str]:
    """Names by fingerprint."""
    return {party.fingerprint: party.name for party in unit.directory.parties()}
