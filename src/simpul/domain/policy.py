"""The decision: may this party receive this, for this purpose, now? Always with the clauses that decided.

Two parts (design §6). The *agreement part* takes the label's view for the recipient, the agreement and a time; both
ends recompute it and must agree. The *overlay part* takes the whole label with what is secret in it; it only
restricts and never travels.

All clauses (`domain.clauses`) are walked in their fixed order; the most restrictive outcome wins, and the first clause
that says it is named. Both parts are pure: the same inputs give the same decision on every node, years later too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from simpul.domain.agreements import Agreement
from simpul.domain.clauses import (
    AGREEMENT_CLAUSES,
    DEFAULT_APPROVALS,
    OVERLAY_CLAUSES,
    Outcome,
    Question,
    Reason,
)
from simpul.domain.labels import (
    NO_ONWARD,
    Label,
    MembersOf,
    is_listed,
    join,
    listed_view,
    no_circles,
)

__all__ = [
    "DEFAULT_APPROVALS",
    "Decision",
    "Outcome",
    "PortionsDecision",
    "Reason",
    "agreement_part",
    "bound",
    "decide",
    "decision_commitment_content",
    "duties",
    "over_portions",
    "overlay_part",
]


class Decision(Struct, frozen=True, kw_only=True):
    """The answer for one (label, recipient, purpose, policy) at one time.

    Attributes:
        outcome: the maximum over `reasons`.
        clause: the name of the first clause with that outcome; "agreement" when all permit.
        reasons: every clause walked, in the fixed order.
        obligations: duties that travel with a permitted object, sorted; empty when denied.
        valid_until: the earliest date still to come that any clause read (microseconds UTC), or None. Before it, the
            same question has the same answer.
    """

    outcome: Outcome
    clause: str
    reasons: tuple[Reason, ...]
    obligations: tuple[str, ...] = ()
    valid_until: int | None = None


def decide(
    label: Label,
    *,
    sender: str,
    recipient: str,
    purpose: str,
    agreement: Agreement | None,
    at: int,
    originator: str | None = None,
    members_of: MembersOf = no_circles,
) -> Decision:
    """May `recipient` receive what bears `label` from `sender`, for `purpose`, at `at`?

    Args:
        label: the effective label, whole. One that is not complete permits nothing it does not state.
        sender: who would release it (fingerprint).
        recipient: who would get it (fingerprint).
        purpose: what the release states.
        agreement: the terms that every party signed, or None if there are none between the two.
        at: microseconds UTC.
        originator: whose rules govern it, when that is not the sender.
        members_of: the circles that the sender knows.

    Returns:
        A decision over both parts; its agreement part is what `agreement_part` gives for `view_for(label, recipient)`
        whenever the outcome is not a denial.
    """
    # An excluded recipient's view is closed, which would name the wrong clause: here the exclusion itself is named.
    view = listed_view(label, recipient, listed=is_listed(label, recipient, members_of))
    first = agreement_part(
        view,
        sender=sender,
        recipient=recipient,
        purpose=purpose,
        agreement=agreement,
        at=at,
        originator=originator,
        members_of=members_of,
    )
    second = overlay_part(label, recipient=recipient, members_of=members_of)
    return _decision((*first.reasons, *second.reasons), first.obligations, first.valid_until)


def agreement_part(
    view: Label,
    *,
    sender: str,
    recipient: str,
    purpose: str,
    agreement: Agreement | None,
    at: int,
    originator: str | None = None,
    members_of: MembersOf = no_circles,
) -> Decision:
    """The part that both ends compute from the label's view, the agreement, the purpose and `decided_at` alone.

    Raises nothing: what is missing or unknown is denied.
    """
    question = Question(
        label=view,
        sender=sender,
        recipient=recipient,
        originator=originator or sender,
        purpose=purpose,
        agreement=agreement,
        at=at,
        members_of=members_of,
    )
    reasons = tuple([clause(question) for clause in AGREEMENT_CLAUSES])
    denied = any(reason.outcome is Outcome.DENY for reason in reasons)
    return _decision(reasons, () if denied else duties(view, agreement), _horizon(view, agreement, at))


def overlay_part(label: Label, *, recipient: str, members_of: MembersOf = no_circles) -> Decision:
    """The part that stays at home: the label's secret lists, and national rules when there are any. It only restricts."""
    question = Question(
        label=label,
        sender="",
        recipient=recipient,
        originator="",
        purpose="",
        agreement=None,
        at=0,
        members_of=members_of,
    )
    return _decision(tuple([clause(question) for clause in OVERLAY_CLAUSES]), (), None)


def bound(view: Label, agreement: Agreement) -> Label:
    """The label as the recipient must hold it: the view, narrowed by what the agreement says of every release."""
    return join(
        view,
        Label(
            onward=agreement.onward,
            retention_days=agreement.retention_days,
            obligations=agreement.obligations,
        ),
    )


def duties(view: Label, agreement: Agreement | None) -> tuple[str, ...]:
    """Duties that travel, sorted: the label's and the agreement's, handling, retention and the onward rule."""
    held = view if agreement is None else bound(view, agreement)
    found = set(held.obligations)
    found.update(f"handling: {code}" for code in held.handling | held.handling_text)
    if held.retention_days is not None:
        found.add(f"retention: {held.retention_days} days")
    found.add(f"onward: {(held.onward or NO_ONWARD).words}")
    return tuple(sorted(found))


class PortionsDecision(Struct, frozen=True, kw_only=True):
    """The answer for one object with portions.

    Attributes:
        outcome: the object's own, or `REDACT` where that is milder and a portion is refused.
        clause: the clause that decided it; of the first refused portion when it redacts.
        refused: indexes of the portions that may not go (index 0 is the object itself, then nothing goes).
        obligations: duties of everything that goes, sorted.
        valid_until: the earliest of all (microseconds UTC), or None.
    """

    outcome: Outcome
    clause: str
    refused: tuple[int, ...]
    obligations: tuple[str, ...]
    valid_until: int | None


def over_portions(decisions: Sequence[Decision]) -> PortionsDecision:
    """One answer from those for the portions of one object; `decisions[0]` is the object itself.

    A portion that is denied, or that would need more than the object as a whole, is left out; what remains is decided
    by itself.
    """
    whole, *rest = decisions
    refused = [k for k, portion in enumerate(rest, 1) if portion.outcome > whole.outcome]
    going = [whole, *(portion for portion in rest if portion.outcome <= whole.outcome)]
    dates = [d.valid_until for d in decisions if d.valid_until is not None]
    redacted = bool(refused) and whole.outcome < Outcome.REDACT
    denied = whole.outcome is Outcome.DENY
    return PortionsDecision(
        outcome=Outcome.REDACT if redacted else whole.outcome,
        clause=decisions[refused[0]].clause if redacted else whole.clause,
        refused=tuple(range(len(decisions))) if denied else tuple(refused),
        obligations=() if denied else tuple(sorted({duty for d in going for duty in d.obligations})),
        valid_until=min(dates, default=None),
    )


def decision_commitment_content(decision: Decision) -> dict[str, Any]:
    """A decision as plain values that have one canonical JSON form, to be hashed and committed to elsewhere.

    The words of the reasons are left out: another version may say the same thing differently.
    """
    return {
        "outcome": decision.outcome.word,
        "clause": decision.clause,
        "reasons": [{"clause": r.clause, "outcome": r.outcome.word} for r in decision.reasons],
        "obligations": list(decision.obligations),
        "valid_until": decision.valid_until,
    }


def _decision(reasons: tuple[Reason, ...], obligations: tuple[str, ...], valid_until: int | None) -> Decision:
    outcome, clause = Outcome.PERMIT, "agreement"
    for reason in reasons:
        if reason.outcome > outcome:
            outcome, clause = reason.outcome, reason.clause
    return Decision(
        outcome=outcome,
        clause=clause,
        reasons=reasons,
        obligations=() if outcome is Outcome.DENY else obligations,
        valid_until=valid_until,
    )


def _horizon(view: Label, agreement: Agreement | None, at: int) -> int | None:
    """The earliest date after `at` that a clause read. A date that has passed never changes an answer again."""
    dates: list[int | None] = [view.expires]
    if agreement is not None:
        dates += (agreement.not_before, agreement.not_after)
        if view.classification:
            for row in agreement.equivalences:
                if row.given in view.classification:
                    dates += (row.since, row.until)
    return min((date for date in dates if date is not None and date > at), default=None)
