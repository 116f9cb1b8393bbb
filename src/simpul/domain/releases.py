"""A release: what one recipient gets of one product version, fixed when it is approved (design §2, §6)."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from msgspec import Struct

from simpul.domain.objects import ObjectKey

SHEET, PORTION, OBJECT, PASSED = 0, 1, 2, 3
"""Leaf kinds, as in the manifest's leaves (PROTOCOL §3). `PASSED` is an object in the words of another originator."""

CARRYING: Final = frozenset({OBJECT, PASSED})
"""Kinds of leaf that are objects."""


class Proof(Struct, frozen=True, kw_only=True):
    """What shows that an object stands in a release of its originator: enough for whoever has that party's card.

    Attributes:
        manifest: the originator's signed manifest document.
        kind, position, salt: of the leaf in that manifest's tree.
        label: hash of the label under which the originator gave it there.
        path: the hashes that lead from the leaf to the manifest's root.
        grant: the originator's signed consent to passing it on, or empty where none was needed.
    """

    manifest: bytes
    kind: int
    position: int
    salt: bytes
    label: bytes
    path: tuple[bytes, ...]
    grant: bytes = b""


class ReceivedLeaf(Struct, frozen=True, kw_only=True):
    """One leaf of a manifest that came in.

    `key` names the stored object; None for sheet, portions and what is not stored (yet). `hash` is that of the leaf,
    `label` that of its label. `proof` is its originator's, for an object that was passed on.
    """

    position: int
    kind: int
    salt: bytes
    label: bytes
    hash: bytes
    key: ObjectKey | None
    proof: Proof | None = None


class ReleaseLeaf(Struct, frozen=True, kw_only=True):
    """One leaf of the manifest.

    `key` names the object rendered (None for sheet and portions). `body` is the exact bytes sent when they differ
    from the stored original (a cut rendition, the sheet, a portion), else None. `label` is the hash of the label's
    view for the recipient. `number` is the portion's number, else 0. `proof` goes with what another originated.
    """

    position: int
    kind: int
    key: ObjectKey | None
    number: int
    body: bytes | None
    label: bytes
    salt: bytes
    hash: bytes
    proof: Proof | None = None


class ReleaseState(StrEnum):
    """Where a release stands.

    fixing --all leaves stored--> fixed --approvals--> approved --> released
       |                            |                     |
       +----------------------------+---------------------+--> void: what it was for has changed
    """

    FIXING = "fixing"
    FIXED = "fixed"
    APPROVED = "approved"
    RELEASED = "released"
    VOID = "void"


MOVES: Final = {
    ReleaseState.FIXING: frozenset({ReleaseState.FIXED, ReleaseState.VOID}),
    ReleaseState.FIXED: frozenset({ReleaseState.APPROVED, ReleaseState.VOID}),
    ReleaseState.APPROVED: frozenset({ReleaseState.RELEASED, ReleaseState.VOID}),
    ReleaseState.RELEASED: frozenset[ReleaseState](),
    ReleaseState.VOID: frozenset[ReleaseState](),
}
"""Every move there is; staying where it is changes nothing."""


class Withheld(Struct, frozen=True, kw_only=True):
    """How many objects a clause withheld from a recipient."""

    clause: str
    count: int


class Release(Struct, frozen=True, kw_only=True):
    """A decided, fixed set of renditions of one product version for one recipient.

    Attributes:
        id: 16 random bytes.
        product, version, recipient: whose, which, to whom.
        root: manifest root, 32 bytes.
        leaves: number of leaves, a power of two; `entries` of them carry something.
        parts: number of messages it goes as.
        manifest: canonical manifest payload; `signed` the signed document, empty until released.
        agreement: hash of the agreement's payload.
        policy: hash of all that the decision read; when it changes the approvals are void.
        obligations: what travels.
        objects: objects carried; `redacted` of them in a cut rendition; `withheld` by clause.
        needed: approvals needed beyond the drafter's.
        state: see `MOVES`.
        valid_until: the earliest date that a decision read; from then on its approvals are void. None: no date.
        approved_at, released_at: microseconds UTC or None.
        passed: objects of other originators among those carried.
    """

    id: bytes
    product: str
    version: int
    recipient: str
    root: bytes
    leaves: int
    entries: int
    parts: int
    manifest: bytes
    signed: bytes
    agreement: bytes
    policy: bytes
    obligations: tuple[str, ...]
    objects: int
    redacted: int
    withheld: tuple[Withheld, ...]
    needed: int
    state: ReleaseState
    created: int
    approved_at: int | None
    released_at: int | None
    valid_until: int | None = None
    passed: int = 0
