"""The cover sheet and the portions of a product, as the bytes of their leaves (spec/manifest.md, "Leaves")."""

from __future__ import annotations

from typing import Final

from simpul.protocol.canonical import Wire, decode, encode

LEAF_LIMIT: Final = 1 << 20


class Sheet(Wire, frozen=True, kw_only=True):
    """The cover sheet. `grade` is an Admiralty pair such as "B2"; `known` is microseconds UTC (when it was released, the manifest says).

    `portions` are the numbers of the portions that this recipient gets, in reading order.
    """

    product: str
    version: int
    originator: str
    title: str
    purpose: str
    precedence: str
    handling: str
    grade: str
    known: int
    portions: tuple[int, ...] = ()


class PortionText(Wire, frozen=True, kw_only=True):
    """One paragraph of narrative. The number is inside the leaf, so that nobody can move it."""

    number: int
    text: str


def encode_sheet(sheet: Sheet) -> bytes:
    """The bytes of the sheet's leaf."""
    return encode(sheet)


def decode_sheet(data: bytes) -> Sheet:
    """The sheet of a leaf. Raises `Malformed` or `NotUnderstood`."""
    return decode(data, Sheet, LEAF_LIMIT)


def encode_portion(number: int, text: str) -> bytes:
    """The bytes of a portion's leaf."""
    return encode(PortionText(number=number, text=text))


def decode_portion(data: bytes) -> PortionText:
    """The portion of a leaf. Raises `Malformed` or `NotUnderstood`."""
    return decode(data, PortionText, LEAF_LIMIT)
