"""The quick half of the check: msgspec structs made from the tables of `domain`, one decoder a type.

A decoder that accepts the bytes proves that every defined property has the right data type, that required ones are
there, and that numbers, closed vocabularies and lists keep their bounds. What it cannot prove (forms of ids, rules
between properties, inner parts with rules of their own) is listed in the `Rule` for `stix_quick` to look at.
"""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from simpul.domain.stix_shapes import Kind, Record, Shape
from simpul.domain.stix_types import CUSTOM, FAMILIES, TYPES, may_reference
from simpul.formats.stix_faults import TYPE_NAME

_SIMPLE: Final[dict[Kind, Any]] = {
    Kind.TEXT: str,
    Kind.BOOLEAN: bool,
    Kind.TIMESTAMP: Annotated[datetime, Meta(tz=True)],
    Kind.REFERENCE: str,
    Kind.HASHES: dict[str, str],
    Kind.HEX: str,
    Kind.BINARY: str,
    Kind.DICTIONARY: dict[str, Any],
}
_CAREFUL: Final = frozenset({Kind.HASHES, Kind.HEX, Kind.BINARY, Kind.DICTIONARY})
"""Data types whose form the structs do not prove."""
_SPELT: Final = frozenset({Kind.TIMESTAMP, Kind.REFERENCE})


class Rule(Struct, frozen=True, kw_only=True, eq=False):
    """What the quick check knows about one type.

    Attributes:
        table: the table it was made from.
        decoder: accepts the bytes if every defined property has its data type.
        plan: for each defined property what it needs beyond its data type: None (nothing), `TIMESTAMP` (its
            spelling), `REFERENCE` (form and type of the target), any other kind (the slow check of the property).
        references: reference properties, and for each the known types that it may point to.
        special: whether the type has a rule that no table expresses.
        deterministic: whether a version-5 id must follow from the values (observables).
    """

    table: Record
    decoder: msgspec.json.Decoder[Any]
    plan: dict[str, Kind | None]
    references: dict[str, frozenset[str]]
    special: bool
    deterministic: bool


def allows(rule: Rule, property: str, type: str) -> bool:
    """Whether a reference property may point to that type, which may be a custom one."""
    return TYPE_NAME.fullmatch(type) is not None and may_reference(rule.table.properties[property], type)


def _rule(type: str, table: Record) -> Rule:
    shapes = table.properties
    return Rule(
        table=table,
        decoder=msgspec.json.Decoder(_struct(table)),
        plan={n: s.kind if s.kind in _SPELT or _needs_care(s) else None for n, s in shapes.items()},
        references={
            n: frozenset(t for t in TYPES if may_reference(s, t)) for n, s in table.references.items()
        },
        special=type in SPECIAL,
        deterministic=FAMILIES.get(type) == "sco",
    )


def _needs_care(shape: Shape) -> bool:
    if shape.kind in _CAREFUL:
        return True
    if shape.kind is not Kind.RECORD or shape.record is None:
        return False
    inner = shape.record
    if inner.either or inner.not_both or inner.needs or inner.ordered:
        return True
    return any(
        _needs_care(s) or s.kind in (Kind.TIMESTAMP, Kind.REFERENCE) for s in inner.properties.values()
    )


@cache
def _struct(table: Record) -> type[Struct]:
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    for name, shape in table.properties.items():
        kind = _type_of(shape)
        fields.append((name, kind) if shape.required else (name, kind | UnsetType, UNSET))
    return msgspec.defstruct(table.title.replace("-", "_"), fields, kw_only=True)


def _type_of(shape: Shape) -> Any:
    one: Any = _one_of(shape)
    return Annotated[list.__class_getitem__(one), Meta(min_length=1)] if shape.many else one


def _one_of(shape: Shape) -> Any:
    match shape.kind:
        case Kind.INTEGER:
            return Annotated[int, Meta(ge=shape.low, le=shape.high)]
        case Kind.FLOAT:
            return Annotated[float, Meta(ge=shape.low, le=shape.high)]
        case Kind.ENUM:
            return Literal[tuple(sorted(shape.allowed))]
        case Kind.RECORD if shape.record is not None:
            return _struct(shape.record)
        case _:
            return _SIMPLE[shape.kind]


SPECIAL: Final = frozenset({"network-traffic", "email-message", "language-content", "x-simpul-identifier"})
"""Types with a rule that no table expresses (`stix_faults.special_faults`). Indicators and addresses are
judged where their pattern or value is read (`stix.to_object`)."""

RULES: Final = {name: _rule(name, table) for name, table in TYPES.items()}
CUSTOM_RULE: Final = _rule("", CUSTOM)
