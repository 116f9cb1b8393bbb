"""Consent to passing on: what a holder asks of an originator, and what that one grants (spec/onward.md).

    Request   the asker names exactly which leaves of which manifests of the originator should go to whom, and what for
    Grant     the originator's answer: which leaves may go, to whom, for what, until when, and what goes with them

    asked --a first person--> proposed --the second--> granted --recalled by its originator--> revoked
      |                          |                        +---- a single one, by a release ---> used
      +------------+-------------+
                   +--> denied

Consent answers an onward rule that asks for it. It lifts neither `none` nor `within`, and it opens nothing for whoever
the originator's own label excludes.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from msgspec import Struct

from simpul.domain.labels import Label, Onward

PARTIES: Final = "consent.parties"
LEAVES: Final = "consent.leaves"
PURPOSE: Final = "consent.purpose"
EXPIRED: Final = "consent.expired"
USED: Final = "consent.used"
REVOKED: Final = "consent.revoked"
AGREEMENT: Final = "consent.agreement"

FLAWS: Final = {
    PARTIES: "the consent is between other parties",
    LEAVES: "the consent is for other objects",
    PURPOSE: "the consent is for another purpose",
    EXPIRED: "the consent has ended",
    USED: "the consent was for one release, and was used for another",
    REVOKED: "its originator revoked the consent",
    AGREEMENT: "the agreement under which consent was given is not in force",
}
"""Why a grant does not hold, in words, by clause."""

LONGEST_TEXT: Final = 2_000
"""Characters of a justification or of a reason."""

PERSONS: Final = 2
"""Distinct persons that a grant needs, as a release does; an agreement that asks for more approvals asks for more."""


class Leaves(Struct, frozen=True, kw_only=True):
    """Some leaves of one manifest: its root, and positions in rising order."""

    root: bytes
    positions: tuple[int, ...]


class Request(Struct, frozen=True, kw_only=True):
    """What the asker wants to pass on.

    Attributes:
        id: 16 random bytes.
        asker, originator, beneficiary: fingerprints: who would pass it on, whose words they are, who would get them.
        leaves: exactly which, of manifests that the originator released to the asker.
        purpose: what the beneficiary would get it for.
        why: the justification, for a person at the originator.
        until: until when consent is wanted (microseconds UTC), or None.
        repeated: whether for more than one release.
        at: when it was asked, microseconds UTC.
    """

    id: bytes
    asker: str
    originator: str
    beneficiary: str
    leaves: tuple[Leaves, ...]
    purpose: str
    why: str
    until: int | None
    repeated: bool
    at: int

    @property
    def count(self) -> int:
        """How many leaves it names."""
        return count_leaves(self.leaves)


class Grant(Struct, frozen=True, kw_only=True):
    """What the originator consents to.

    Attributes:
        request: hash of the request that it answers.
        originator, grantee, beneficiary: fingerprints.
        leaves: of which it consents; only of the rendition's manifest if there is one.
        rendition: root of a manifest of the originator to the grantee: the sanitised version that may go instead of
            what was asked; empty if what was asked may go.
        purpose: for which alone it may go.
        obligations: duties that the beneficiary has besides those of the label.
        onward: what the beneficiary may do about passing it on; joined to the label's rule.
        agreement: hash of the agreement between originator and grantee under which consent is given.
        not_after: microseconds UTC; from then on it does not hold.
        repeated: whether it holds for more than one release.
        at: when it was granted, microseconds UTC.
    """

    request: bytes
    originator: str
    grantee: str
    beneficiary: str
    leaves: tuple[Leaves, ...]
    rendition: bytes
    purpose: str
    obligations: tuple[str, ...]
    onward: Onward
    agreement: bytes
    not_after: int
    repeated: bool
    at: int

    def covers(self, root: bytes, position: int) -> bool:
        """Whether one leaf is among those consented to."""
        return any(each.root == root and position in each.positions for each in self.leaves)


def count_leaves(leaves: Iterable[Leaves]) -> int:
    """How many leaves are named in all."""
    return sum(len(each.positions) for each in leaves)


def is_within(some: Iterable[Leaves], wider: Iterable[Leaves]) -> bool:
    """Whether every leaf of the first is among the second."""
    named: dict[bytes, set[int]] = {}
    for each in wider:
        named.setdefault(each.root, set()).update(each.positions)
    return all(set(each.positions) <= named.get(each.root, set()) for each in some)


def narrowing(grant: Grant) -> Label:
    """What a grant adds to the label under which its beneficiary holds what came by it."""
    return Label(onward=grant.onward, obligations=frozenset(grant.obligations))


def flaw(
    grant: Grant,
    *,
    originator: str,
    grantee: str,
    beneficiary: str,
    purpose: str,
    at: int,
    leaf: tuple[bytes, int] | None = None,
) -> str | None:
    """The clause by which a grant does not hold for this passing on; None if it holds.

    `at` is when the grantee decides, microseconds UTC; `leaf` the root and position that it must cover, if it is asked
    about one.
    """
    if (grant.originator, grant.grantee, grant.beneficiary) != (originator, grantee, beneficiary):
        return PARTIES
    if leaf is not None and not grant.covers(*leaf):
        return LEAVES
    if grant.purpose != purpose:
        return PURPOSE
    if at >= grant.not_after:
        return EXPIRED
    return None


class ConsentState(StrEnum):
    """Where a request stands; the drawing is at the top."""

    ASKED = "asked"
    PROPOSED = "proposed"
    GRANTED = "granted"
    DENIED = "denied"
    USED = "used"
    REVOKED = "revoked"


MOVES: Final = {
    ConsentState.ASKED: frozenset({ConsentState.PROPOSED, ConsentState.GRANTED, ConsentState.DENIED}),
    ConsentState.PROPOSED: frozenset({ConsentState.PROPOSED, ConsentState.GRANTED, ConsentState.DENIED}),
    ConsentState.GRANTED: frozenset({ConsentState.USED, ConsentState.REVOKED}),
    ConsentState.USED: frozenset({ConsentState.REVOKED}),
    ConsentState.DENIED: frozenset(),
    ConsentState.REVOKED: frozenset(),
}
"""From each state to which a request can go. At the asker a grant comes whole, so it goes from asked to granted."""
