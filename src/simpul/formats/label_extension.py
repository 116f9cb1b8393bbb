"""Our published extension to STIX 2.1: a marking definition that carries a whole label.

    label_definition(label)        the marking-definition object
    read_label_extension(inner)    what stands under its extension → the label, or None
    extension_definition()         the extension-definition object that publishes it

The JSON schema is spec/extension/label.json. STIX allows no empty list: nobody is `{"nobody": true}` and no purpose is
`"no_purpose": true`. What a label does not state is left out. Parties are fingerprints.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from simpul.domain.labels import LAST_INSTANT, NOBODY, Classification, Label, Onward, parse_tlp

LABEL_EXTENSION: Final = "extension-definition--7aa07263-2100-4b44-a7ec-a25afb4ed3fc"
LABEL_EXTENSION_AUTHOR: Final = "identity--3af2ce6c-94b7-4f44-85d9-99b2c7556c9c"
LABEL_SCHEMA: Final = "https://simpul.example.org/spec/extension/label.json"
PUBLISHED: Final = "2026-11-24T00:00:00.000Z"
_DEFINITIONS: Final = uuid.UUID("a6b15077-0b38-4fe2-8637-81f110bb0971")
"""Names our marking definitions by what they say: one label, one id, whoever exports it."""
_TIMESTAMP: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST: Final = (datetime(9999, 12, 31, tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)

_Word = Annotated[str, Meta(min_length=1)]
_Words = Annotated[tuple[_Word, ...], Meta(min_length=1)]


class _Level(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    scheme: _Word
    level: _Word


class _Recipients(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    names: _Words | None = None
    nobody: bool = False


class _Onward(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    none: bool = False
    consent: bool = False
    within: _Words | None = None


class _Carried(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What stands under the extension's key."""

    extension_type: Literal["property-extension"]
    tlp: Literal["clear", "green", "amber", "amber+strict", "red"] | None = None
    classification: Annotated[tuple[_Level, ...], Meta(min_length=1)] | None = None
    handling: _Words | None = None
    handling_text: _Words | None = None
    releasable_to: Annotated[tuple[_Recipients, ...], Meta(min_length=1)] | None = None
    not_releasable_to: _Words | None = None
    onward: _Onward | None = None
    purposes: _Words | None = None
    no_purpose: bool = False
    topics: _Words | None = None
    compartments: _Words | None = None
    expires: str | None = None
    retention_days: Annotated[int, Meta(ge=0)] | None = None
    obligations: _Words | None = None
    unmapped: _Words | None = None


def label_definition(label: Label) -> dict[str, Any]:
    """The marking-definition object that says a whole label. Equal labels give equal objects."""
    carried = {"extension_type": "property-extension", **_carried(label)}
    text = msgspec.json.encode(carried, order="sorted").decode()
    return {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": f"marking-definition--{uuid.uuid5(_DEFINITIONS, text)}",
        "created": PUBLISHED,
        "name": "Simpul label",
        "extensions": {LABEL_EXTENSION: carried},
    }


def read_label_extension(inner: Mapping[str, Any]) -> Label | None:
    """The label that stands under our extension's key; None if the schema does not allow it."""
    try:
        carried = msgspec.convert(dict(inner), _Carried)
        return _label(carried)
    except ValueError:  # msgspec's ValidationError is one too
        return None  # the caller says which marking could not be read


def extension_definition() -> tuple[dict[str, Any], dict[str, Any]]:
    """The objects that publish the extension: who defines it, and the extension-definition."""
    author = {
        "type": "identity",
        "spec_version": "2.1",
        "id": LABEL_EXTENSION_AUTHOR,
        "created": PUBLISHED,
        "modified": PUBLISHED,
        "name": "Simpul",
        "identity_class": "system",
    }
    definition = {
        "type": "extension-definition",
        "spec_version": "2.1",
        "id": LABEL_EXTENSION,
        "created_by_ref": LABEL_EXTENSION_AUTHOR,
        "created": PUBLISHED,
        "modified": PUBLISHED,
        "name": "Simpul label",
        "description": "A marking definition that carries the whole set of restrictions of what it marks.",
        "schema": LABEL_SCHEMA,
        "version": "1.0.0",
        "extension_types": ["property-extension"],
    }
    return author, definition


def _carried(label: Label) -> dict[str, Any]:
    plain = {
        name: sorted(getattr(label, name)) or None
        for name in (
            "handling",
            "handling_text",
            "not_releasable_to",
            "topics",
            "compartments",
            "obligations",
            "unmapped",
        )
    }
    stated: dict[str, Any] = {
        "tlp": None if label.tlp is None else label.tlp.word,
        "classification": [{"scheme": c.scheme, "level": c.level} for c in sorted(label.classification)]
        or None,
        "releasable_to": [_recipients(names) for names in sorted(map(sorted, label.releasable_to))] or None,
        "onward": None if label.onward is None else _onward(label.onward),
        "purposes": sorted(label.purposes or ()) or None,
        "no_purpose": True if label.purposes == NOBODY else None,
        "expires": None if label.expires is None else _timestamp(label.expires),
        "retention_days": label.retention_days,
        **plain,
    }
    return {name: value for name, value in stated.items() if value is not None}


def _recipients(names: list[str]) -> dict[str, Any]:
    return {"names": names} if names else {"nobody": True}


def _onward(rule: Onward) -> dict[str, Any]:
    within = {"within": sorted(rule.within)} if rule.within else {}
    return {"none": rule.none, "consent": rule.consent, **within}


def _label(carried: _Carried) -> Label:
    if carried.no_purpose and carried.purposes is not None:
        raise ValueError("only one of purposes and no_purpose may be stated")
    purposes = NOBODY if carried.no_purpose else None
    onward = carried.onward
    return Label(
        tlp=None if carried.tlp is None else parse_tlp(carried.tlp),
        classification=frozenset(Classification(c.scheme, c.level) for c in carried.classification or ()),
        handling=frozenset(carried.handling or ()),
        handling_text=frozenset(carried.handling_text or ()),
        releasable_to=frozenset(_names(each) for each in carried.releasable_to or ()),
        not_releasable_to=frozenset(carried.not_releasable_to or ()),
        onward=None
        if onward is None
        else Onward(none=onward.none, consent=onward.consent, within=frozenset(onward.within or ())),
        purposes=purposes if carried.purposes is None else frozenset(carried.purposes),
        topics=frozenset(carried.topics or ()),
        compartments=frozenset(carried.compartments or ()),
        expires=None if carried.expires is None else _instant(carried.expires),
        retention_days=carried.retention_days,
        obligations=frozenset(carried.obligations or ()),
        unmapped=frozenset(carried.unmapped or ()),
    )


def _names(each: _Recipients) -> frozenset[str]:
    """Raises ValueError: both or neither of `names` and `nobody`."""
    if each.nobody == (each.names is not None):
        raise ValueError("one of names and nobody must be stated")
    return frozenset(each.names or ())


def _timestamp(at: int) -> str:
    """Microseconds UTC as a STIX timestamp; what lies outside the years that it can say is moved to the nearest."""
    when = _EPOCH + timedelta(microseconds=min(max(at, 0), _LATEST))
    return when.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _instant(text: str) -> int:
    """What is later than a label can say becomes the last it can say: earlier, so never wider.

    Raises ValueError: not a STIX timestamp of at most microseconds.
    """
    if _TIMESTAMP.fullmatch(text) is None:
        raise ValueError(f"'{text}' is not a timestamp in UTC")
    when = datetime.fromisoformat(text)
    return min((when - _EPOCH) // timedelta(microseconds=1), LAST_INSTANT)
