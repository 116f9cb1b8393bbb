"""Every place in a STIX object where another object's id stands (law 2). Works on plain decoded JSON.

    >>> references({"type": "note", "id": "note--…", "object_refs": ["tool--…"]})
    [Reference(path=("object_refs", 0), target="tool--…", place=Place.ELEMENT, required=True)]

An id is found wherever it stands: as a whole value, inside longer text, as a property name, in an extension nobody
knows. What the tables do not define is `UNKNOWN`, so that whoever cuts can be strict about it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, Final

from msgspec import Struct

from simpul.domain.stix_observables import EXTENSIONS
from simpul.domain.stix_shapes import Kind, Record, Shape
from simpul.domain.stix_types import FAMILIES, contributing_properties, table_of

_TAIL: Final = re.compile(r"--[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
_TYPE_BACKWARDS: Final = re.compile(r"[A-Za-z0-9-]+")
_TAIL_LENGTH: Final = 38
_TYPE_LENGTH: Final = 250
_VERSION_DIGIT: Final = -22


class Place(StrEnum):
    """What kind of place holds the id."""

    PROPERTY = "property"
    """The whole value of a reference property that the specification defines."""
    ELEMENT = "element"
    """One element of a list of references that the specification defines."""
    TEXT = "text"
    """In a defined property that is not a reference: inside prose, a pattern, a dictionary."""
    KEY = "key"
    """A property name (an extension's, for example)."""
    UNKNOWN = "unknown"
    """Anywhere below a property that the specification does not define."""


class Reference(Struct, frozen=True, kw_only=True):
    """One occurrence of another object's id.

    Attributes:
        path: keys and list indexes from the top of the object. For `KEY` the last step is the key itself.
        target: the id, lower case.
        place: see `Place`.
        required: for `PROPERTY`, the property may not be dropped; for `ELEMENT`, the list may not become empty.
            True too where the property is part of a deterministic id in use (UUIDv5), so that cutting it would
            make the id false. Removing all optional references can still break an either-or rule: `is_whole`.
    """

    path: tuple[str | int, ...]
    target: str
    place: Place
    required: bool = False


def references(value: Mapping[str, Any]) -> list[Reference]:
    """Every occurrence of a STIX id in a decoded object except its own `id`, in document order.

    An occurrence of the object's own id elsewhere (in text, say) is not reported either.
    """
    stated = value.get("type")
    kind = stated if isinstance(stated, str) else ""
    own = value.get("id")
    found = _in_record(value, table_of(kind), (), EXTENSIONS.get(kind, {}), _fixed(kind, own))
    return [each for each in found if each.path != ("id",) and each.target != own]


def ids_in(text: str) -> list[str]:
    """STIX ids in a piece of text, lower case, in order, repeats included.

    The type is the longest run of letters, digits and hyphens before the two hyphens and the UUID, so that an id
    glued to other text is still seen (as an id nobody knows, which is never granted).
    """
    found = []
    for tail in _TAIL.finditer(text):
        start = tail.start()
        quote = text.rfind('"', max(0, start - _TYPE_LENGTH), start) + 1
        before = text[quote:start] if quote else text[max(0, start - _TYPE_LENGTH) : start]
        if before not in FAMILIES:
            run = _TYPE_BACKWARDS.match(before[::-1])
            if run is None:
                continue
            before = run.group()[::-1]
        found.append((before + tail.group()).lower())
    return found


def is_whole(value: Mapping[str, Any]) -> bool:
    """Whether an object still has what its type requires (required properties, either-or rules, no empty list).

    Use after cutting. Says nothing about the form of the values.
    """
    stated = value.get("type")
    kind = stated if isinstance(stated, str) else ""
    if not _record_whole(value, table_of(kind)):
        return False
    extensions = value.get("extensions")
    known = EXTENSIONS.get(kind, {})
    if not isinstance(extensions, dict):
        return True
    return bool(extensions) and all(
        _record_whole(inner, known[name]) for name, inner in extensions.items() if name in known
    )


def is_deterministic(id: str) -> bool:
    """Whether the id's UUID is of version 5, and so made from the object's own values."""
    return len(id) > _TAIL_LENGTH and id[_VERSION_DIGIT] == "5"


def _fixed(kind: str, own: Any) -> frozenset[str]:
    """Properties that cannot be cut because the object's id is made from them."""
    if isinstance(own, str) and is_deterministic(own):
        return frozenset(contributing_properties(kind))
    return frozenset()


def _in_record(
    value: Any,
    table: Record,
    path: tuple[str | int, ...],
    extensions: Mapping[str, Record],
    fixed: frozenset[str] = frozenset(),
) -> Iterator[Reference]:
    if not isinstance(value, Mapping):
        yield from _anywhere(value, path, Place.TEXT)
        return
    for name, inner in value.items():
        here = (*path, name)
        shape = table.properties.get(name)
        yield from _in_key(name, here)
        if not path and name == "extensions" and isinstance(inner, Mapping):
            yield from _in_extensions(inner, extensions, fixed)
        elif shape is None:
            yield from _anywhere(inner, here, Place.UNKNOWN)
        else:
            yield from _in_shape(inner, shape, here, required=shape.required or name in fixed)


def _in_extensions(
    value: Mapping[str, Any], known: Mapping[str, Record], fixed: frozenset[str]
) -> Iterator[Reference]:
    for name, inner in value.items():
        here = ("extensions", name)
        yield from _in_key(name, here)
        if name in known:
            all_fixed = frozenset(known[name].properties) if "extensions" in fixed else frozenset()
            yield from _in_record(inner, known[name], here, {}, all_fixed)
        else:
            yield from _anywhere(inner, here, Place.UNKNOWN)


def _in_shape(
    value: Any, shape: Shape, path: tuple[str | int, ...], *, required: bool
) -> Iterator[Reference]:
    if shape.many and isinstance(value, list):
        for index, element in enumerate(value):
            yield from _in_one(element, shape, (*path, index), Place.ELEMENT, required=required)
    else:
        yield from _in_one(value, shape, path, Place.PROPERTY, required=required)


def _in_one(
    value: Any, shape: Shape, path: tuple[str | int, ...], place: Place, *, required: bool
) -> Iterator[Reference]:
    if shape.kind is Kind.RECORD and shape.record is not None:
        yield from _in_record(value, shape.record, path, {})
    elif shape.kind is Kind.REFERENCE and isinstance(value, str) and ids_in(value) == [value]:
        yield Reference(path=path, target=value, place=place, required=required)
    else:
        yield from _anywhere(value, path, Place.TEXT)


def _in_key(name: str, path: tuple[str | int, ...]) -> Iterator[Reference]:
    for target in ids_in(name):
        yield Reference(path=path, target=target, place=Place.KEY)


def _anywhere(value: Any, path: tuple[str | int, ...], place: Place) -> Iterator[Reference]:
    if isinstance(value, str):
        for target in ids_in(value):
            yield Reference(path=path, target=target, place=place)
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _in_key(name, (*path, name))
            yield from _anywhere(inner, (*path, name), place)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _anywhere(inner, (*path, index), place)


def _record_whole(value: Any, table: Record) -> bool:
    if not isinstance(value, Mapping) or not value:
        return False
    if not table.required <= value.keys():
        return False
    if not all(any(name in value for name in group) for group in table.either):
        return False
    if any(name in value and not all(n in value for n in beside) for name, beside in table.needs):
        return False
    return all(
        _shape_whole(inner, table.properties[name])
        for name, inner in value.items()
        if name in table.properties
    )


def _shape_whole(value: Any, shape: Shape) -> bool:
    if isinstance(value, list | dict) and not value:
        return False
    if shape.kind is not Kind.RECORD or shape.record is None:
        return True
    inner = shape.record
    return (
        all(_record_whole(e, inner) for e in value)
        if isinstance(value, list)
        else _record_whole(value, inner)
    )
