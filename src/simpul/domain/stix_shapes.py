"""What a property may hold, as data: the words in which the STIX tables (`stix_types`, `stix_observables`) are written.

One table serves three readers: the fast check (`formats.stix_structs` builds msgspec structs from it), the slow check
that lists every fault (`formats.stix_faults`), and the cutting of references (`domain.references`).

    record("kill-chain-phase", kill_chain_name=need(TEXT), phase_name=need(TEXT))
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

EXACT_INTEGER: Final = (1 << 53) - 1
"""The largest integer that every JSON reader keeps (RFC 8259 §6); STIX integers stay within it."""


class Kind(StrEnum):
    """The STIX data types (STIX 2.1 §2), as far as a check tells them apart."""

    TEXT = "text"
    INTEGER = "integer"
    FLOAT = "float"
    BOOLEAN = "boolean"
    TIMESTAMP = "timestamp"
    REFERENCE = "reference"
    ENUM = "enum"
    HASHES = "hashes"
    HEX = "hex"
    BINARY = "binary"
    DICTIONARY = "dictionary"
    RECORD = "record"


class Shape(Struct, frozen=True, kw_only=True):
    """What one property may hold.

    Attributes:
        kind: the data type; with `many`, of each element of a list that may not be empty.
        required: whether the property must be there.
        low, high: inclusive bounds of a number.
        allowed: words of a closed vocabulary, or the types that a reference may point to: type names and the
            families "sdo", "sco", "sro", "meta" (a custom type counts as any of the first two).
        record: the inner table of a `RECORD`.
        words: whether its text is for people to search (§8 of the design: full text).
    """

    kind: Kind
    many: bool = False
    required: bool = False
    low: float | None = None
    high: float | None = None
    allowed: frozenset[str] = frozenset()
    record: Record | None = None
    words: bool = False


class Record(Struct, frozen=True, kw_only=True, eq=False):
    """A table of properties with the rules between them.

    Attributes:
        title: the type's or part's own name.
        properties: what is defined; what is not is kept and not judged.
        either: of each group at least one property must be there.
        not_both: of each pair at most one may be there.
        needs: a property and those that must stand beside it.
        ordered: pairs of times, the second not before the first.
    """

    title: str
    properties: Mapping[str, Shape]
    either: tuple[tuple[str, ...], ...] = ()
    not_both: tuple[tuple[str, str], ...] = ()
    needs: tuple[tuple[str, tuple[str, ...]], ...] = ()
    ordered: tuple[tuple[str, str], ...] = ()

    @property
    def required(self) -> frozenset[str]:
        """Names of the properties that must be there."""
        return frozenset(name for name, shape in self.properties.items() if shape.required)

    @property
    def references(self) -> dict[str, Shape]:
        """The properties that hold ids of other objects."""
        return {n: s for n, s in self.properties.items() if s.kind is Kind.REFERENCE}


def record(
    title: str,
    /,
    *,
    either: Iterable[tuple[str, ...]] = (),
    not_both: Iterable[tuple[str, str]] = (),
    needs: Iterable[tuple[str, tuple[str, ...]]] = (),
    ordered: Iterable[tuple[str, str]] = (),
    **properties: Shape,
) -> Record:
    """A `Record` written as keywords."""
    return Record(
        title=title,
        properties=MappingProxyType(properties),
        either=tuple(either),
        not_both=tuple(not_both),
        needs=tuple(needs),
        ordered=tuple(ordered),
    )


def need(shape: Shape) -> Shape:
    """The same shape, required."""
    return replace(shape, required=True)


def many(shape: Shape) -> Shape:
    """A list of that shape, not empty."""
    return replace(shape, many=True)


def integer(low: int = -EXACT_INTEGER, high: int = EXACT_INTEGER) -> Shape:
    """A whole number between two inclusive bounds."""
    return Shape(kind=Kind.INTEGER, low=low, high=high)


def number(low: float | None = None, high: float | None = None) -> Shape:
    """A number between two inclusive bounds, if given."""
    return Shape(kind=Kind.FLOAT, low=low, high=high)


def enum(*words: str) -> Shape:
    """One word of a closed vocabulary."""
    return Shape(kind=Kind.ENUM, allowed=frozenset(words))


def ref(*allowed: str) -> Shape:
    """The id of an object of one of these types or families."""
    return Shape(kind=Kind.REFERENCE, allowed=frozenset(allowed))


def refs(*allowed: str) -> Shape:
    """A list of such ids."""
    return many(ref(*allowed))


def nested(inner: Record) -> Shape:
    """An object with a table of its own."""
    return Shape(kind=Kind.RECORD, record=inner)


TEXT: Final = Shape(kind=Kind.TEXT, words=True)
WORD: Final = Shape(kind=Kind.TEXT)
"""Text that nobody searches for: codes, encodings, open vocabularies of one word."""
TEXTS: Final = many(TEXT)
WORDS: Final = many(WORD)
INTEGER: Final = integer()
COUNT: Final = integer(low=0)
BOOLEAN: Final = Shape(kind=Kind.BOOLEAN)
TIME: Final = Shape(kind=Kind.TIMESTAMP)
HASHES: Final = Shape(kind=Kind.HASHES)
HEX: Final = Shape(kind=Kind.HEX)
BINARY: Final = Shape(kind=Kind.BINARY)
DICTIONARY: Final = Shape(kind=Kind.DICTIONARY)
