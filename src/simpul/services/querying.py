"""What a person's words mean here: parties by name, queries, versions, ids of one's own things."""

from __future__ import annotations

from simpul.domain.parties import Party, resolve
from simpul.domain.queries import EVERYTHING, Query, parse_query
from simpul.ports import Unit
from simpul.services.node import Node


def party_of(unit: Unit, text: str) -> Party:
    """The party a person means. Raises `NotFound` or `Ambiguous`."""
    return resolve(text, unit.directory.parties())


def query_of(node: Node, unit: Unit, text: str | None) -> Query:
    """A parsed Q; everything for None or an empty one. Raises `InputFault`."""
    if not text:
        return EVERYTHING
    return parse_query(text, now=node.clock(), party=lambda p: party_of(unit, p).fingerprint)


def names_of(unit: Unit) -> dict[str, str]:
    """Names by fingerprint."""
    return {party.fingerprint: party.name for party in unit.directory.parties()}
