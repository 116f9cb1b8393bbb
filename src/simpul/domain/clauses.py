"""The clauses of a decision, in the order in which they are walked.

Every clause is a function of one `Question` and gives one `Reason`; what is missing or unknown is denied. One that is
added later is one more function at the end of `AGREEMENT_CLAUSES` or `OVERLAY_CLAUSES`; the rules of a national overlay
(`domain.overlays`) are walked behind them.

Law 5 holds clause by clause: whatever is joined to a complete label, no clause becomes milder, but for `label.unmarked`;
there the list of nobody that `complete` gives an unmarked label goes on to deny. spec/policy.md says in words what each
clause reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import IntEnum
from typing import Final

from msgspec import Struct

from simpul.domain.agreements import (
    Agreement,
    Phase,
    Reservation,
    covers,
    halted,
    phase,
    rows_for,
)
from simpul.domain.labels import (
    Label,
    MembersOf,
    is_listed,
    is_open_to,
    is_unmarked,
    join_onward,
    may_exclude,
    no_circles,
)

DEFAULT_APPROVALS: Final = 1
"""Approvals beyond the drafter that every release needs (design §6); a clause may ask for more."""


class Outcome(IntEnum):
    """From open to closed; the most restrictive of several is their maximum."""

    PERMIT = 0
    REDACT = 1
    NEEDS_APPROVAL = 2
    NEEDS_CONSENT = 3
    DENY = 4

    @property
    def word(self) -> str:
        """The name on every edge: `needs-approval`."""
        return self.name.lower().replace("_", "-")


class Reason(Struct, frozen=True, kw_only=True):
    """What one clause said: its name, its outcome, why in one sentence, and what would have to change."""

    clause: str
    outcome: Outcome
    why: str
    change: str = ""


class Question(Struct, frozen=True, kw_only=True):
    """What a clause may read. `label` is the view in the agreement part and the whole label in the overlay part.

    `originator` is the party whose rules govern what is labelled; it differs from `sender` when something is passed
    on. `consented` says that a valid grant of the originator covers it for this recipient and purpose. `at` is
    microseconds UTC.
    """

    label: Label
    sender: str
    recipient: str
    originator: str
    purpose: str
    agreement: Agreement | None
    at: int
    members_of: MembersOf = no_circles
    consented: bool = False

    @property
    def passed_on(self) -> bool:
        """Whether a third party originated it: neither who sends it nor who gets it."""
        return self.originator not in (self.sender, self.recipient)


Clause = Callable[[Question], Reason]


# What a clause permits is one shared value, so that a thousand cold decisions stay within their budget.


def _permit(clause: str, why: str) -> Reason:
    return Reason(clause=clause, outcome=Outcome.PERMIT, why=why)


def _deny(clause: str, why: str, change: str) -> Reason:
    return Reason(clause=clause, outcome=Outcome.DENY, why=why, change=change)


_NO_AGREEMENT: Final = "there is no agreement to say so"
_SIGN_ONE: Final = "sign an agreement with the recipient"


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


_IN_FORCE: Final = _permit("agreement.in-force", "the agreement is in force")


def _agreement_in_force(q: Question) -> Reason:
    if q.agreement is None:
        return _deny("agreement.in-force", "there is no agreement between the two parties", _SIGN_ONE)
    now = phase(q.agreement, q.at)
    if now is Phase.DURING:
        return _IN_FORCE
    word = "is not valid yet" if now is Phase.BEFORE else "has expired"
    change = "wait until it begins" if now is Phase.BEFORE else "sign a new version"
    return _deny("agreement.in-force", f"agreement {q.agreement.id} {word}", change)


_PARTIES: Final = _permit("agreement.parties", "both are parties to the agreement")


def _agreement_parties(q: Question) -> Reason:
    if q.agreement is not None and covers(q.agreement, q.sender, q.recipient):
        return _PARTIES
    return _deny("agreement.parties", "the agreement is not between the sender and the recipient", _SIGN_ONE)


_AGREED_PURPOSE: Final = _permit("agreement.purpose", "the agreement names the purpose")


def _agreement_purpose(q: Question) -> Reason:
    if q.agreement is not None and q.purpose in q.agreement.purposes:
        return _AGREED_PURPOSE
    return _deny(
        "agreement.purpose",
        f"the agreement does not name the purpose '{q.purpose}'",
        "release it for a purpose of the agreement, or amend the agreement",
    )


_MAPPED: Final = _permit("label.unmapped-marking", "every marking is understood")


def _label_unmapped(q: Question) -> Reason:
    if not q.label.unmapped:
        return _MAPPED
    return _deny(
        "label.unmapped-marking",
        f"this node cannot read the markings {_list(q.label.unmapped)}",
        "import their definitions, or remove the markings at the originator",
    )


_MARKED: Final = _permit("label.unmarked", "a TLP or a classification is stated")


def _label_unmarked(q: Question) -> Reason:
    if not is_unmarked(q.label):
        return _MARKED
    return _deny("label.unmarked", "neither a TLP nor a classification is stated", "mark it with one of them")


_CURRENT: Final = _permit("label.expired", "the label has not expired")


def _label_expired(q: Question) -> Reason:
    if q.label.expires is None or q.at < q.label.expires:
        return _CURRENT
    return _deny("label.expired", "the label has expired", "mark it with a later date")


_OWN_PURPOSE: Final = _permit("label.purpose", "the label names the purpose")


def _label_purpose(q: Question) -> Reason:
    if q.label.purposes is not None and q.purpose in q.label.purposes:
        return _OWN_PURPOSE
    return _deny(
        "label.purpose",
        f"the label does not name the purpose '{q.purpose}'",
        "release it for a purpose of the label, or mark it with this one",
    )


_LISTED: Final = _permit("label.releasable-to", "the label names the recipient")


_OPENED: Final = _permit("label.releasable-to", "its originator's onward rule lets the recipient in")


def _label_releasable_to(q: Question) -> Reason:
    if is_listed(q.label, q.recipient, q.members_of):
        return _LISTED
    if _is_open(q):
        return _OPENED
    return _deny(
        "label.releasable-to",
        "the recipient is not in every list of the label",
        "mark it with a TLP or a classification and as releasable to the recipient",
    )


def _is_open(q: Question) -> bool:
    return is_open_to(q.label, q.recipient, q.members_of, sender=q.sender, originator=q.originator)


_UNDER_CEILING: Final = _permit("agreement.tlp-ceiling", "the TLP is within the agreement's ceiling")


def _agreement_tlp_ceiling(q: Question) -> Reason:
    tlp, agreement = q.label.tlp, q.agreement
    if agreement is None:
        return _deny("agreement.tlp-ceiling", _NO_AGREEMENT, _SIGN_ONE)
    if tlp is None or tlp <= agreement.tlp_ceiling:
        return _UNDER_CEILING
    return _deny(
        "agreement.tlp-ceiling",
        f"TLP:{tlp.word.upper()} is above the agreement's TLP:{agreement.tlp_ceiling.word.upper()}",
        "mark it with a lower TLP, or amend the agreement",
    )


_LEVELS: Final = _permit("agreement.classification", "the agreement names every level")


def _agreement_classification(q: Question) -> Reason:
    if q.agreement is None:
        return _deny("agreement.classification", _NO_AGREEMENT, _SIGN_ONE)
    outside = q.label.classification - q.agreement.levels
    if not outside:
        return _LEVELS
    return _deny(
        "agreement.classification",
        f"the agreement does not name the level {_list(f'{c.scheme} {c.level}' for c in outside)}",
        "release a version of a level that it names, or amend the agreement",
    )


_EQUIVALENT: Final = _permit("agreement.equivalence", "every level has an equivalent at the recipient")


def _agreement_equivalence(q: Question) -> Reason:
    if q.agreement is None:
        return _deny("agreement.equivalence", _NO_AGREEMENT, _SIGN_ONE)
    agreement = q.agreement
    unmapped = [c for c in q.label.classification if not rows_for(agreement, c, q.at)]
    if not unmapped:
        return _EQUIVALENT
    return _deny(
        "agreement.equivalence",
        f"no row of the equivalence table is valid for {_list(f'{c.scheme} {c.level}' for c in unmapped)}",
        "amend the agreement's equivalence table",
    )


_TOPICS: Final = _permit("agreement.topic", "the agreement covers every topic of the label")


def _agreement_topic(q: Question) -> Reason:
    if q.agreement is None:
        return _deny("agreement.topic", _NO_AGREEMENT, _SIGN_ONE)
    outside = q.label.topics - q.agreement.topics
    if not outside:
        return _TOPICS
    return _deny(
        "agreement.topic",
        f"the agreement does not cover the topic {_list(outside)}",
        "amend the agreement's topics",
    )


_CLEARED: Final = _permit(
    "agreement.compartment", "the parties are cleared for every compartment of the label"
)


def _agreement_compartment(q: Question) -> Reason:
    if q.agreement is None:
        return _deny("agreement.compartment", _NO_AGREEMENT, _SIGN_ONE)
    outside = q.label.compartments - q.agreement.compartments
    if not outside:
        return _CLEARED
    return _deny(
        "agreement.compartment",
        f"the parties are not cleared for the compartment {_list(outside)}",
        "amend the agreement's compartments",
    )


_OWN_WORD: Final = _permit("label.onward", "the sender's own rules govern it")
_BACK: Final = _permit("label.onward", "it goes back to its originator")
_FREE: Final = _permit("label.onward", "its originator allows it to be passed on to the recipient")
_GRANTED: Final = _permit("label.onward", "its originator consented to passing it on to the recipient")
_ASK: Final = Reason(
    clause="label.onward",
    outcome=Outcome.NEEDS_CONSENT,
    why="its originator must be asked before it is passed on",
    change="ask the originator for consent",
)


def _label_onward(q: Question) -> Reason:
    """Passing on what another originated: that one's rule governs (PROTOCOL §3).

    Consent answers a rule that asks for it; it lifts neither `none` nor `within`.
    """
    if q.originator == q.sender:
        return _OWN_WORD
    if q.originator == q.recipient:
        return _BACK
    rule = q.label.onward
    if rule is None or rule.none:
        return _deny(
            "label.onward", "its originator forbids passing it on", "ask the originator for another rule"
        )
    outside = [circle for circle in rule.within if q.recipient not in (q.members_of(circle) or ())]
    if outside:
        return _deny(
            "label.onward",
            f"the recipient is not known to be in {_list(outside)}",
            "ask the originator for another rule",
        )
    if not rule.consent:
        return _FREE
    return _GRANTED if q.consented else _ASK


_ONWARD_SAME: Final = _permit("agreement.onward", "the label's onward rule is as strict as the agreement's")


def _agreement_onward(q: Question) -> Reason:
    if q.agreement is None:
        return _deny("agreement.onward", _NO_AGREEMENT, _SIGN_ONE)
    if join_onward(q.label.onward, q.agreement.onward) == q.label.onward:
        return _ONWARD_SAME
    rule = join_onward(q.label.onward, q.agreement.onward) or q.agreement.onward
    return _permit("agreement.onward", f"the agreement narrows the onward rule to: {rule.words}")


_KEPT: Final = _permit("agreement.retention", "the label's retention is as short as the agreement's")


def _agreement_retention(q: Question) -> Reason:
    if q.agreement is None:
        return _deny("agreement.retention", _NO_AGREEMENT, _SIGN_ONE)
    longest, own = q.agreement.retention_days, q.label.retention_days
    if longest is None or (own is not None and own <= longest):
        return _KEPT
    return _permit("agreement.retention", f"the agreement narrows the retention to {longest} days")


_USUAL_APPROVALS: Final = _permit("agreement.approvals", "the usual approval is enough")


def _agreement_approvals(q: Question) -> Reason:
    if q.agreement is None:
        return _deny("agreement.approvals", _NO_AGREEMENT, _SIGN_ONE)
    needed = q.agreement.approvals
    if needed <= DEFAULT_APPROVALS:
        return _USUAL_APPROVALS
    return Reason(
        clause="agreement.approvals",
        outcome=Outcome.NEEDS_APPROVAL,
        why=f"the agreement asks for {needed} approvals beyond the drafter",
        change=f"let {needed} others approve it",
    )


_GOES_ON: Final = _permit("agreement.suspended", "no party has suspended the agreement")


def _agreement_suspended(q: Question) -> Reason:
    if q.agreement is None:
        return _deny("agreement.suspended", _NO_AGREEMENT, _SIGN_ONE)
    if not halted(q.agreement, q.at):
        return _GOES_ON
    return _deny(
        "agreement.suspended",
        f"agreement {q.agreement.id} is suspended",
        "wait until it is resumed, or ask why",
    )


_UNRESERVED: Final = _permit("agreement.reservation", "no reservation of either party forbids it")


def _agreement_reservation(q: Question) -> Reason:
    if q.agreement is None:
        return _deny("agreement.reservation", _NO_AGREEMENT, _SIGN_ONE)
    for reservation in q.agreement.reservations:
        forbidden = _reserved(reservation, q) if reservation.party in (q.sender, q.recipient) else ""
        if forbidden:
            return _deny(
                "agreement.reservation",
                f"a reservation of the {_role(reservation, q)} forbids {forbidden}",
                "mark or release it otherwise, or ask that party to withdraw its reservation",
            )
    return _UNRESERVED


def _role(reservation: Reservation, q: Question) -> str:
    return "sender" if reservation.party == q.sender else "recipient"


def _reserved(reservation: Reservation, q: Question) -> str:
    """What of the question a reservation forbids, in words; empty where it forbids nothing."""
    if q.purpose in reservation.purposes:
        return f"the purpose '{q.purpose}'"
    topics = q.label.topics & reservation.topics
    if topics:
        return f"the topic {_list(topics)}"
    levels = q.label.classification & reservation.levels
    if levels:
        return f"the level {_list(f'{c.scheme} {c.level}' for c in levels)}"
    tlp, ceiling = q.label.tlp, reservation.tlp_ceiling
    return f"TLP:{tlp.word.upper()}" if tlp is not None and ceiling is not None and tlp > ceiling else ""


_NOT_EXCLUDED: Final = _permit("label.not-releasable-to", "the label does not exclude the recipient")


def _label_not_releasable_to(q: Question) -> Reason:
    if not may_exclude(q.label.not_releasable_to, q.recipient, q.members_of):
        return _NOT_EXCLUDED
    return _deny(
        "label.not-releasable-to",
        "the label excludes the recipient, or a circle that it may be in",
        "remove the exclusion from the label",
    )


_LISTED_UNCUT: Final = _permit("overlay.releasable-to", "the lists of the whole label let the recipient in")


def _overlay_releasable_to(q: Question) -> Reason:
    if _is_open(q):
        return _LISTED_UNCUT
    return _deny(
        "overlay.releasable-to",
        "the recipient is not in every list of the whole label",
        "mark it with a TLP or a classification and as releasable to the recipient",
    )


AGREEMENT_CLAUSES: Final[tuple[Clause, ...]] = (
    _agreement_in_force,
    _agreement_parties,
    _agreement_purpose,
    _label_unmapped,
    _label_unmarked,
    _label_expired,
    _label_purpose,
    _label_releasable_to,
    _agreement_tlp_ceiling,
    _agreement_classification,
    _agreement_equivalence,
    _agreement_topic,
    _agreement_compartment,
    _label_onward,
    _agreement_onward,
    _agreement_retention,
    _agreement_approvals,
    _agreement_suspended,
    _agreement_reservation,
)
"""What both ends compute, in this order. The order is part of the protocol: it names the clause (spec/policy.md)."""

OVERLAY_CLAUSES: Final[tuple[Clause, ...]] = (_label_not_releasable_to, _overlay_releasable_to)
"""What stays at home, in this order. The rules of a national overlay are walked behind these."""
