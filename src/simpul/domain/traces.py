"""What in an object would tell whose it is, if its owner let it go under a pseudonym (spec/circles.md, "Carrying over").

It is asked in the owner's home, before a file is carried to the pseudonym's. What it finds is for a person to judge; what it
does not find is no promise: style, timing and what an object is about are not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from msgspec import Struct

from simpul.domain.references import ids_in

_SHORTEST: Final = 2
"""Characters of the shortest name that is looked for."""


class Owner(Struct, frozen=True, kw_only=True):
    """What partners know of a party under its own name.

    Attributes:
        words: its name, its fingerprint, the names of its people; looked for as whole words, without case.
        identities: ids of identity objects that are its own.
        released: ids that it released, originated or not: whoever got one knows from whom.
        foreign: ids that another party originated: their rules forbid that they appear as a pseudonym's own.
    """

    words: frozenset[str]
    identities: frozenset[str]
    released: frozenset[str]
    foreign: frozenset[str] = frozenset()


class Trace(Struct, frozen=True, kw_only=True):
    """One place in an object that points at its owner: where it stands, and why it does."""

    id: str
    where: str
    why: str


def traces(value: Mapping[str, Any], owner: Owner) -> list[Trace]:
    """Every place in a decoded STIX object that points at its owner, in document order."""
    id = str(value.get("id", ""))
    return [Trace(id=id, where=where, why=why) for where, why in _found(value, owner)]


def _found(value: Mapping[str, Any], owner: Owner) -> Iterator[tuple[str, str]]:
    if value.get("id") in owner.foreign:
        yield "id", "another party wrote it: it is not this party's to carry over"
    for path, text in _texts(value, ()):
        where = ".".join(path)
        ids = ids_in(text)
        if owner.identities & set(ids):
            yield where, "names an identity of this party"
        elif owner.released & set(ids):
            yield where, "partners have this id from this party already"
        yield from ((where, f"says '{word}'") for word in sorted(owner.words) if _says(text, word))
        if path and path[0].startswith("x_") and len(path) == 1:
            yield where, "is a property of somebody's own making"
    for key in value:
        if key.startswith("x_") and not isinstance(value[key], str):
            yield key, "is a property of somebody's own making"
    if value.get("type") == "marking-definition" and value.get("definition_type") == "statement":
        yield "definition", "is a statement in words of this party's or another's"


def _says(text: str, word: str) -> bool:
    if len(word) < _SHORTEST:
        return False
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.IGNORECASE) is not None


def _texts(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every text in it, keys too, with where it stands."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            if ids_in(key):
                yield (*path, key), key
            yield from _texts(inner, (*path, key))
    elif isinstance(value, Collection):
        for at, inner in enumerate(value):
            yield from _texts(inner, (*path, str(at)))
