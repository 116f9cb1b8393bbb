"""The quick check: says "nothing wrong" for nearly every good object, and otherwise only that it is in doubt.

`in_order` returning True means that `stix_faults.faults_of` finds nothing (the tests hold the two together);
returning False means nothing but that the slow check must look.
"""

from __future__ import annotations

import re
from typing import Any, Final

from simpul.domain.stix_shapes import Shape
from simpul.formats.stix_faults import extension_faults, moment, selector_faults, shape_faults, special_faults
from simpul.formats.stix_ids import observable_id
from simpul.formats.stix_layouts import Layout
from simpul.formats.stix_structs import Rule, allows

_ID: Final = re.compile(
    r"[a-z0-9]++(?:-[a-z0-9]++)*+--[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
)
_is_id: Final = _ID.fullmatch


def in_order(type: str, value: dict[str, Any], rule: Rule, layout: Layout) -> bool:
    """Whether an object of this layout that `rule.decoder` accepted is surely a STIX 2.1 object."""
    own = value["id"]
    if not layout.whole or _is_id(own) is None or own[:-38] != type:
        return False
    if not _times_and_ids_in_order(value, rule, layout):
        return False
    for name, shape in layout.careful:
        if not _part_in_order(type, value, name, value[name], shape):
            return False
    if rule.special and any(True for _ in special_faults(type, value)):
        return False
    return not rule.deterministic or own[-22] != "5" or observable_id(type, value) == own


def _times_and_ids_in_order(value: dict[str, Any], rule: Rule, layout: Layout) -> bool:
    for name in layout.times:
        time = value[name]
        if time[10] != "T" or time[-1] != "Z":
            return False
    for earlier, later in layout.ordered:
        if not _ordered(value[earlier], value[later]):
            return False
    for name, known in layout.references:
        inner = value[name]
        for each in (inner,) if inner.__class__ is str else inner:
            if _is_id(each) is None or not (each[:-38] in known or allows(rule, name, each[:-38])):
                return False
    return True


def _ordered(first: str, second: str) -> bool:
    if len(first) == len(second):
        return first <= second
    return moment(first) <= moment(second)


def _part_in_order(type: str, value: dict[str, Any], name: str, inner: Any, shape: Shape) -> bool:
    if name == "external_references":
        return all(map(_external_in_order, inner))
    for _ in shape_faults(inner, shape, (name,)):
        return False
    if name == "extensions":
        return not any(True for _ in extension_faults(type, inner))
    return name != "granular_markings" or not any(True for _ in selector_faults(value))


def _external_in_order(reference: dict[str, Any]) -> bool:
    """The common external reference without hashes (STIX 2.1 §2.5.2)."""
    stated = "url" in reference or "external_id" in reference or "description" in reference
    return stated and "hashes" not in reference
