"""The product: our own document, versioned. A cover sheet, portions of narrative, and the objects it carries.

The objects are not inside the value: a product may carry a hundred thousand. The store lists them by product and
version. A changed product is a new version, and a new version has no approvals.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from simpul.domain.grading import Grade
from simpul.domain.labels import Label


class Precedence(StrEnum):
    """How fast it must reach the desk, most urgent first. FLASH and IMMEDIATE go by the urgent lane."""

    FLASH = "flash"
    IMMEDIATE = "immediate"
    PRIORITY = "priority"
    ROUTINE = "routine"

    @property
    def urgent(self) -> bool:
        """Whether it travels by the urgent lane (PROTOCOL §6)."""
        return self in (Precedence.FLASH, Precedence.IMMEDIATE)


class Portion(Struct, frozen=True, kw_only=True):
    """One paragraph of narrative with its own label. `number` counts from 1 within the product."""

    number: int
    text: str
    label: Label


class Times(Struct, frozen=True, kw_only=True):
    """The four times of a product, microseconds UTC: when it was known, released, opened and acted on."""

    known: int
    released: int | None = None
    opened: int | None = None
    acted: int | None = None


class Product(Struct, frozen=True, kw_only=True):
    """A product without its objects.

    Attributes:
        id: `product--<uuid4>`.
        version: counts from 1.
        originator: the party whose product it is.
        title, purpose, precedence, handling, grade: the cover sheet. `handling` is free text for the desk.
        label: the label of the cover sheet itself.
        portions: narrative, in reading order.
        times: as above.
        drafter: the user who made this version (a local name; it never crosses).
        objects: how many objects the store lists for this version.
    """

    id: str
    version: int
    originator: str
    title: str
    purpose: str
    precedence: Precedence
    handling: str
    grade: Grade
    label: Label
    portions: tuple[Portion, ...]
    times: Times
    drafter: str
    objects: int


class Approval(Struct, frozen=True, kw_only=True):
    """A user's signature over {recipient, manifest root, obligations, agreement hash} (design §6).

    `statement` is the exact signed bytes and `signatures` the pair of them; `user` is the local name and `key`
    the hash of the user's public keys.
    """

    user: str
    key: bytes
    statement: bytes
    signatures: tuple[bytes, bytes]
    at: int
