"""Labels as canonical bytes (spec/labels.md gives their meaning; spec/documents.md their form).

    encode_label(Label) -> bytes,  decode_label(bytes) -> Label,  label_hash(Label) -> 32 bytes

Sets become sorted arrays, so one label has one byte form; its SHA-256 names it in leaves, tables and the store.
`WireLabel` is the form inside larger documents (a manifest's label table).
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Final

from simpul.domain.labels import LABEL_EXTENT, Classification, Label, Onward, Tlp, extent
from simpul.errors import Malformed
from simpul.protocol.canonical import Wire, decode, encode, read

LABEL_LIMIT: Final = 64 * 1024

TLP_NAMES: Final = {
    Tlp.CLEAR: "clear",
    Tlp.GREEN: "green",
    Tlp.AMBER: "amber",
    Tlp.AMBER_STRICT: "amber+strict",
    Tlp.RED: "red",
}
_TLP: Final = {name: tlp for tlp, name in TLP_NAMES.items()}


class WireOnward(Wire, frozen=True, kw_only=True):
    """`domain.labels.Onward` as it is sent."""

    none: bool = False
    consent: bool = False
    within: tuple[str, ...] = ()


class WireLabel(Wire, frozen=True, kw_only=True):
    """`domain.labels.Label` as it is sent: every array sorted and without repetition, what is not stated left out.

    `classification` holds [scheme, level] pairs, `releasable_to` a list of lists.
    """

    tlp: str | None = None
    classification: tuple[tuple[str, str], ...] = ()
    handling: tuple[str, ...] = ()
    handling_text: tuple[str, ...] = ()
    releasable_to: tuple[tuple[str, ...], ...] = ()
    not_releasable_to: tuple[str, ...] = ()
    onward: WireOnward | None = None
    purposes: tuple[str, ...] | None = None
    topics: tuple[str, ...] = ()
    compartments: tuple[str, ...] = ()
    expires: int | None = None
    retention_days: int | None = None
    obligations: tuple[str, ...] = ()
    unmapped: tuple[str, ...] = ()


def to_wire(label: Label) -> WireLabel:
    """The form in which a label is sent."""
    return WireLabel(
        tlp=None if label.tlp is None else TLP_NAMES[label.tlp],
        classification=tuple(sorted((c.scheme, c.level) for c in label.classification)),
        handling=tuple(sorted(label.handling)),
        handling_text=tuple(sorted(label.handling_text)),
        releasable_to=tuple(sorted(tuple(sorted(each)) for each in label.releasable_to)),
        not_releasable_to=tuple(sorted(label.not_releasable_to)),
        onward=None if label.onward is None else onward_to_wire(label.onward),
        purposes=None if label.purposes is None else tuple(sorted(label.purposes)),
        topics=tuple(sorted(label.topics)),
        compartments=tuple(sorted(label.compartments)),
        expires=label.expires,
        retention_days=label.retention_days,
        obligations=tuple(sorted(label.obligations)),
        unmapped=tuple(sorted(label.unmapped)),
    )


def from_wire(wire: WireLabel) -> Label:
    """The label that was sent.

    Raises:
        Malformed: too long, an unknown TLP name, or an array that is not sorted or repeats something.
    """
    label = _label(wire)
    if extent(label) > LABEL_EXTENT:
        raise Malformed("a label says more than a label can", input="label")
    if to_wire(label) != wire:
        raise Malformed("a label's arrays must be sorted and without repetition", input="label")
    return label


def _label(wire: WireLabel) -> Label:
    return Label(
        tlp=None if wire.tlp is None else tlp_named(wire.tlp),
        classification=frozenset(Classification(scheme, level) for scheme, level in wire.classification),
        handling=frozenset(wire.handling),
        handling_text=frozenset(wire.handling_text),
        releasable_to=frozenset(map(frozenset, wire.releasable_to)),
        not_releasable_to=frozenset(wire.not_releasable_to),
        onward=None if wire.onward is None else onward_from_wire(wire.onward),
        purposes=None if wire.purposes is None else frozenset(wire.purposes),
        topics=frozenset(wire.topics),
        compartments=frozenset(wire.compartments),
        expires=wire.expires,
        retention_days=wire.retention_days,
        obligations=frozenset(wire.obligations),
        unmapped=frozenset(wire.unmapped),
    )


def onward_to_wire(onward: Onward) -> WireOnward:
    """An onward rule as it is sent."""
    return WireOnward(none=onward.none, consent=onward.consent, within=tuple(sorted(onward.within)))


def onward_from_wire(wire: WireOnward) -> Onward:
    """The onward rule that was sent; the caller checks sortedness by the round trip."""
    return Onward(none=wire.none, consent=wire.consent, within=frozenset(wire.within))


def tlp_named(name: str) -> Tlp:
    """The TLP level of a wire name. Raises `Malformed`."""
    found = _TLP.get(name)
    if found is None:
        raise Malformed(f"'{name}' is no TLP level", input="label", where="tlp")
    return found


def encode_label(label: Label) -> bytes:
    """The canonical bytes of a label."""
    return encode(to_wire(label))


def decode_label(data: bytes) -> Label:
    """The label of canonical bytes.

    Raises:
        Malformed, NotUnderstood: not one label in its one form.
    """
    return from_wire(decode(data, WireLabel, LABEL_LIMIT))


def read_label(data: bytes) -> Label:
    """The label of bytes that this node encoded and stored itself: what `decode_label` checks is not checked again."""
    return _label(read(data, WireLabel))


@lru_cache(maxsize=4096)
def label_hash(label: Label) -> bytes:
    """SHA-256 of a label's canonical bytes."""
    return hashlib.sha256(encode_label(label)).digest()
