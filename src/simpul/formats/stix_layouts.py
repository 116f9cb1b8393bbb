"""What follows from an object's type and the names of its properties alone, worked out once for all objects alike.

Objects of one feed have few layouts: 88 in ATT&CK for ICS and Mobile. What to look at in an object, and which properties
hold words, is looked up by its names instead of being asked property by property.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from msgspec import Struct

from simpul.domain.stix_observables import IDENTIFIER_KINDS
from simpul.domain.stix_shapes import EXACT_INTEGER, Kind, Record, Shape
from simpul.domain.stix_types import CUSTOM, TYPES
from simpul.formats.stix_structs import CUSTOM_RULE, RULES

COMMON: Final = 1 << 14
"""Bytes of an object up to which its layout is remembered: so that hostile names cannot fill the memory."""
_REMEMBERED: Final = 1024

OBVIOUS: Final = {
    f"{before}{kind}{after}": kind
    for kind in IDENTIFIER_KINDS
    for before in ("", "x_", "x_simpul_")
    for after in ("", "s", "_number", "_numbers", "_no")
}
"""Custom properties whose name says which identifier they hold."""

_WORDY: Final = (Kind.RECORD, Kind.HASHES, Kind.DICTIONARY)
_SKIPPED: Final = {
    title: frozenset(n for n, shape in table.properties.items() if not (shape.words or shape.kind in _WORDY))
    for title, table in (TYPES | {"": CUSTOM}).items()
}


class Layout(Struct, frozen=True, kw_only=True, eq=False):
    """One type with one set of names, in the order of the bytes.

    Attributes:
        bounded: whether the tables bound every number and the depth of all that may stand here.
        whole: whether the rules about which properties must and may not stand together are kept.
        times: properties whose spelling as a timestamp must be looked at.
        references: reference properties, and for each the known types that it may point to.
        careful: properties whose form the structs do not prove, with their shapes.
        ordered: pairs of times that are both there, the second not before the first.
        words: properties that may hold words.
        obvious: custom properties whose name says which identifier they hold.
    """

    bounded: bool
    whole: bool
    times: tuple[str, ...]
    references: tuple[tuple[str, frozenset[str]], ...]
    careful: tuple[tuple[str, Shape], ...]
    ordered: tuple[tuple[str, str], ...]
    words: tuple[str, ...]
    obvious: tuple[str, ...]


def layout_of(type: str, names: tuple[str, ...]) -> Layout:
    """The layout of an object with these names."""
    rule = RULES.get(type, CUSTOM_RULE)
    plan, table = rule.plan, rule.table
    skipped = _SKIPPED.get(type, _SKIPPED[""])
    present = frozenset(names)
    spelt = (Kind.TIMESTAMP, Kind.REFERENCE, None)
    return Layout(
        bounded=present <= table.properties.keys() and all(_is_bounded(table.properties[n]) for n in names),
        whole=_is_whole(present, table),
        times=tuple(name for name in names if plan.get(name) is Kind.TIMESTAMP),
        references=tuple((name, rule.references[name]) for name in names if plan.get(name) is Kind.REFERENCE),
        careful=tuple((name, table.properties[name]) for name in names if plan.get(name) not in spelt),
        ordered=tuple(pair for pair in table.ordered if present.issuperset(pair)),
        words=tuple(name for name in names if name not in skipped),
        obvious=tuple(sorted(OBVIOUS.keys() & present)),
    )


remembered_layout: Final = lru_cache(maxsize=_REMEMBERED)(layout_of)
"""The same, remembered: for objects of at most `COMMON` bytes."""


def _is_bounded(shape: Shape) -> bool:
    return shape.kind not in (Kind.RECORD, Kind.DICTIONARY) and (
        shape.kind is not Kind.INTEGER
        or (
            shape.low is not None
            and shape.high is not None
            and -EXACT_INTEGER <= shape.low <= shape.high <= EXACT_INTEGER
        )
    )


def _is_whole(present: frozenset[str], table: Record) -> bool:
    return (
        all(not present.isdisjoint(group) for group in table.either)
        and not any(present.issuperset(pair) for pair in table.not_both)
        and all(name not in present or present.issuperset(beside) for name, beside in table.needs)
    )
