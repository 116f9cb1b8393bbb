"""Blind circles: members that know each other by pseudonyms alone, and a convener who knows who is who (spec/circles.md).

A pseudonym is a party of its own, with its own keys and its own home. What is here is what makes one look like another:
one form of name, one country, coarse dates, a padded number of members; and the rule that no label there names anybody.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from msgspec import Struct

from simpul.domain.labels import Label

PADDED: Final = (8, 16, 32, 64, 128)
"""How many members the charter of a blind circle may name."""

COUNTRY: Final = "ZZ"
"""The country on a pseudonym's card: a user-assigned code that is nobody's."""

DATED: Final = 28 * 86_400 * 1_000_000
"""Microseconds to which the dates on a pseudonym's card are rounded down, so that cards of one month look alike."""

WITHHELD: Final = 2
"""Members that an exclusion leaves out: whom it concerns, if it is in, and others."""


class Enrolment(Struct, frozen=True, kw_only=True):
    """A pseudonym's word, for the convener alone, that it asks to be in a circle. It names no real party."""

    circle: str
    convener: str
    party: str


class Certificate(Struct, frozen=True, kw_only=True):
    """The convener's word, since a day (microseconds UTC), that a pseudonym may be in a circle; charters say who is in."""

    circle: str
    convener: str
    party: str
    since: int


class Exclusion(Struct, frozen=True, kw_only=True):
    """The convener's word: no pseudonym on this list belongs to the party that `asked` (16 bytes of the asker's) was about.

    Attributes:
        circle, charter: the circle, and the hash of the charter whose members were looked at.
        convener: who says so.
        releasable: pseudonyms, sorted. Who is missing from them is at least `WITHHELD`, so that the list alone does
            not tell whom it concerns.
        asked: the request that it answers. The party itself is not named.
    """

    circle: str
    charter: bytes
    convener: str
    releasable: tuple[str, ...]
    asked: bytes


def padded(members: int) -> int:
    """How many members a charter names that has so many real ones; the largest of `PADDED` at most."""
    return next((size for size in PADDED if size >= members), PADDED[-1])


def dated(at: int) -> int:
    """A time as it stands on a pseudonym's card."""
    return at - at % DATED


def pseudonym_name(party: str) -> str:
    """The name of a pseudonym: the beginning of its fingerprint, and nothing that anybody chose."""
    return f"member {party[:8]}"


def is_pseudonym(party: str, name: str, country: str) -> bool:
    """Whether a card looks as a pseudonym's must."""
    return (name, country) == (pseudonym_name(party), COUNTRY)


def named(label: Label, circle: str, listed: Collection[frozenset[str]]) -> str:
    """The field of a label that names or excludes anybody in or around a blind circle; empty where none does.

    The circle itself may be named, and whole lists in `listed`: those that its convener attested for its newest charter,
    and the recipient or the sender alone, which is what a recipient sees of any list.
    """
    only = frozenset({circle})
    if any(each - only and each not in listed for each in label.releasable_to):
        return "releasable_to"
    if label.not_releasable_to - only:
        return "not_releasable_to"
    if label.onward is not None and label.onward.within - only:
        return "onward"
    return ""


def left_out(
    subject: str, asker: str, real: Iterable[str], order: Mapping[str, bytes]
) -> frozenset[str] | None:
    """Who is left out of an attested list; None where too few are in the circle to hide whom it concerns.

    Others are left out whether the subject is in or not, so that the answer looks alike. They are real members: one
    that never answers would be known for a dummy, and whoever is left out with it for the subject.

    Args:
        subject: the pseudonym of the party that is to be excluded; empty if it has none in the circle.
        asker: the pseudonym that asked. It is never left out.
        real: pseudonyms of real members.
        order: by pseudonym, bytes that rank the others: drawn from a secret of the convener for this circle and party,
            so that asking again gives the same answer.
    """
    others = sorted(set(real) - {subject, asker}, key=lambda each: order[each])
    wanted = WITHHELD - bool(subject)
    if len(others) <= wanted:
        return None
    return frozenset(others[:wanted]) | (frozenset({subject}) if subject else frozenset())
