"""STIX 2.1 objects: bytes in, a checked `Object` or every fault out. Never an exception for what the bytes say.

The way of one object: strict JSON (`strictjson`), the quick check (`stix_structs`, `stix_quick`), and only where
that is in doubt the slow one (`stix_faults`), which alone decides that something is wrong. Then what searching,
matching and cutting need is read from it once (`stix_content`).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final

import msgspec
from msgspec import Struct

from simpul.domain.objects import NO_VERSION, Fault, Foreign, Loss, Object
from simpul.errors import InputFault
from simpul.formats import stix20, strictjson
from simpul.formats.patterns import Comparison, PatternFault, parse_pattern
from simpul.formats.stix_content import (
    NO_PORTIONS,
    Found,
    as_values,
    portions_of,
    seen_in,
    values_of,
    words_by_portion,
    words_of,
)
from simpul.formats.stix_faults import TYPE_NAME, faults_of
from simpul.formats.stix_layouts import COMMON, Layout, layout_of, remembered_layout
from simpul.formats.stix_quick import in_order
from simpul.formats.stix_structs import CUSTOM_RULE, RULES

OBJECT_LIMIT: Final = 1 << 20
"""Bytes of one object, at most: 1 MiB, so that an object always fits a part of a release."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MUST_HAVE_VALUE: Final = frozenset({"ipv4-addr", "ipv6-addr", "mac-addr"})


class Reading(Struct, frozen=True, kw_only=True, gc=False):
    """What became of one foreign object.

    Attributes:
        objects: one object for STIX 2.1; one or more for STIX 2.0 (observed-data brings its observables); none if
            `faults` is not empty.
        faults: everything wrong with it, in document order.
        losses: what a conversion from STIX 2.0 could not keep.
        original: the bytes before a conversion, or None if none was needed.
    """

    objects: tuple[Object, ...] = ()
    faults: tuple[Fault, ...] = ()
    losses: tuple[Loss, ...] = ()
    original: bytes | None = None


def read(foreign: Foreign) -> Reading:
    """Check one foreign object, converting it first if it is STIX 2.0. Never raises for what the bytes say."""
    if foreign.format == "stix-2.0":
        return _read_20(foreign)
    made = to_object(foreign)
    return Reading(objects=(made,)) if isinstance(made, Object) else Reading(faults=tuple(made))


def to_object(foreign: Foreign) -> Object | list[Fault]:
    """Check one STIX 2.1 object: the object, or every fault in it. Never raises for what the bytes say."""
    raw = bytes(foreign.raw)
    if len(raw) > OBJECT_LIMIT:
        return [_too_long(foreign.index, raw)]
    value = strictjson.loose(raw)
    if value is None:
        return _json_faults(foreign.index, raw)
    stated = value.get("type")
    name = stated if stated.__class__ is str else ""
    layout = (remembered_layout if len(raw) <= COMMON else layout_of)(name, tuple(value))
    if not strictjson.is_strict(raw, value, bounded=layout.bounded):
        return _json_faults(foreign.index, raw)
    found = _quickly(name, value, raw, layout)
    if found is None:
        if layout.bounded and not strictjson.is_strict(raw, value):
            return _json_faults(foreign.index, raw)
        faults = faults_of(value)
        if faults:
            known = _id_for_fault(value)
            return [
                Fault(index=foreign.index, id=known, path=path, problem=problem) for path, problem in faults
            ]
        found = values_of(name, value, layout, _tests_of(value))
    return _object(name, value, raw, layout, found)


def _quickly(name: str, value: dict[str, Any], raw: bytes, layout: Layout) -> list[Found] | None:
    """The values of an object that is surely in order, or None if it is in doubt."""
    rule = RULES.get(name)
    if rule is None:
        rule = CUSTOM_RULE
        if name == "bundle" or TYPE_NAME.fullmatch(name) is None:
            return None
    try:
        rule.decoder.decode(raw)
        tests = _tests_of(value) if name == "indicator" else ()
    except (msgspec.ValidationError, PatternFault):
        return None
    if not in_order(name, value, rule, layout):
        return None
    found = values_of(name, value, layout, tests)
    return None if not found and name in _MUST_HAVE_VALUE else found


def object_of(raw: bytes) -> Object:
    """The object in bytes that were checked before (read back from the store, or cut by our own policy).

    Raises:
        InputFault: the bytes are not one valid object; the first fault is named.
    """
    made = to_object(Foreign(index=0, raw=raw, format="stix-2.1"))
    if isinstance(made, Object):
        return made
    first = made[0]
    raise InputFault(f"the object is not valid STIX 2.1: {first.problem}", input=first.id, where=first.path)


def version_of(text: str) -> int:
    """A STIX timestamp as microseconds since 1970 UTC; digits below a microsecond are dropped."""
    if text[17:19] == "60":
        return version_of(text[:17] + "59" + text[19:]) + 1_000_000
    since = datetime.fromisoformat(text) - _EPOCH
    return since.days * 86_400_000_000 + since.seconds * 1_000_000 + since.microseconds


def stamp(version: int) -> str:
    """Microseconds since 1970 UTC as a STIX timestamp with as many digits as it takes, at least three."""
    moment = _EPOCH + timedelta(microseconds=version)
    whole = moment.strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0")
    digits = f"{moment.microsecond:06d}"
    return f"{whole}.{digits[:3] if digits.endswith('000') else digits}Z"


def _object(type: str, value: dict[str, Any], raw: bytes, layout: Layout, found: list[Found]) -> Object:
    stated = value.get("modified") or value.get("created")
    if "granular_markings" in value:
        granular, portions = portions_of(value)
        texts = words_by_portion(value, layout, portions, len(granular) + 1)
    else:
        granular, portions, texts = (), NO_PORTIONS, (words_of(value, layout),)
    return Object(
        id=value["id"],
        type=type,
        version=version_of(stated) if stated.__class__ is str else NO_VERSION,
        raw=raw,
        sha256=sha256(raw).digest(),
        revoked=value.get("revoked") is True,
        markings=tuple(value.get("object_marking_refs", ())),
        granular=granular,
        values=as_values(found, portions) if found else (),
        texts=texts,
        seen=seen_in(type, value),
    )


def _tests_of(value: dict[str, Any]) -> list[Comparison]:
    if value["type"] == "indicator" and value["pattern_type"] == "stix":
        return parse_pattern(value["pattern"])
    return []


def _too_long(index: int, raw: bytes) -> Fault:
    return Fault(
        index=index, id=None, path="", problem=f"is {len(raw)} bytes long; the limit is {OBJECT_LIMIT} bytes"
    )


def _json_faults(index: int, raw: bytes) -> list[Fault]:
    """Why strict JSON turned the bytes away, with the object's id if it can be read all the same."""
    problems = strictjson.problems(raw)
    if not problems:
        return [Fault(index=index, id=None, path="", problem="is not an object")]
    known = _guess_id(raw)
    return [
        Fault(
            index=index, id=known, path=each.path, problem=f"{each.text} (byte {each.offset} of the object)"
        )
        for each in problems
    ]


def _guess_id(raw: bytes) -> str | None:
    found = re.search(rb'"id"\s*:\s*"([a-z0-9-]{1,250}--[0-9a-f-]{36})"', raw)
    return found.group(1).decode("ascii") if found else None


def _id_for_fault(value: dict[str, Any]) -> str | None:
    known = value.get("id")
    return known if isinstance(known, str) else None


def _read_20(foreign: Foreign) -> Reading:
    made = stix20.convert(foreign)
    objects: list[Object] = []
    faults = list(made.faults)
    for raw in made.raws:
        one = to_object(Foreign(index=foreign.index, raw=raw, format="stix-2.1"))
        if isinstance(one, Object):
            objects.append(one)
        else:
            faults += one
    if faults:
        return Reading(faults=tuple(faults), losses=made.losses, original=made.original)
    return Reading(objects=tuple(objects), losses=made.losses, original=made.original)
