"""What a person's words mean here: parties by name, searches, stored objects by id."""

from __future__ import annotations

from simpul.domain.parties import Party, resolve
from simpul.domain.queries import EVERYTHING, HOME, Query, parse_query
from simpul.errors import NotFound
from simpul.ports import StoredHead, Unit
from simpul.services.node import Node


def party_of(unit: Unit, text: str) -> Party:
    """The party a person means. Raises `NotFound` or `Ambiguous`."""
    return resolve(text, unit.directory.parties())


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
        raise NotFound(f"nothing is stored under {id}", input=id, do="look with `simpul search`")
    return heads


def names_of(unit: Unit) -> dict[str, str]:
    """Names by fingerprint."""
    return {party.fingerprint: party.name for party in unit.directory.parties()}
