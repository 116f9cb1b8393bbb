"""The quick check: says "nothing wrong" for nearly every good object, and otherwise only that it is in doubt.

`in_order` returning True means that `stix_faults.faults_of` finds nothing (the tests hold the two together);
returning False means nothing but that the slow check must look.
"""

from __future__ import annotations

import re
from typing import Any, Final

from simpul.domain.stix_shapes import Kind, Record, Shape
from simpul.formats.stix_faults import extension_faults, moment, selector_faults, shape_faults, special_faults
from simpul.formats.stix_ids import observable_id
from simpul.formats.stix_structs import SPECIAL, Rule, allows

_ID: Final = re.compile(
    r"[a-z0-9]++(?:-[a-z0-9]++)*+--[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
)
_is_id: Final = _ID.fullmatch
_UNKNOWN: Final = ""


def in_order(type: str, value: dict[str, Any], rule: Rule, ids: list[str]) -> bool:  # noqa: C901, PLR0911, PLR0912 - one loop, for speed
    """Whether an object that `rule.decoder` accepted is surely a STIX 2.1 object.

    Puts its own id and every id in a reference property or a custom one into `ids`, one for each occurrence.
    """
    own = value["id"]
    if _is_id(own) is None or own[:-38] != type:
        return False
    ids.append(own)
    look = rule.plan.get
    for name, inner in value.items():
        what = look(name, _UNKNOWN)
        if what is None:
            continue
        if what is Kind.TIMESTAMP:
            if inner[10] != "T" or inner[-1] != "Z":
                return False
        elif what is Kind.REFERENCE:
            known = rule.references[name]
            for each in (inner,) if inner.__class__ is str else inner:
                if _is_id(each) is None or not (each[:-38] in known or allows(rule, name, each[:-38])):
                    return False
                ids.append(each)
        elif what is _UNKNOWN:
            listed = inner if inner.__class__ is list else (inner,)
            ids += [e for e in listed if e.__class__ is str and e[-38:-36] == "--" and _is_id(e)]
        elif not _part_in_order(type, value, name, inner, rule.table.properties[name]):
            return False
    for earlier, later in rule.table.ordered:
        if later in value and earlier in value and not _ordered(value[earlier], value[later]):
            return False
    if rule.between and not _between_in_order(type, value, rule.table):
        return False
    return not rule.deterministic or own[-22] != "5" or observable_id(type, value) == own


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


def _between_in_order(type: str, value: dict[str, Any], table: Record) -> bool:
    for group in table.either:
        if not any(map(value.__contains__, group)):
            return False
    for one, other in table.not_both:
        if one in value and other in value:
            return False
    for name, beside in table.needs:
        if name in value and not all(map(value.__contains__, beside)):
            return False
    return type not in SPECIAL or not any(True for _ in special_faults(type, value))
