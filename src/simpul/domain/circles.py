"""Circles: groups of parties under a charter, and how a charter follows the one before (spec/circles.md).

A charter is terms (an `Agreement` whose parties are the circle's direct members) together with a membership: who must
sign a change, which circles are members, and of which circles it is one. Every change raises the epoch. Two things
change a circle: a further charter, signed by a threshold of the members before it; and a *leave*, signed by the one who
leaves alone, which takes effect at once. `Circle` is what both together come to at one node.

    follows(known, next, signed_by)   why a charter does not follow the one in force; nothing where it does
    members(name, known)              everybody in a circle, those of its member circles too; None where not known
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from enum import Enum, StrEnum
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from simpul.domain import agreements
from simpul.domain.agreements import Agreement
from simpul.domain.blind import PADDED
from simpul.domain.parties import is_fingerprint
from simpul.errors import InputFault

MEMBERS_MOST: Final = 128
"""Direct members of a circle, at most."""

CIRCLES_MOST: Final = 32
"""Member circles of a circle, at most."""

DEPTH: Final = 8
"""How deep circles may stand in circles."""

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{1,62}")


class MemberCircle(Struct, frozen=True, kw_only=True, order=True):
    """A circle that is a member of another: its name, and the hash of its charter when it became one.

    The hash says which circle is meant, to those who are not in it: its later epochs must follow from that charter.
    """

    name: str
    charter: bytes


class Charter(Struct, frozen=True, kw_only=True):
    """One epoch of a circle.

    Attributes:
        terms: what the members may exchange. Its `id` is the circle's name, its `version` the epoch, its `parties`
            the direct members.
        threshold: signatures of members of the epoch before that the next one needs: more than half of the members.
        convener: the direct member who carries charters to those who cannot reach each other.
        previous: SHA-256 of the charter before; empty for the first.
        left: parties that have left since the charter before, sorted. One that is a member again has joined anew.
        circles: member circles by name, sorted. Their members are members too.
        within: names of circles that this one consents to be a member of, sorted.
        dissolved: the circle ends with this epoch; then it has no members, whoever is named.
        blind: its members are pseudonyms that do not learn who the others are. Its convener, who is none of them,
            knows, and signs its charters alone (`domain.blind`).
    """

    terms: Agreement
    threshold: int
    convener: str
    previous: bytes = b""
    left: tuple[str, ...] = ()
    circles: tuple[MemberCircle, ...] = ()
    within: tuple[str, ...] = ()
    dissolved: bool = False
    blind: bool = False

    @property
    def id(self) -> str:
        """The circle's name."""
        return self.terms.id

    @property
    def epoch(self) -> int:
        """Counts from 1; a charter counts the leaves since the one before as epochs of their own."""
        return self.terms.version

    @property
    def members(self) -> tuple[str, ...]:
        """Direct members, sorted."""
        return self.terms.parties


class Leave(Struct, frozen=True, kw_only=True):
    """A party's word that it is no longer in a circle: `charter` is the hash of the epoch that it leaves."""

    circle: str
    charter: bytes
    party: str
    at: int


class Circle(Struct, frozen=True, kw_only=True):
    """A circle as a node knows it: the newest charter in force, its hash, and who has left since."""

    charter: Charter
    hash: bytes
    left: frozenset[str] = frozenset()

    @property
    def epoch(self) -> int:
        """The charter's epoch, and one more for each who has left since."""
        return self.charter.epoch + len(self.left)

    @property
    def direct(self) -> frozenset[str]:
        """Direct members who are still in it."""
        return frozenset() if self.charter.dissolved else frozenset(self.charter.members) - self.left


class Place(Enum):
    """Where a charter stands against the newest one in force."""

    AHEAD = "ahead"
    NEWEST = "newest"
    BEHIND = "behind"


class CircleState(StrEnum):
    """Where one epoch of a circle stands for this node. `left`: this node is no longer in the circle."""

    PROPOSED = "proposed"
    IN_FORCE = "in-force"
    SUPERSEDED = "superseded"
    DISSOLVED = "dissolved"
    LEFT = "left"


# By where it stands, whether it ends the circle, and whether this node is out.
_STATES: Final = {
    (Place.AHEAD, False, False): CircleState.PROPOSED,
    (Place.AHEAD, True, False): CircleState.PROPOSED,
    (Place.AHEAD, False, True): CircleState.PROPOSED,
    (Place.AHEAD, True, True): CircleState.PROPOSED,
    (Place.NEWEST, False, False): CircleState.IN_FORCE,
    (Place.NEWEST, True, False): CircleState.DISSOLVED,
    (Place.NEWEST, False, True): CircleState.LEFT,
    (Place.NEWEST, True, True): CircleState.LEFT,
    (Place.BEHIND, False, False): CircleState.SUPERSEDED,
    (Place.BEHIND, True, False): CircleState.SUPERSEDED,
    (Place.BEHIND, False, True): CircleState.SUPERSEDED,
    (Place.BEHIND, True, True): CircleState.SUPERSEDED,
}


def state(place: Place, *, dissolved: bool, left: bool) -> CircleState:
    """The state of one epoch: where it stands, whether it ends the circle, whether this node is out of it."""
    return _STATES[place, dissolved, left]


# What a charter must be by itself.


def is_circle_name(text: str) -> bool:
    """Whether a text can name a circle: a word of small letters, digits and hyphens that is no fingerprint."""
    return bool(_NAME.fullmatch(text)) and not is_fingerprint(text)


def faults(charter: Charter) -> list[str]:
    """Everything that makes a charter unfit to be signed, each as `<path>: <what is wrong>`; none if it is fit."""
    return [
        *_name_faults(charter),
        *(_blind_faults(charter) if charter.blind else _membership_faults(charter)),
        *_epoch_faults(charter),
        *agreements.faults(charter.terms),
    ]


def check(charter: Charter) -> None:
    """Refuse a charter that nobody should sign.

    Raises:
        InputFault: lists every fault.
    """
    found = faults(charter)
    if found:
        raise InputFault(
            f"the charter cannot be signed as it is: {'; '.join(found)}",
            input=charter.id or "charter",
            where=found[0].partition(":")[0],
            do="mend it and propose it again",
        )


def _name_faults(charter: Charter) -> Iterator[str]:
    if not is_circle_name(charter.id):
        yield f"id: '{charter.id}' is not a word of small letters, digits and hyphens"
    named = [circle.name for circle in charter.circles]
    for key, names in (("circles", named), ("within", list(charter.within))):
        if names != sorted(set(names)):
            yield f"{key}: are not sorted, or one is named twice"
        if charter.id in names:
            yield f"{key}: a circle cannot be a member of itself"
        yield from (f"{key}: '{name}' cannot name a circle" for name in names if not is_circle_name(name))
    for name in sorted(set(named) & set(charter.within)):
        yield f"circles: {name} cannot be both a member of this circle and one that it is a member of"
    if len(named) > CIRCLES_MOST or len(charter.within) > CIRCLES_MOST:
        yield f"circles: more than {CIRCLES_MOST}"


def _membership_faults(charter: Charter) -> Iterator[str]:
    count = len(charter.members)
    if count > MEMBERS_MOST:
        yield f"parties: more than {MEMBERS_MOST}"
    if not count < 2 * charter.threshold <= 2 * count:
        yield f"threshold: {charter.threshold} is not more than half of the {count} members, and at most all"
    if charter.convener not in charter.members:
        yield "convener: is not one of the parties"
    if any(len(circle.charter) != 32 for circle in charter.circles):
        yield "circles: a member circle without the hash of its charter"


def _blind_faults(charter: Charter) -> Iterator[str]:
    if len(charter.members) not in PADDED:
        yield f"parties: a blind circle names {', '.join(map(str, PADDED))} members, dummies among them"
    if charter.convener in charter.members or not is_fingerprint(charter.convener):
        yield "convener: of a blind circle is a party that is none of its pseudonyms"
    if charter.threshold != 1:
        yield "threshold: of a blind circle is 1: its convener signs alone"
    if charter.circles or charter.within:
        yield "circles: a blind circle is in no other, and no other in it"
    if charter.terms.onward.within - {charter.id}:
        yield "onward: of a blind circle names no other circle"


def _epoch_faults(charter: Charter) -> Iterator[str]:
    if list(charter.left) != sorted(set(charter.left)) or not all(map(is_fingerprint, charter.left)):
        yield "left: are not fingerprints, sorted and each once"
    if charter.epoch < 2 and (charter.previous or charter.left or charter.dissolved):
        yield "previous: the first charter has none before it, and ends nothing"
    if charter.epoch > 1 and len(charter.previous) != 32:
        yield "previous: is not the hash of the charter before"


# How one charter follows another.


def joining(known: Charter, next: Charter) -> frozenset[str]:
    """Direct members of the next epoch who must sign it: those who were not in the epoch before, or had left it."""
    return frozenset(next.members) - (frozenset(known.members) - frozenset(next.left))


def voters(known: Charter, next: Charter) -> frozenset[str]:
    """Whose signatures count towards the threshold: the members before, without those who have left since."""
    return frozenset(known.members) - frozenset(next.left)


def needed(known: Charter, next: Charter) -> int:
    """How many voters must sign.

    The threshold; where somebody is removed, never more than all but one, so that whoever is to be removed cannot
    prevent it by not signing.
    """
    entitled = voters(known, next)
    removes = bool(entitled - frozenset(next.members))
    return max(1, min(known.threshold, len(entitled) - removes))


def follows(known: Charter, hash: bytes, next: Charter, signed_by: Collection[str]) -> list[str]:
    """Why a charter does not follow the one that is in force; nothing where it does.

    All of it can be told from the two charters and the signatures alone, so that every node comes to the same answer.

    Args:
        known: the charter in force, and
        hash: its SHA-256.
        next: the later one.
        signed_by: fingerprints whose signatures over the later one verified.
    """
    signed = frozenset(signed_by)
    found = []
    if next.id != known.id or next.previous != hash:
        found.append("previous: it does not follow the charter that is in force")
    if known.dissolved:
        found.append("previous: the circle was dissolved")
    if next.epoch != known.epoch + len(next.left) + 1:
        found.append(f"epoch: {known.epoch + len(next.left) + 1} would follow")
    if not frozenset(next.left) <= frozenset(known.members):
        found.append("left: names a party that was no member")
    if known.blind != next.blind:
        found.append("blind: a circle stays blind, or open")
    elif next.blind:
        return [*found, *_unsigned_blind(known, next, signed)]
    waiting = joining(known, next) - signed
    if waiting and not next.dissolved:
        found.append(f"signatures: {len(waiting)} who would join have not signed")
    missing = needed(known, next) - len(voters(known, next) & signed)
    if missing > 0:
        found.append(f"signatures: {missing} more of the members before are needed")
    return found


def _unsigned_blind(known: Charter, next: Charter, signed: frozenset[str]) -> Iterator[str]:
    """Members cannot deliberate without learning of each other: the convener that they enrolled with signs alone."""
    if next.convener != known.convener:
        yield "convener: of a blind circle it stays the same"
    if known.convener not in signed:
        yield "signatures: the convener has not signed"


def still_out(charter: Charter, leaves: Mapping[str, int], chain: Collection[Charter]) -> frozenset[str]:
    """Which of a charter's members have left: the leave holds until a later charter in force takes note of it.

    Args:
        charter: the newest in force.
        leaves: by party, the epoch of the charter that it left.
        chain: every charter of the circle that is or was in force here.
    """
    noted = {
        party
        for each in chain
        for party in each.left
        if party in leaves and leaves[party] < each.epoch <= charter.epoch
    }
    return frozenset(charter.members) & frozenset(leaves) - noted


# Who is in it.


def members(name: str, known: Mapping[str, Circle], *, _path: tuple[str, ...] = ()) -> frozenset[str] | None:
    """Everybody in a circle, those of its member circles too.

    None where it cannot be said: the circle, or one of its member circles, is not known here or was dissolved, or the
    circles stand in a ring, or deeper than `DEPTH`. Unknown closes: nobody is let in, and anybody may be excluded. A
    member circle whose own charter does not consent (`within`) adds nobody.
    """
    circle = known.get(name)
    if circle is None or circle.charter.dissolved or name in _path or len(_path) == DEPTH:
        return None
    found = circle.direct
    for inner in circle.charter.circles:
        nested = known.get(inner.name)
        if nested is not None and name not in nested.charter.within:
            continue
        below = members(inner.name, known, _path=(*_path, name))
        if below is None:
            return None
        found |= below
    return found


def with_inner(names: Collection[str], known: Mapping[str, Circle]) -> frozenset[str]:
    """These circles and all that stand in them, known here or not."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [inner.name for inner in known[name].charter.circles] if name in known else []
    return frozenset(found)


def makes_ring(charter: Charter, known: Mapping[str, Circle]) -> bool:
    """Whether the circles would stand in a ring if this charter came into force."""
    below = with_inner([circle.name for circle in charter.circles], known)
    return charter.id in below


def as_agreement(charter: Charter, parties: Collection[str], *, not_after: int | None = None) -> Agreement:
    """The terms as an agreement between these parties.

    `not_after` is when the epoch ended for whoever asks (microseconds UTC), or None while it is the newest.
    """
    ends = charter.terms.not_after if not_after is None else min(charter.terms.not_after, not_after)
    return replace(charter.terms, parties=tuple(sorted(parties)), not_after=ends)
