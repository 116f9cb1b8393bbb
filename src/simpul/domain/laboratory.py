"""The policy laboratory: cases that say what a decision must be, decided by the same engine as every release.

    Laboratory ── parties, circles, agreements, overlays, cases ──run──> one Result a case

There is no home, no store and no clock here: a case states its time. Every agreement of a laboratory counts as signed by
all its parties; which one decides is found by the rule of a node (`deciding`). docs/reference/laboratory.md says it for
people.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from simpul.domain.agreements import Agreement, Phase, covers, halted, phase
from simpul.domain.labels import Label
from simpul.domain.obligations import before_handing_on
from simpul.domain.overlays import Overlay
from simpul.domain.policy import Decision, PortionsDecision, decide, over_portions


class Expected(Struct, frozen=True, kw_only=True):
    """What a case must come to. None is not looked at. `outcome` is its word, such as `needs-approval`."""

    outcome: str
    clause: str | None = None
    obligations: tuple[str, ...] | None = None


class Case(Struct, frozen=True, kw_only=True):
    """One question and its answer.

    Attributes:
        name: for people.
        labels: the effective label of the object, and of each of its portions behind it.
        sender, recipient, originator: fingerprints; `originator` is the sender unless something is passed on.
        purpose: what the release states.
        at: microseconds UTC.
        consented: a grant of the originator covers it.
        agreement: the id of the agreement that decides; None lets the rule of a node choose.
        expected: the answer.
    """

    name: str
    labels: tuple[Label, ...]
    sender: str
    recipient: str
    originator: str
    purpose: str
    at: int
    consented: bool
    agreement: str | None
    expected: Expected


class Laboratory(Struct, frozen=True, kw_only=True):
    """What a laboratory file says.

    Attributes:
        parties: fingerprints by short name, in the file's order.
        circles: members (fingerprints) of each circle; None for one whose members are not known.
        agreements: in the file's order; the later one is the newer one.
        overlays: the rules of a nation by its fingerprint.
        cases: in the file's order.
    """

    parties: Mapping[str, str]
    circles: Mapping[str, frozenset[str] | None]
    agreements: tuple[Agreement, ...]
    overlays: Mapping[str, Overlay]
    cases: tuple[Case, ...]

    def members_of(self, circle: str) -> frozenset[str] | None:
        """Members of a circle by its name, None where they are not known."""
        return self.circles.get(circle)


class Result(Struct, frozen=True, kw_only=True):
    """What one case came to; `ok` says whether that is what it must come to."""

    name: str
    outcome: str
    clause: str
    obligations: tuple[str, ...]
    ok: bool
    expected: Expected


def run(laboratory: Laboratory) -> list[Result]:
    """Decide every case."""
    return [_result(case, decision_of(laboratory, case)) for case in laboratory.cases]


def decision_of(laboratory: Laboratory, case: Case) -> PortionsDecision:
    """The decision for one case, over its portions."""
    agreement = (
        deciding(laboratory.agreements, case.sender, case.recipient, case.purpose, case.at)
        if case.agreement is None
        else _named(laboratory.agreements, case.agreement, case.at)
    )
    return over_portions([_decided(laboratory, case, label, agreement) for label in case.labels])


def _decided(laboratory: Laboratory, case: Case, label: Label, agreement: Agreement | None) -> Decision:
    decided = decide(
        label,
        sender=case.sender,
        recipient=case.recipient,
        purpose=case.purpose,
        agreement=agreement,
        at=case.at,
        originator=case.originator,
        members_of=laboratory.members_of,
        consented=case.consented,
        overlay=laboratory.overlays.get(case.sender),
    )
    if case.originator in (case.sender, case.recipient):
        return decided
    return before_handing_on(decided, label, permitted=case.consented)


def deciding(
    agreements: Sequence[Agreement], sender: str, recipient: str, purpose: str, at: int
) -> Agreement | None:
    """The agreement that decides between two parties, as at a node (`services.agreeing.in_force`).

    Of those in force at `at` it is the newest that names the purpose; else the newest in force; else one that is
    suspended; else the newest at all, so that it can be said what is wrong with it.
    """
    between = [a for a in reversed(agreements) if covers(a, sender, recipient)]
    begun = [a for a in between if phase(a, at) is Phase.DURING and not _superseded(a, between, at)]
    valid = [a for a in begun if not halted(a, at)]
    for agreement in valid:
        if purpose in agreement.purposes:
            return agreement
    return next(iter(valid or begun or between), None)


def _named(agreements: Sequence[Agreement], id: str, at: int) -> Agreement | None:
    versions = sorted((a for a in agreements if a.id == id), key=lambda a: -a.version)
    return next((a for a in versions if _holds(a, at)), next(iter(versions), None))


def _holds(agreement: Agreement, at: int) -> bool:
    return phase(agreement, at) is Phase.DURING and not halted(agreement, at)


def _superseded(agreement: Agreement, others: Sequence[Agreement], at: int) -> bool:
    return any(
        other.id == agreement.id and other.version > agreement.version and phase(other, at) is Phase.DURING
        for other in others
    )


def _result(case: Case, decision: PortionsDecision) -> Result:
    expected = case.expected
    ok = (
        expected.outcome == decision.outcome.word
        and expected.clause in (None, decision.clause)
        and expected.obligations in (None, decision.obligations)
    )
    return Result(
        name=case.name,
        outcome=decision.outcome.word,
        clause=decision.clause,
        obligations=decision.obligations,
        ok=ok,
        expected=expected,
    )
