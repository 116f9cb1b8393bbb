"""A label as a confidentiality label in the shape of STANAG 4774 (ADatP-4774 edition A version 1), for export.

    export_label(label, …)   → the XML, and what of the label it does not say

One confidentiality label names one policy and one classification, so that a label of several schemes is written for
one of them. What must be met is a RESTRICTIVE category, a list of which one must be held is PERMISSIVE, what informs is
INFORMATIVE. The element order and attributes are those of the schema:

    originatorConfidentialityLabel [ReviewDateTime]
        ConfidentialityInformation
            PolicyIdentifier, Classification, PrivacyMark?, Category [Type, TagName]*  > GenericValue*
        OriginatorID [IDType]?
        CreationDateTime

"In the shape of" says that the national policy file (SPIF) that would fix tag names and their URIs is not ours to write.
docs/reference/classification.md has the table of what becomes what.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final
from xml.etree import ElementTree as ET

from msgspec import Struct

from simpul.domain.labels import Classification, Label
from simpul.domain.objects import Loss
from simpul.errors import InputFault

NAMESPACE: Final = "urn:nato:stanag:4774:confidentialitymetadatalabel:1:0"
TLP_POLICY: Final = "TLP"
"""The policy that is named for a label that states a TLP and no classification."""

PERMISSIVE, RESTRICTIVE, INFORMATIVE = "PERMISSIVE", "RESTRICTIVE", "INFORMATIVE"
RELEASABLE: Final = "Releasable To"

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NOT_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Exported(Struct, frozen=True, kw_only=True):
    """The XML document, UTF-8, and what it does not say."""

    xml: bytes
    losses: tuple[Loss, ...]


def export_label(label: Label, *, originator: str, created: int, scheme: str | None = None) -> Exported:
    """The confidentiality label that says as much of a label as the shape can.

    Args:
        label: as its owner wrote it; parties and circles bear the names that are to stand in the XML.
        originator: whose label it is, as a name; empty leaves it out.
        created: when the label was given, microseconds UTC.
        scheme: which scheme to write where the label names several.

    Raises:
        InputFault: neither TLP nor classification is stated, several levels are and `scheme` does not choose one, or a
            text holds a character that XML cannot carry.
    """
    level = _level(label, scheme)
    root = ET.Element("originatorConfidentialityLabel", {"xmlns": NAMESPACE})
    if label.expires is not None:
        root.set("ReviewDateTime", _text(label.expires))
    information = ET.SubElement(root, "ConfidentialityInformation")
    _add(information, "PolicyIdentifier", level.scheme)
    _add(information, "Classification", level.level)
    if label.handling_text:
        _add(information, "PrivacyMark", "; ".join(sorted(label.handling_text)))
    for kind, tag, values in _categories(label, level):
        category = ET.SubElement(information, "Category", {"Type": kind, "TagName": tag})
        for value in values:
            _add(category, "GenericValue", value)
    if originator:
        _add(root, "OriginatorID", originator).set("IDType", "directoryName")
    _add(root, "CreationDateTime", _text(created))
    ET.indent(root)
    xml = ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"
    return Exported(xml=xml, losses=tuple(_losses(label, level)))


def _level(label: Label, scheme: str | None) -> Classification:
    if scheme is None and not label.classification and label.tlp is not None:
        return Classification(TLP_POLICY, label.tlp.word.upper())
    fitting = sorted(level for level in label.classification if scheme in (None, level.scheme))
    if len(fitting) == 1:
        return fitting[0]
    names = ", ".join(f"{level.scheme} {level.level}" for level in sorted(label.classification))
    raise InputFault(
        "a confidentiality label names exactly one level" + (f", and these fit: {names}" if fitting else ""),
        input="label",
        where="classification",
        do="choose one with --scheme" if fitting else "state a TLP, or a level of that scheme",
    )


def _categories(label: Label, level: Classification) -> Iterator[tuple[str, str, Iterable[str]]]:
    """Type, tag name and values of each category, in a fixed order."""
    for names in sorted(sorted(names - label.not_releasable_to) for names in label.releasable_to):
        yield PERMISSIVE, RELEASABLE, names
    if label.purposes is not None:
        yield PERMISSIVE, "Purpose", sorted(label.purposes)
    if label.tlp is not None and level.scheme != TLP_POLICY:
        yield RESTRICTIVE, "TLP", [label.tlp.word.upper()]
    onward = [] if label.onward is None else [label.onward.words]
    for tag, values in (
        ("Compartment", label.compartments),
        ("Handling", label.handling),
        ("Onward", onward),
        ("Unread Marking", label.unmapped),
    ):
        if values:
            yield RESTRICTIVE, tag, sorted(values)
    kept = [] if label.retention_days is None else [f"{label.retention_days} days"]
    for tag, values in (("Topic", label.topics), ("Obligation", label.obligations), ("Retention", kept)):
        if values:
            yield INFORMATIVE, tag, sorted(values)


def _losses(label: Label, level: Classification) -> Iterator[Loss]:
    for other in sorted(label.classification - {level}):
        yield _loss("classification", f"{other.scheme} {other.level} is not said: one level is")
    listed = {name for names in label.releasable_to for name in names}
    if label.not_releasable_to - listed:
        yield _loss(
            "not_releasable_to",
            "an exclusion is never written out; who is named in a list was left out of it",
        )
    if label.expires is not None:
        yield _loss("expires", "written as ReviewDateTime, which asks for a review and forbids nothing")
    if label.topics or label.obligations or label.retention_days is not None:
        yield _loss(
            "topics, obligations, retention_days", "written as INFORMATIVE categories, which bind nobody"
        )


def _add(parent: ET.Element, tag: str, text: str) -> ET.Element:
    if _NOT_XML.search(text):
        raise InputFault(
            "a text of the label holds a character that XML cannot carry", input="label", where=tag
        )
    element = ET.SubElement(parent, tag)
    element.text = text
    return element


def _loss(path: str, lost: str) -> Loss:
    return Loss(index=None, id=None, path=path, lost=lost)


def _text(at: int) -> str:
    when = _EPOCH + timedelta(microseconds=at)
    return when.isoformat(timespec="auto").replace("+00:00", "Z")
