"""Recalls and restrictions after the fact: what was taken back, by whom, how far it is done here, who must answer.

    hiding --everything that is named is out of every reach--> erasing --nothing is left--> done
       ^--------- somebody else tells of it, whose word reaches further -------------------------+

A *tombstone* outlives what it names: what comes later under it is refused, or held as narrowly as it says.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from msgspec import Struct

from simpul.domain.objects import ObjectKey

CODES: Final = ("mistake", "source-protection", "legal", "consent-withdrawn", "superseded", "other")
"""Why something is taken back, in a word."""


class Action(StrEnum):
    """What a recall document asks for."""

    RECALL = "recall"
    RESTRICT = "restrict"


class RecallState(StrEnum):
    """How far a recall is done here."""

    HIDING = "hiding"
    ERASING = "erasing"
    DONE = "done"


class Named(StrEnum):
    """What a tombstone names: an object by id, a product, or one delivery by the root of its manifest."""

    OBJECT = "object"
    PRODUCT = "product"
    DELIVERY = "delivery"


MOVES: Final = {
    RecallState.HIDING: frozenset({RecallState.ERASING}),
    RecallState.ERASING: frozenset({RecallState.DONE, RecallState.HIDING}),
    RecallState.DONE: frozenset({RecallState.HIDING}),
}
"""Every move there is."""

EVERYBODY: Final = ""
"""The reach of an originator's own word: whoever delivered it."""


class Tombstone(Struct, frozen=True, kw_only=True):
    """One thing that a recall names, kept for ever.

    Attributes:
        recall: hash of the recall document.
        originator: whose object, product or delivery.
        scope: empty for all of it; a party for what that party delivered alone.
        kind: what `name` is.
        name: STIX id, product id, or manifest root in hex.
        version: microseconds UTC of an object, number of a product; None for every version.
        sha256: the one rendition, or empty for every one.
    """

    recall: bytes
    originator: str
    scope: str
    kind: Named
    name: str
    version: int | None = None
    sha256: bytes = b""

    def covers(self, key: ObjectKey) -> bool:
        """Whether it names this object; who delivered it is not asked."""
        return (
            self.kind is Named.OBJECT
            and self.name == key.id
            and self.originator == key.originator
            and (self.version is None or self.version == key.version)
            and (not self.sha256 or self.sha256 == key.sha256)
        )


class Share(Struct, frozen=True, kw_only=True):
    """What of a recall one party had delivered here: objects destroyed and narrowed, and named things that were met."""

    party: str
    destroyed: int = 0
    restricted: int = 0
    met: int = 0

    def plus(self, more: Share, most: int) -> Share:
        """With what another step did; of `most` named things none is met twice."""
        return Share(
            party=self.party,
            destroyed=self.destroyed + more.destroyed,
            restricted=self.restricted + more.restricted,
            met=min(self.met + more.met, most),
        )


class KeptRecall(Struct, frozen=True, kw_only=True):
    """One recall or restriction that is known here, issued here or by a partner.

    Attributes:
        hash: of the document, its name.
        action: what it asks for.
        author: who signed it.
        originator: whose words it takes back.
        scopes: `EVERYBODY` for all of the originator's; parties for what nobody but they delivered. It only grows.
        told_by: the party that waits here for what becomes of it further on: its author, or else the first to tell of it
            that had delivered any of it. Empty while there is none.
        ours: whether this node issued it.
        own_too: of one that this node issued: whether its own record is destroyed with it.
        product, version: the product it takes back, or empty; None for every version.
        named: how many objects it names by id.
        label: of a restriction, the canonical bytes of the label that is joined.
        code, reason: why, as its author says.
        issued, deadline, at: microseconds UTC; `at` is when it became known here.
        state: how far it is done here.
        cursor: the last tombstone, or arrival, that was worked off.
        destroyed, restricted: objects so far.
        met: named things so far of which something was here.
        shares: the same by the party that had delivered it.
    """

    hash: bytes
    action: Action
    author: str
    originator: str
    scopes: tuple[str, ...]
    ours: bool
    product: str
    version: int | None
    named: int
    label: bytes
    code: str
    reason: str
    issued: int
    deadline: int
    at: int
    own_too: bool = False
    state: RecallState = RecallState.HIDING
    cursor: int = 0
    destroyed: int = 0
    restricted: int = 0
    met: int = 0
    shares: tuple[Share, ...] = ()
    told_by: str = ""

    @property
    def things(self) -> int:
        """How many things it names, a product or its deliveries being one."""
        return self.named or 1

    @property
    def not_held(self) -> int:
        """Named things of which nothing was here that its author's word reaches; 0 while it is under way."""
        return 0 if self.ours or self.state is not RecallState.DONE else max(0, self.things - self.met)

    def may_tell(self, party: str) -> bool:
        """Whether a party may be told all that became of it: these are its own words, by its own card."""
        return party == self.author == self.originator and EVERYBODY in self.scopes

    def share_of(self, party: str) -> Share:
        """What a party may be told: everything if these are its own words, else what came from it."""
        if self.may_tell(party):
            return Share(party=party, destroyed=self.destroyed, restricted=self.restricted, met=self.met)
        return next((share for share in self.shares if share.party == party), Share(party=party))

    def with_shares(self, more: Iterable[Share]) -> tuple[Share, ...]:
        """The shares after another step."""
        shares = {share.party: share for share in self.shares}
        for share in more:
            shares[share.party] = shares.get(share.party, Share(party=share.party)).plus(share, self.things)
        return tuple(shares.values())


class Asked(Struct, frozen=True, kw_only=True):
    """A party that was told of a recall, or that told of it.

    `answer` is the newest answer of whom it was told to, or the last one given to whoever told of it; empty while there
    is none.
    """

    party: str
    told_at: int
    answer: bytes = b""
    answered_at: int | None = None


class LegalHold(Struct, frozen=True, kw_only=True):
    """What is kept out of every reach instead of being destroyed, under a named legal ground and until a date.

    It covers the objects that it names by id, and those that came with its product. `until` is microseconds UTC.
    """

    id: bytes
    ground: str
    product: str
    objects: tuple[str, ...]
    until: int
    by: str
    at: int


class Retained(Struct, frozen=True, kw_only=True):
    """How much of a recall is held under one ground, and until when."""

    ground: str
    count: int
    until: int


class Undelivered(Struct, frozen=True, kw_only=True):
    """A leaf of one of this node's releases, by release id and position (None: every one), that was just taken back."""

    release: bytes
    position: int | None


class Struck(Struct, frozen=True, kw_only=True):
    """What one step of hiding did: the recall as it now stands, and where it may still be under way from here."""

    recall: KeptRecall
    more: bool
    undelivered: tuple[Undelivered, ...] = ()
