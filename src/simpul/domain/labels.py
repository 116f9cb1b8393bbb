"""Labels: the set of restrictions of an object, portion or product, and their join (design §6).

One type serves two uses. What *bytes* carry (TLP, statement, granular markings) is a restriction: a field that is
not stated is neutral, and the default `Label()` is the neutral element of `join`. What an *owner* sets is complete:
`complete()` replaces every permission that was not stated by "none", so that a forgotten line opens nothing.

`join` is associative, commutative and idempotent, and never widens an audience (law 5): lists of recipients are
a conjunction (be in every one), purposes intersect, restrictions unite, the earlier date and the higher TLP win.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import IntEnum
from typing import Final

import msgspec
from msgspec import Struct

from simpul.domain.parties import is_fingerprint
from simpul.errors import InputFault

MembersOf = Callable[[str], frozenset[str] | None]
"""Members (fingerprints) of a circle by its name; None for a circle that this node does not know."""


def no_circles(name: str) -> frozenset[str] | None:  # noqa: ARG001 (the shape of MembersOf)
    """A node that belongs to no circle knows the members of none."""
    return None


class Tlp(IntEnum):
    """TLP 2.0, from open to closed. TLP 1.0 WHITE is CLEAR; its RED, AMBER and GREEN keep their names."""

    CLEAR = 0
    GREEN = 1
    AMBER = 2
    AMBER_STRICT = 3
    RED = 4

    @property
    def word(self) -> str:
        """The name on every edge: `amber+strict`."""
        return _TLP_WORDS[self]


_TLP_WORDS: Final = {
    Tlp.CLEAR: "clear",
    Tlp.GREEN: "green",
    Tlp.AMBER: "amber",
    Tlp.AMBER_STRICT: "amber+strict",
    Tlp.RED: "red",
}
_TLP_BY_WORD: Final = {word: tlp for tlp, word in _TLP_WORDS.items()} | {
    "white": Tlp.CLEAR,
    "amber-strict": Tlp.AMBER_STRICT,
}


def parse_tlp(text: str) -> Tlp:
    """Read a TLP level: `amber`, `TLP:AMBER+STRICT`, or `white` of TLP 1.0. Case and spaces do not matter.

    Raises:
        InputFault: no level of TLP 1.0 or 2.0.
    """
    found = _TLP_BY_WORD.get(text.lower().replace(" ", "").removeprefix("tlp:"))
    if found is None:
        raise InputFault(
            f"'{text}' is not a TLP level",
            input="tlp",
            do="write clear, green, amber, amber+strict or red",
        )
    return found


class Classification(Struct, frozen=True, order=True):
    """One level of one national or common scheme, by name: ("XA", "RAHASIA"). Ranks live in agreements."""

    scheme: str
    level: str


class Onward(Struct, frozen=True):
    """What a recipient may do about passing it on.

    `none` forbids, whatever the rest says. Otherwise `consent` says the originator must be asked first, and `within`
    names circles that must all contain the next recipient. `Onward()` is free.
    """

    none: bool = False
    consent: bool = False
    within: frozenset[str] = frozenset()

    @property
    def words(self) -> str:
        """The rule in words: `none`, `free`, `consent`, `within <circle>`, `consent, within <circle>`."""
        if self.none:
            return "none"
        parts = ["consent"] if self.consent else []
        parts += [f"within {circle}" for circle in sorted(self.within)]
        return ", ".join(parts) or "free"


LAST_INSTANT: Final = 2**53 - 1
"""The latest date that a label or agreement can state, in microseconds UTC: in the year 2255."""

LABEL_EXTENT: Final = 48 * 1024
"""The longest label, by `extent`. It is beyond what people write, and within what is stored and sent."""

NO_ONWARD: Final = Onward(none=True)


class Label(Struct, frozen=True, kw_only=True):
    """Restrictions. Defaults are neutral: they restrict nothing and, for an owner, permit nothing by themselves.

    Attributes:
        tlp: the TLP level, if stated.
        classification: levels by name; all must be met. One label as written names one level a scheme; where two
            labels meet in one scheme both levels stay, since names alone do not say which is higher.
        handling: handling codes ("H0".."H3"), a set and not a rank.
        handling_text: handling instructions in words; they unite.
        releasable_to: a conjunction of lists of parties and circles: a recipient must be in every one. Empty
            conjunction: not stated. An empty list inside: nobody.
        not_releasable_to: parties and circles that must not get it; never sent (`view_for`).
        onward: the onward rule, if stated.
        purposes: purposes it may be used for, if stated.
        topics: subject topics; each must be covered by the agreement.
        compartments: compartments a recipient must be cleared for (an agreement lists them).
        expires: microseconds UTC from which on it is released to nobody, if stated.
        retention_days: days a recipient may keep it, if stated.
        obligations: duties that travel ("attribute: Copyright …", "action: internal only" …).
        unmapped: ids of markings in the bytes that this node cannot read; a label with any is released to nobody.
    """

    tlp: Tlp | None = None
    classification: frozenset[Classification] = frozenset()
    handling: frozenset[str] = frozenset()
    handling_text: frozenset[str] = frozenset()
    releasable_to: frozenset[frozenset[str]] = frozenset()
    not_releasable_to: frozenset[str] = frozenset()
    onward: Onward | None = None
    purposes: frozenset[str] | None = None
    topics: frozenset[str] = frozenset()
    compartments: frozenset[str] = frozenset()
    expires: int | None = None
    retention_days: int | None = None
    obligations: frozenset[str] = frozenset()
    unmapped: frozenset[str] = frozenset()


NEUTRAL: Final = Label()
"""The neutral element of `join`: restricts nothing. As an owner's whole label it permits nothing (`complete`)."""

NOBODY: Final[frozenset[str]] = frozenset()
"""A list of recipients with nobody on it."""


def extent(label: Label) -> int:
    """How long a label is: an upper bound of the bytes that its words take as JSON."""
    within = label.onward.within if label.onward else ()
    words = [
        *label.handling,
        *label.handling_text,
        *(name for names in label.releasable_to for name in names),
        *label.not_releasable_to,
        *within,
        *(label.purposes or ()),
        *label.topics,
        *label.compartments,
        *label.obligations,
        *label.unmapped,
        *(word for level in label.classification for word in (level.scheme, level.level)),
    ]
    return len(msgspec.json.encode(words)) + 4 * len(words)


def join(a: Label, b: Label) -> Label:
    """Both labels at once: whatever either forbids is forbidden (design §6).

    Associative, commutative and idempotent, with `NEUTRAL` as neutral element. Lists of recipients are a conjunction,
    purposes intersect, the higher TLP and the earlier date and shorter retention win, all else unites.
    """
    if a is b or b is NEUTRAL:
        return a
    if a is NEUTRAL:
        return b
    return Label(
        tlp=b.tlp if a.tlp is None else a.tlp if b.tlp is None else max(a.tlp, b.tlp),
        classification=a.classification | b.classification,
        handling=a.handling | b.handling,
        handling_text=a.handling_text | b.handling_text,
        releasable_to=a.releasable_to | b.releasable_to,
        not_releasable_to=a.not_releasable_to | b.not_releasable_to,
        onward=join_onward(a.onward, b.onward),
        purposes=_both(a.purposes, b.purposes),
        topics=a.topics | b.topics,
        compartments=a.compartments | b.compartments,
        expires=_earlier(a.expires, b.expires),
        retention_days=_earlier(a.retention_days, b.retention_days),
        obligations=a.obligations | b.obligations,
        unmapped=a.unmapped | b.unmapped,
    )


def join_all(labels: Iterable[Label]) -> Label:
    """The join of any number of labels; `NEUTRAL` for none."""
    joined = NEUTRAL
    for label in labels:
        joined = join(joined, label)
    return joined


def join_onward(a: Onward | None, b: Onward | None) -> Onward | None:
    """Both onward rules at once; None is neutral."""
    if a is None or b is None:
        return b if a is None else a
    return Onward(none=a.none or b.none, consent=a.consent or b.consent, within=a.within | b.within)


def dominates(a: Label, b: Label) -> bool:
    """Whether `a` is at least as strict as `b` in every respect, so that adding `b` to it changes nothing."""
    return join(a, b) == a


def complete(label: Label) -> Label:
    """An owner's label: every permission that it does not state is none (law 1).

    Not stated lists mean nobody, not stated purposes mean no purpose, a not stated onward rule means none. A label
    with neither TLP nor classification is unmarked and means nobody too, so that a marking found later in the bytes
    cannot open what the owner left unmarked (law 5). Completing twice changes nothing.
    """
    closed = not label.releasable_to or is_unmarked(label)
    return Label(
        tlp=label.tlp,
        classification=label.classification,
        handling=label.handling,
        handling_text=label.handling_text,
        releasable_to=label.releasable_to | {NOBODY} if closed else label.releasable_to,
        not_releasable_to=label.not_releasable_to,
        onward=NO_ONWARD if label.onward is None else label.onward,
        purposes=NOBODY if label.purposes is None else label.purposes,
        topics=label.topics,
        compartments=label.compartments,
        expires=label.expires,
        retention_days=label.retention_days,
        obligations=label.obligations,
        unmapped=label.unmapped,
    )


def is_unmarked(label: Label) -> bool:
    """Whether the label states neither a TLP nor a classification."""
    return label.tlp is None and not label.classification


def lists_party(names: frozenset[str], party: str, members_of: MembersOf = no_circles) -> bool:
    """Whether a list of parties and circles surely contains the party. A circle not known here contains nobody."""
    if party in names:
        return True
    for name in names:  # a plain loop: this runs several times for each of a thousand cold labels
        members = members_of(name)
        if members is not None and party in members:
            return True
    return False


def may_exclude(names: frozenset[str], party: str, members_of: MembersOf = no_circles) -> bool:
    """Whether an exclusion list contains the party, or may: a circle not known here may contain anybody."""
    if party in names:
        return True
    return any(_may_contain(name, party, members_of) for name in names)


def _may_contain(name: str, party: str, members_of: MembersOf) -> bool:
    members = members_of(name)
    return not is_fingerprint(name) if members is None else party in members


def is_listed(label: Label, recipient: str, members_of: MembersOf = no_circles) -> bool:
    """Whether the recipient is in every list of `releasable_to`. No list at all is not everybody: it is nobody."""
    lists = label.releasable_to
    return bool(lists) and all(lists_party(names, recipient, members_of) for names in lists)


def is_open_to(
    label: Label,
    recipient: str,
    members_of: MembersOf = no_circles,
    *,
    sender: str | None = None,
    originator: str | None = None,
) -> bool:
    """Whether the lists let the recipient in (spec/policy.md, "Passing on").

    The recipient is in every list. Where the sender passes on what another originated, one more thing is enough: a
    list of the sender alone is what its originator's view said to the sender, and not a word about others; for them
    the originator's onward rule speaks. Every other list, also an empty one, still binds.
    """
    if is_listed(label, recipient, members_of):
        return True
    if sender is None or originator in (None, sender) or not label.releasable_to:
        return False
    of_sender = frozenset({sender})
    return all(
        names == of_sender or lists_party(names, recipient, members_of) for names in label.releasable_to
    ) and (originator == recipient or admits_onward(label.onward, recipient, members_of))


def admits_onward(rule: Onward | None, recipient: str, members_of: MembersOf = no_circles) -> bool:
    """Whether an onward rule lets the recipient in at all; whether the originator must be asked is another question."""
    if rule is None or rule.none:
        return False
    return all(recipient in (members_of(circle) or ()) for circle in rule.within)


def view_for(
    label: Label,
    recipient: str,
    members_of: MembersOf = no_circles,
    *,
    sender: str | None = None,
    originator: str | None = None,
) -> Label:
    """What is sent of a label (design §6): it names nobody but the recipient, and is never wider than the label.

    `not_releasable_to` is left out. `releasable_to` becomes the recipient alone, or nobody where the lists do not let
    the recipient in (`is_open_to`) or it is excluded. An onward rule that was not stated becomes none. All else is
    exact.

    Args:
        label: the effective label, whole.
        recipient: who gets the view.
        members_of: the circles that the sender knows.
        sender: who sends it, where that may be another than the originator; None where it is the originator.
        originator: whose rules govern what is labelled; None where that is the sender.
    """
    open_to = is_open_to(label, recipient, members_of, sender=sender, originator=originator)
    excluded = may_exclude(label.not_releasable_to, recipient, members_of)
    return listed_view(label, recipient, listed=open_to and not excluded)


def listed_view(label: Label, recipient: str, *, listed: bool) -> Label:
    """The label with its lists replaced by the recipient alone (`listed`) or by nobody.

    Where the label excludes anybody, its onward rule is narrowed to consent: the view does not say who is excluded, so
    nobody who passes it on could heed that, and who is in a circle can change after it was sent.
    """
    return Label(
        tlp=label.tlp,
        classification=label.classification,
        handling=label.handling,
        handling_text=label.handling_text,
        releasable_to=frozenset({frozenset({recipient}) if listed else NOBODY}),
        onward=_sent_onward(label),
        purposes=NOBODY if label.purposes is None else label.purposes,
        topics=label.topics,
        compartments=label.compartments,
        expires=label.expires,
        retention_days=label.retention_days,
        obligations=label.obligations,
        unmapped=label.unmapped,
    )


def _sent_onward(label: Label) -> Onward:
    rule = label.onward
    if rule is None or rule.none:
        return NO_ONWARD
    return Onward(consent=True, within=rule.within) if label.not_releasable_to else rule


def describe(
    label: Label,
    *,
    name_of: Callable[[str], str] = str,
    date_of: Callable[[int], str] = str,
) -> str:
    """The label in one line for a person: `TLP:AMBER; XA RAHASIA; to Borealia; purposes …; onward none`.

    Args:
        label: what to describe. What it does not state is not mentioned.
        name_of: the name of a party or circle.
        date_of: microseconds UTC as a date.
    """
    parts: list[str] = []
    if label.tlp is not None:
        parts.append(f"TLP:{label.tlp.word.upper()}")
    parts += [f"{c.scheme} {c.level}" for c in sorted(label.classification)]
    parts += sorted(label.handling)
    parts += [f"handling: {text}" for text in sorted(label.handling_text)]
    parts += sorted(_recipients(names, name_of) for names in label.releasable_to)
    parts += _listing("not to", map(name_of, label.not_releasable_to))
    if label.purposes is not None:
        parts += _listing("purposes", label.purposes) or ["no purpose"]
    parts += _listing("topics", label.topics)
    parts += _listing("compartments", label.compartments)
    if label.onward is not None:
        parts.append(f"onward {label.onward.words}")
    if label.expires is not None:
        parts.append(f"until {date_of(label.expires)}")
    if label.retention_days is not None:
        parts.append(f"kept {label.retention_days} days at most")
    parts += sorted(label.obligations)
    parts += _listing("unreadable markings", label.unmapped)
    return "; ".join(parts) or "says nothing"


def _recipients(names: frozenset[str], name_of: Callable[[str], str]) -> str:
    return "to " + ", ".join(sorted(map(name_of, names))) if names else "to nobody"


def _listing(word: str, names: Iterable[str]) -> list[str]:
    listed = ", ".join(sorted(names))
    return [f"{word} {listed}"] if listed else []


def _both(a: frozenset[str] | None, b: frozenset[str] | None) -> frozenset[str] | None:
    if a is None or b is None:
        return b if a is None else a
    return a & b


def _earlier(a: int | None, b: int | None) -> int | None:
    if a is None or b is None:
        return b if a is None else a
    return min(a, b)
