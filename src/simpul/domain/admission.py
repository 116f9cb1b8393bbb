"""Admission: what the recipient's node makes of what it opened. Take, quarantine or refuse, always with reasons.

The same engine as at the sender answers, over the label's view and as of the sender's `decided_at`: an agreement part
that differs is evidence that one of the two misread the agreement. What is not plainly admissible is quarantined, so
that a person decides and nothing is lost; only what was never meant for this node is refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from simpul.domain.agreements import Agreement
from simpul.domain.labels import Label, MembersOf, dominates, no_circles
from simpul.domain.obligations import Action, duties_of, forbids
from simpul.domain.policy import Outcome, Reason, agreement_part, duties


class Admitted(Struct, frozen=True, kw_only=True):
    """Taken into the store and the inbox."""

    reasons: tuple[Reason, ...] = ()


class Quarantined(Struct, frozen=True, kw_only=True):
    """Kept apart, seen by a reviewer only, with a way out: admit or refuse."""

    reasons: tuple[Reason, ...]


class Refused(Struct, frozen=True, kw_only=True):
    """Not kept. The sender gets a receipt that says so."""

    reasons: tuple[Reason, ...]

    @property
    def clause(self) -> str:
        """The clause under which it is counted: the first of those that refuse."""
        return next(reason.clause for reason in self.reasons if reason.clause in REFUSING)


Admission = Admitted | Quarantined | Refused

RECALLED: Final = "recall"
"""The clause by which something is refused on arrival that was taken back before."""

REFUSING: Final = frozenset({"agreement.parties", "label.releasable-to", RECALLED})
"""Clauses by whose denial something was never meant for this node, or is no more; every other denial quarantines."""

DECIDED_AT: Final = "admission.decided-at"
"""The clause by which something is kept apart whose decision is too old to be taken on its sender's word."""

DECISION_AGE: Final = 30 * 86_400 * 1_000_000
"""Microseconds by which a decision may be older than the message that was made on it (spec/message.md, "Time")."""


MESSAGE_AGE: Final = 120 * 86_400 * 1_000_000
"""Microseconds by which a message may be older than this node's clock: when it was made is its sender's word, too."""


def admit(
    views: Iterable[Label],
    *,
    sender: str,
    recipient: str,
    purpose: str,
    agreement: Agreement | None,
    decided_at: int,
    originator: str | None = None,
    author: Label | None = None,
    obligations: Iterable[str] | None = None,
    members_of: MembersOf = no_circles,
    consented: bool = False,
    more: Iterable[Reason] = (),
) -> Admission:
    """What becomes of a thing whose portions came with these label views.

    Args:
        views: the view of the label of each portion, the thing itself first. None at all is quarantined.
        sender: who sent it (fingerprint).
        recipient: this node.
        purpose: what the release states.
        agreement: the agreement that the message names by hash, if this node has it signed by all; else None.
        decided_at: when the sender decided (microseconds UTC): the agreement is read as of then.
        originator: who wrote it, when that is not the sender.
        author: the label under which the originator's own manifest carries it, where something is passed on; a view
            that is wider is quarantined.
        obligations: the duties that came with it; None to leave them unchecked.
        members_of: the circles that this node knows.
        consented: a grant of the originator that came along, and verifies, covers it for this node and purpose.
        more: reasons that hold whatever the label says (`about_time`).

    Returns:
        The most severe answer over all views, with the reasons for it: of an admission, none.
    """
    reasons: list[Reason] = list(more)
    stated = None if obligations is None else frozenset(obligations)
    count = 0
    for view in views:
        count += 1
        part = agreement_part(
            view,
            sender=sender,
            recipient=recipient,
            purpose=purpose,
            agreement=agreement,
            at=decided_at,
            originator=originator,
            members_of=members_of,
            consented=consented,
        )
        reasons += [reason for reason in part.reasons if reason.outcome >= Outcome.NEEDS_CONSENT]
        reasons += _about_label(view, author)
        reasons += _about_handing_on(author, consented=consented)
        reasons += _about_duties(duties(view, agreement), stated)
    if not count:
        reasons.append(_fault("admission.label", "it came without a label"))
    return _admission(tuple(dict.fromkeys(reasons)))


def about_time(
    *, decided_at: int, created: int, ended: int | None, now: int, grace: int
) -> tuple[Reason, ...]:
    """Why `decided_at`, which is the sender's word alone, is not taken on trust; nothing where it may be.

    All are microseconds, UTC but for `grace`. Otherwise whoever was once a partner could use an agreement that ended
    long ago, by saying that it had decided before.

    Args:
        decided_at: as of when the sender says that it decided.
        created: when it says that it made the message.
        ended: when the agreement stopped to be in force, or will; None where there is none.
        now: by this node's clock.
        grace: how long a message may be on its way.
    """
    found = []
    if now - created > MESSAGE_AGE:
        found.append(_fault(DECIDED_AT, "it was made longer ago than any message may be on its way"))
    if created - decided_at > DECISION_AGE:
        days = (created - decided_at) // (86_400 * 1_000_000)
        found.append(_fault(DECIDED_AT, f"it was made {days} days after the decision that it rests on"))
    if ended is not None and now >= ended + grace:
        found.append(_fault(DECIDED_AT, "its agreement ended longer ago than any message may be on its way"))
    return tuple(found)


def _admission(reasons: tuple[Reason, ...]) -> Admission:
    if not reasons:
        return Admitted()
    denied = {reason.clause for reason in reasons if reason.outcome is Outcome.DENY}
    return (
        Refused(reasons=reasons)
        if denied & REFUSING and not _no_agreement(reasons)
        else Quarantined(reasons=reasons)
    )


def _no_agreement(reasons: tuple[Reason, ...]) -> bool:
    """Without the agreement it cannot be said that the sender is no party to it: it may still come."""
    return any(reason.clause == "agreement.in-force" for reason in reasons)


def _about_label(view: Label, author: Label | None) -> list[Reason]:
    found = []
    if view.not_releasable_to:
        found.append(_fault("admission.view", "the label's view names parties that it must not name"))
    if author is not None and not is_no_wider(view, author):
        found.append(
            _fault("admission.wider-label", "its label is wider than the one its originator gave it")
        )
    return found


def is_no_wider(label: Label, author: Label) -> bool:
    """Whether a label is at least as strict as the one that an originator gave, lists apart."""
    return dominates(_unlisted(label), _unlisted(author))


def _about_handing_on(author: Label | None, *, consented: bool) -> list[Reason]:
    """Whether the author's own duties let the sender hand it on; the sender may have struck them from its view."""
    reason = None if author is None else forbids(duties_of(author), Action.HAND_ON, permitted=consented)
    return [] if reason is None else [reason]


def _unlisted(label: Label) -> Label:
    """The label without its lists: they name another recipient at each hop, and are decided by themselves."""
    return replace(label, releasable_to=frozenset(), not_releasable_to=frozenset())


def _about_duties(owed: Iterable[str], stated: frozenset[str] | None) -> list[Reason]:
    if stated is None:
        return []
    missing = sorted(set(owed) - stated)
    if not missing:
        return []
    return [_fault("admission.obligations", f"it came without the duties {', '.join(missing)}")]


def _fault(clause: str, why: str) -> Reason:
    return Reason(clause=clause, outcome=Outcome.DENY, why=why, change="a reviewer admits or refuses it")
