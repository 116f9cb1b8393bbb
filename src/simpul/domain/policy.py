"""The decision: may this party receive this, for this purpose, now? Always with the clauses that decided.

Two parts (design §6). The *agreement part* takes the label's view for the recipient, the agreement and a time; both
ends recompute it and must agree. The *overlay part* takes the whole label with what is secret in it, and the rules of
one's own nation (`domain.overlays`); it only restricts and never travels.

All clauses (`domain.clauses`) are walked in their fixed order; the most restrictive outcome wins, and the first clause
that says it is named. Both parts are pure: the same inputs give the same decision on every node, years later too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

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
    LAST_INSTANT,
    NO_ONWARD,
    Label,
    MembersOf,
    is_open_to,
    join,
    listed_view,
    no_circles,
)
from simpul.domain.overlays import NOTHING_TO_SAY, Overlay, walk

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
    "policy_content",
]


_PERMIT: Final = Outcome.PERMIT


class Decision(Struct, frozen=True, kw_only=True):
    """The answer for one (label, recipient, purpose, policy) at one time.

    Attributes:
        outcome: the maximum over `reasons`.
        clause: the name of the first clause with that outcome; "agreement" when all permit.
        reasons: every clause walked, in the fixed order.
        obligations: duties that travel with a permitted object, sorted; empty when denied.
        valid_until: the earliest date still to come that any clause read (microseconds UTC), or None. Before it, the
            same question has the same answer.
        approvals: approvals beyond the drafter that a release needs: the most that a clause asks for.
    """

    outcome: Outcome
    clause: str
    reasons: tuple[Reason, ...]
    obligations: tuple[str, ...] = ()
    valid_until: int | None = None
    approvals: int = DEFAULT_APPROVALS


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
    consented: bool = False,
    overlay: Overlay | None = None,
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
        consented: a grant of the originator that is valid at `at` covers this thing for this recipient and purpose.
            When that grant ends is not read here: whoever keeps the answer must also ask again then.
        overlay: the rules of the sender's nation, or None if it has adopted none.

    Returns:
        A decision over both parts; its agreement part is what `agreement_part` gives for
        `view_for(label, recipient, members_of, sender=…, originator=…)` whenever the outcome is not a denial.
    """
    # An excluded recipient's view is closed, which would name the wrong clause: here the exclusion itself is named.
    listed = is_open_to(label, recipient, members_of, sender=sender, originator=originator)
    question = Question(
        label=listed_view(label, recipient, listed=listed),
        sender=sender,
        recipient=recipient,
        originator=originator or sender,
        purpose=purpose,
        agreement=agreement,
        at=at,
        members_of=members_of,
        consented=consented,
    )
    return _decision(_agreement_part(question), _overlay_part(replace(question, label=label), overlay))


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
    consented: bool = False,
) -> Decision:
    """The part that both ends compute from the label's view, the agreement, the purpose and `decided_at` alone.

    Where something is passed on, the originator's consent counts too; its grant comes along. Raises nothing: what is
    missing or unknown is denied.
    """
    return _decision(
        _agreement_part(
            Question(
                label=view,
                sender=sender,
                recipient=recipient,
                originator=originator or sender,
                purpose=purpose,
                agreement=agreement,
                at=at,
                members_of=members_of,
                consented=consented,
            )
        )
    )


def overlay_part(
    label: Label,
    *,
    recipient: str,
    sender: str = "",
    purpose: str = "",
    at: int = 0,
    originator: str | None = None,
    members_of: MembersOf = no_circles,
    consented: bool = False,
    overlay: Overlay | None = None,
) -> Decision:
    """The part that stays at home: the label's secret lists, and national rules if there are any. It only restricts.

    The label is whole. Without an overlay nothing but the recipient, and sender and originator where they differ, is read.
    """
    return _decision(
        _overlay_part(
            Question(
                label=label,
                sender=sender,
                recipient=recipient,
                originator=originator or sender,
                purpose=purpose,
                agreement=None,
                at=at,
                members_of=members_of,
                consented=consented,
            ),
            overlay,
        )
    )


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
        approvals: approvals beyond the drafter: the most that anything that goes needs.
    """

    outcome: Outcome
    clause: str
    refused: tuple[int, ...]
    obligations: tuple[str, ...]
    valid_until: int | None
    approvals: int = DEFAULT_APPROVALS


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
        approvals=max(decision.approvals for decision in going),
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
        "approvals": decision.approvals,
    }


def policy_content(
    *,
    purpose: str,
    agreement: bytes | None,
    halts: Iterable[tuple[int, int | None]] = (),
    charters: Mapping[str, bytes] | None = None,
    overlay: bytes | None = None,
) -> dict[str, Any]:
    """What a decision depends on besides the label, the parties, the time and consent, as plain values to be hashed.

    An answer kept under (label, sender, recipient, originator, consented, hash of this) holds before its `valid_until`.
    A change of anything here is another hash, so that no kept answer outlives the policy that gave it.

    Args:
        purpose: what the release states.
        agreement: hash of the signed terms, which hold the equivalence table and the reservations; None without any.
        halts: suspensions of that agreement known here: they are not part of what was signed.
        charters: by the name of each circle that `members_of` answers for, the hash of the charter it answers from;
            its epoch is part of the charter. A circle that is not known here is not in it, and is another policy once
            it is.
        overlay: hash of the overlay in force here, or None.
    """
    return {
        "purpose": purpose,
        "agreement": None if agreement is None else agreement.hex(),
        "halts": sorted([since, LAST_INSTANT if until is None else until] for since, until in halts),
        "charters": sorted([name, hash.hex()] for name, hash in (charters or {}).items()),
        "overlay": None if overlay is None else overlay.hex(),
    }


class _Part(Struct, frozen=True):
    """What one part of a decision says. `owed` is the view and the agreement whose duties travel, if any do."""

    reasons: tuple[Reason, ...]
    horizon: int | None
    approvals: int
    owed: tuple[Label, Agreement | None] | None = None


def _agreement_part(q: Question) -> _Part:
    return _Part(
        tuple([clause(q) for clause in AGREEMENT_CLAUSES]),
        _horizon(q.label, q.agreement, q.at),
        DEFAULT_APPROVALS if q.agreement is None else q.agreement.approvals,
        (q.label, q.agreement),
    )


def _overlay_part(q: Question, overlay: Overlay | None) -> _Part:
    rules = NOTHING_TO_SAY if overlay is None else walk(overlay, q)
    reasons = (*[clause(q) for clause in OVERLAY_CLAUSES], *rules.reasons)
    return _Part(reasons, rules.horizon, rules.approvals)


def _decision(*parts: _Part) -> Decision:
    reasons = tuple([reason for part in parts for reason in part.reasons])
    outcome = max({reason.outcome for reason in reasons})
    owed = parts[0].owed
    return Decision(
        outcome=outcome,
        clause="agreement" if outcome is _PERMIT else next(r.clause for r in reasons if r.outcome is outcome),
        reasons=reasons,
        obligations=() if outcome is Outcome.DENY or owed is None else duties(*owed),
        valid_until=min((part.horizon for part in parts if part.horizon is not None), default=None),
        approvals=max([part.approvals for part in parts]),
    )


def _horizon(view: Label, agreement: Agreement | None, at: int) -> int | None:
    """The earliest date after `at` that a clause read. A date that has passed never changes an answer again."""
    dates: list[int | None] = [view.expires]
    if agreement is not None:
        dates += (agreement.not_before, agreement.not_after)
        dates += (date for halt in agreement.halts for date in halt)
        if view.classification:
            for row in agreement.equivalences:
                if row.given in view.classification:
                    dates += (row.since, row.until)
    return min((date for date in dates if date is not None and date > at), default=None)
