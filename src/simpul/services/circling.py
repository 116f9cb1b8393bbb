"""What the circles known here say to a decision: who is in them, under which terms, and who must first catch up.

    members_of(unit)                       everybody in a circle, by its newest charter in force here
    charter_agreements(unit, me, partner)  the charters under which the two may exchange
    by_hash(unit, hash)                    the terms of one epoch; an older one ends when the next came into force here
    Epochs(unit, me, partner)              the denial `circle.epoch`, where the recipient may act on another epoch, and
                                           `circle.blind-label`, where a label names somebody in a blind circle
    digest(unit)                           what an approval is void by, when any circle changed

How charters come, are signed and come into force is in `services.chartering`; spec/circles.md has the rules.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from simpul.domain.agreements import Agreement
from simpul.domain.blind import named
from simpul.domain.circles import Charter, Circle, as_agreement, members, still_out, with_inner
from simpul.domain.labels import Label, MembersOf, join_onward, no_circles
from simpul.domain.parties import is_fingerprint
from simpul.domain.policy import Outcome, Reason
from simpul.errors import NotFound
from simpul.ports import Unit
from simpul.protocol.blind import EXCLUSION, decode_exclusion
from simpul.protocol.canonical import Bytes32, Hex, Wire, decode, encode
from simpul.protocol.charters import KIND, LEAVE_KIND, decode_charter, decode_leave
from simpul.protocol.documents import parse_document

BLIND_LABEL: Final = "circle.blind-label"
"""The clause by which nothing is released in a blind circle under a label that names or excludes anybody."""

EPOCH: Final = "circle.epoch"
"""The clause by which nothing is released to a party that has not said that it holds the newest epoch."""

_CIRCLES: Final = "circles"


class Standing(Wire, frozen=True, kw_only=True):
    """What is kept of a circle beside its documents.

    Attributes:
        charters: hashes of the charters that came into force here, oldest first.
        since: when each did, microseconds UTC.
        out: since which epoch this node is no longer in it; 0 while it is.
        said: members that said that it is no longer in it.
    """

    charters: tuple[Bytes32, ...] = ()
    since: tuple[int, ...] = ()
    out: int = 0
    said: tuple[str, ...] = ()


class Held(Wire, frozen=True, kw_only=True):
    """What a party said at a time that it holds of a circle; `charter` is empty where it is out of it."""

    epoch: int
    at: int
    charter: Hex = b""
    left: tuple[str, ...] = ()


class Link(Struct, frozen=True, kw_only=True):
    """One charter that came into force here, its hash, and when it did (microseconds UTC)."""

    charter: Charter
    hash: bytes
    since: int


class Known(Struct, frozen=True, kw_only=True):
    """One circle as known here: where it stands, every charter that was in force, and whether this node is out."""

    circle: Circle
    chain: tuple[Link, ...]
    out: int

    def was_in(self, party: str) -> bool:
        """Whether the party is or was a direct member, as far as known here."""
        return any(party in link.charter.members for link in self.chain)


def standings(unit: Unit) -> dict[str, Standing]:
    """What is kept of each circle, by name."""
    stored = unit.directory.get(_CIRCLES)
    return decode(stored, dict[str, Standing]) if stored else {}


def keep_standing(unit: Unit, name: str, standing: Standing) -> None:
    """Keep it in place of what was kept before."""
    unit.directory.put(_CIRCLES, encode({**standings(unit), name: standing}))


def circles(unit: Unit) -> dict[str, Known]:
    """Every circle of which a charter came into force here."""
    kept = standings(unit)
    return {name: _known(unit, name, standing) for name, standing in kept.items() if standing.charters}


def _known(unit: Unit, name: str, standing: Standing) -> Known:
    by_hash = {row.hash: row for row in unit.directory.signed(KIND, id=name)}
    chain = tuple(
        Link(charter=charter_of(by_hash[hash].document), hash=hash, since=since)
        for hash, since in zip(map(bytes, standing.charters), standing.since, strict=True)
    )
    newest = chain[-1]
    left = still_out(newest.charter, leaves(unit, name), [link.charter for link in chain])
    circle = Circle(charter=newest.charter, hash=newest.hash, left=left)
    return Known(circle=circle, chain=chain, out=standing.out)


def leaves(unit: Unit, name: str) -> dict[str, int]:
    """By party, the epoch of the newest charter that it left."""
    rows = [row for row in unit.directory.signed(LEAVE_KIND) if leave_circle(row.document) == name]
    return {party: max(r.version for r in rows if r.party == party) for party in {r.party for r in rows}}


@lru_cache(maxsize=1024)
def charter_of(document: bytes) -> Charter:
    """The charter of a stored document, which was verified when it came."""
    return decode_charter(parse_document(document).payload)


@lru_cache(maxsize=1024)
def leave_circle(document: bytes) -> str:
    """The circle that a stored leave is about."""
    return decode_leave(parse_document(document).payload).circle


def pinned(unit: Unit) -> set[bytes]:
    """Charters that circles in force here name by their hashes, as member circles."""
    known = circles(unit).values()
    return {inner.charter for each in known for link in each.chain for inner in link.charter.circles}


# For decisions.


def members_of(unit: Unit) -> MembersOf:
    """Who is in a circle: by its newest charter in force here, with its member circles.

    None for a circle that is not known here, was dissolved, or that this node is no longer in: what it knew of it may
    be out of date.
    """
    known = _open(circles(unit))
    if not known:
        return no_circles
    found: dict[str, frozenset[str] | None] = {}

    def look(name: str) -> frozenset[str] | None:
        if name not in found:
            found[name] = None if is_fingerprint(name) else members(name, known)
        return found[name]

    return look


def _open(known: dict[str, Known]) -> dict[str, Circle]:
    return {name: each.circle for name, each in known.items() if not each.out}


def charter_agreements(unit: Unit, me: str, partner: str) -> list[tuple[Agreement, bytes]]:
    """The newest charters in force of every circle that both are in, as terms and hash; the newest first."""
    known = circles(unit)
    inside = _open(known)
    found = []
    for name, each in known.items():
        everybody = members(name, inside)
        if everybody is not None and {me, partner} <= everybody:
            newest = each.chain[-1]
            found.append((newest.since, as_agreement(newest.charter, everybody), newest.hash))
    return [(terms, hash) for _, terms, hash in sorted(found, key=lambda each: each[0], reverse=True)]


def by_hash(unit: Unit, hash: bytes, *, then: bool = False) -> tuple[Agreement, bytes] | None:
    """The terms of one epoch of a circle, if it is or was in force here.

    An older epoch ended when the next came into force here, and holds only between those who are still members: a
    message under it that was decided before may still be on its way, one by a party that is out never counts. With
    `then` it holds between all who were members, as for a decision of that time that is computed again.
    """
    known = circles(unit)
    for name, each in known.items():
        for place, link in enumerate(each.chain):
            if link.hash == hash:
                later = each.chain[place + 1 : place + 2]
                everybody = _members_then(known, name, link)
                if not then:
                    everybody &= members(name, _open(known)) or frozenset()
                ended = later[0].since if later else None
                return as_agreement(link.charter, everybody, not_after=ended), hash
    return None


def _members_then(known: dict[str, Known], name: str, link: Link) -> frozenset[str]:
    then = Circle(charter=link.charter, hash=link.hash)
    return members(name, {**_open(known), name: then}) or frozenset()


def fell_out(unit: Unit, hash: bytes, party: str) -> bool:
    """Whether what waits for a party under the charter with this hash may not go any more: one of the two is out."""
    known = circles(unit)
    names = [name for name, each in known.items() if any(link.hash == hash for link in each.chain)]
    return any(party not in (members(name, _open(known)) or ()) for name in names)


def is_newest(unit: Unit, hash: bytes) -> bool:
    """Whether the charter with this hash is the newest in force here of a circle that this node is in."""
    return any(each.circle.hash == hash and not each.out for each in circles(unit).values())


def digest(unit: Unit) -> bytes:
    """SHA-256 over where every circle stands; empty where none is known. An approval is void once it differs."""
    known = circles(unit)
    if not known:
        return b""
    stands = {
        name: [each.circle.hash.hex(), str(each.out), *sorted(each.circle.left)]
        for name, each in sorted(known.items())
    }
    return hashlib.sha256(encode(stands)).digest()


def name_of(unit: Unit, text: str) -> str:
    """The circle that a person names, for labels. Raises `NotFound` for one that is not in force here."""
    known = circles(unit).get(text)
    if known is None or known.out or known.circle.charter.dissolved:
        raise NotFound(f"no circle '{text}' is in force here", input=text, do="see `simpul circle list`")
    return text


# Who must first catch up.


class Epochs:
    """Whether a partner may act on another epoch of a circle than the newest one here; for one unit's block.

    It concerns the circle whose charter decides, and the circles within which the label or the terms let the partner
    pass something on, with all that stand in them. Whoever is or was in one of them, or in a circle beside it, must
    have said that it holds the very epoch that is in force here, or that it knows itself out.
    """

    def __init__(self, unit: Unit, me: str, partner: str) -> None:
        self._unit = unit
        self._me = me
        self._partner = partner
        self._known = circles(unit)
        self._found: dict[frozenset[str], Reason | None] = {}
        self._blind = {n: attested(unit, k) for n, k in self._known.items() if k.circle.charter.blind}

    def reason(self, label: Label, terms: Agreement | None) -> Reason | None:
        """The denial `circle.blind-label` or `circle.epoch`, or None where nothing stands against it."""
        names_somebody = self._blind_label(label, terms)
        if names_somebody is not None:
            return names_somebody
        onward = join_onward(label.onward, terms.onward if terms else None)
        within = onward.within if onward and not onward.none else frozenset()
        names = frozenset((within | ({terms.id} if terms else set())) & self._known.keys())
        if names not in self._found:
            self._found[names] = self._reason(names)
        return self._found[names]

    def _blind_label(self, label: Label, terms: Agreement | None) -> Reason | None:
        for name, lists in self._blind.items():
            if (terms is not None and terms.id == name) or _is_named(label, name):
                field = named(label, name, lists | self._alone(name))
                if field:
                    return Reason(
                        clause=BLIND_LABEL,
                        outcome=Outcome.DENY,
                        why=f"the label's {field} names somebody beside the blind circle {name}",
                        change=f"name {name} alone, or a list of `simpul circle exclude` for its newest charter",
                    )
        return None

    def _alone(self, name: str) -> frozenset[frozenset[str]]:
        direct = self._known[name].circle.direct
        return frozenset(frozenset({party}) for party in (self._me, self._partner) if party in direct)

    def _reason(self, names: frozenset[str]) -> Reason | None:
        for name in sorted(with_inner(names, _all(self._known)) & self._known.keys()):
            why = _behind(self._unit, self._known, name, self._me, self._partner)
            if why:
                change = "wait until both have synced; see `simpul circle show`"
                return Reason(clause=EPOCH, outcome=Outcome.DENY, why=why, change=change)
        return None


def _is_named(label: Label, circle: str) -> bool:
    lists = [*label.releasable_to, label.not_releasable_to, label.onward.within if label.onward else ()]
    return any(circle in each for each in lists)


def attested(unit: Unit, known: Known) -> frozenset[frozenset[str]]:
    """The lists of a blind circle's members that its convener attested for its charter in force here."""
    documents = [
        decode_exclusion(parse_document(row.document).payload) for row in unit.directory.signed(EXCLUSION)
    ]
    return frozenset(frozenset(each.releasable) for each in documents if each.charter == known.circle.hash)


def _behind(unit: Unit, known: dict[str, Known], name: str, me: str, partner: str) -> str:
    each = known[name]
    told = partner in _audience(known, name) or any(k.was_in(partner) for k in _beside(known, name))
    if each.out or partner == me or not told:
        return ""
    if partner in each.circle.left:
        return ""  # its own word says that it is out
    held = held_by(unit, name, partner)
    if held is not None and _same(held, each.circle):
        return ""
    if held is not None and not held.charter and partner not in _audience(known, name):
        return ""  # it said that it knows itself out
    if held is not None and held.epoch > each.circle.epoch:
        return f"the recipient holds epoch {held.epoch} of {name}, and this node only {each.circle.epoch}"
    return f"the recipient has not yet said that it holds epoch {each.circle.epoch} of {name}"


def _same(held: Held, circle: Circle) -> bool:
    return held.charter == circle.hash and frozenset(held.left) == circle.left


def _around(known: dict[str, Known], name: str) -> list[str]:
    """A circle, and every circle known here that it stands in, at any depth."""
    every = _all(known)
    return [name, *(other for other in known if other != name and name in with_inner([other], every))]


def _beside(known: dict[str, Known], name: str) -> list[Known]:
    """A circle, those that it stands in, and all that stand in these: who was in one was told of it."""
    return [known[each] for each in with_inner(_around(known, name), _all(known)) if each in known]


def _all(known: dict[str, Known]) -> dict[str, Circle]:
    return {name: each.circle for name, each in known.items()}


def _audience(known: dict[str, Known], name: str) -> frozenset[str]:
    """Everybody who is to have the charters of a circle: its members, and those of the circles that it stands in."""
    found: set[str] = set()
    inside = _open(known)
    for each in _around(known, name):
        found |= members(each, inside) or known[each].circle.direct
        found |= conveners(known[each].circle.charter)
    return frozenset(found)


def conveners(charter: Charter) -> frozenset[str]:
    """The convener of a blind circle, who is not in it but carries its charters; nobody of another circle."""
    return frozenset({charter.convener}) if charter.blind else frozenset()


def inside(known: dict[str, Known], name: str) -> frozenset[str]:
    """A circle and those that stand in it, as far as known here."""
    return with_inner([name], _all(known)) & known.keys()


def audience(unit: Unit, name: str) -> frozenset[str]:
    """Everybody who is to have the charters of a circle: its members, and those of the circles that it stands in."""
    return _audience(circles(unit), name)


def held_by(unit: Unit, name: str, party: str) -> Held | None:
    """What a party last said that it holds of a circle."""
    stored = unit.directory.get(f"circle-held:{name}:{party}")
    return decode(stored, Held) if stored else None


def keep_held(unit: Unit, name: str, party: str, held: Held) -> None:
    """Keep what a party said last, by its own clock: messages come in any order, and a home can be an old copy."""
    before = held_by(unit, name, party)
    if before is None or held.at >= before.at:
        unit.directory.put(f"circle-held:{name}:{party}", encode(held))


def waiting_for(unit: Unit, name: str, me: str) -> list[str]:
    """Members that have not said that they hold what is in force here."""
    known = circles(unit)
    return sorted(
        party
        for party in _audience(known, name) - {me}
        if (held := held_by(unit, name, party)) is None or not _same(held, known[name].circle)
    )


def out_of(unit: Unit, name: str, epoch: int) -> None:
    """This node is no longer in a circle since an epoch."""
    keep_standing(unit, name, replace(standings(unit).get(name, Standing()), out=epoch, said=()))


def who_said(unit: Unit, name: str, party: str) -> Collection[str]:
    """Note that a member said that this node is no longer in a circle; returns all who have."""
    standing = standings(unit).get(name, Standing())
    said: Iterable[str] = {*standing.said, party}
    keep_standing(unit, name, replace(standing, said=tuple(sorted(said))))
    return tuple(said)
