"""Acts: what a party does to an agreement after it was proposed. They only restrict, but for `resume`, which needs all.

Each party's acts on one agreement are a chain: every act names the one before it by the same party, so that none can be
left out or brought again. An act holds for the version that it names and every earlier one, but for `decline`, which
answers one proposal. What an agreement has become is derived from the acts that are known here (`course`, `halts`,
`ended`), never stored.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from simpul.domain.agreements import Agreement, Course, Signed, halted, how_signed

_DAY: Final = 86_400 * 1_000_000

REASON_LIMIT: Final = 1_000
"""Characters of the reason of an act."""


class Act(StrEnum):
    """What can be done. `decline` answers a proposal that the party has not signed; the others need its signature."""

    SUSPEND = "suspend"
    RESUME = "resume"
    DENOUNCE = "denounce"
    DECLINE = "decline"


class AgreementAct(Struct, frozen=True, kw_only=True):
    """One act of one party, as it is signed.

    Attributes:
        act: what is done.
        party: who does it (fingerprint).
        agreement, version, terms: the agreement's id, the version, and SHA-256 of its terms.
        made: when (microseconds UTC).
        since: from when on it takes effect, not before `made`; a denunciation after the notice that the terms state.
        reason: in words; only a resumption may do without.
        previous: SHA-256 of this party's act before this one on the same agreement; empty for its first.
        lifts: the suspensions that a resumption ends, by hash, sorted; of other acts empty.
    """

    act: Act
    party: str
    agreement: str
    version: int
    terms: bytes
    made: int
    since: int
    reason: str = ""
    previous: bytes = b""
    lifts: tuple[bytes, ...] = ()


class KnownAct(Struct, frozen=True, kw_only=True):
    """An act as it is known here: its hash, who signed it so far, and since when it is known (microseconds UTC)."""

    act: AgreementAct
    hash: bytes
    signed_by: tuple[str, ...]
    known: int

    @property
    def effect(self) -> int:
        """From when on it counts here: never before it was known, so that nobody can act backwards in time."""
        return max(self.act.since, self.known)


def act_faults(act: AgreementAct, agreement: Agreement) -> list[str]:
    """Everything that makes an act on these terms unfit, each as `<path>: <what is wrong>`; none if it is fit."""
    return list(_faults(act, agreement))


def _faults(act: AgreementAct, agreement: Agreement) -> Iterator[str]:
    if (act.agreement, act.version) != (agreement.id, agreement.version):
        yield "version: the act names another version than its terms"
    if act.party not in agreement.parties:
        yield "party: is not a party to the agreement"
    if act.since < act.made:
        yield "since: is before it was made"
    if act.act is Act.DENOUNCE and act.since < act.made + agreement.notice_days * _DAY:
        yield f"notice_days: a denunciation takes effect {agreement.notice_days} days after it is made"
    if act.act is not Act.RESUME and not act.reason.strip():
        yield "reason: is empty"
    if len(act.reason) > REASON_LIMIT:
        yield f"reason: is longer than {REASON_LIMIT} characters"
    if (act.act is Act.RESUME) != bool(act.lifts):
        yield "lifts: a resumption, and nothing else, names the suspensions that it ends"
    if list(act.lifts) != sorted(set(act.lifts)):
        yield "lifts: are not sorted, or one is named twice"


def halts(agreement: Agreement, acts: Iterable[KnownAct]) -> tuple[tuple[int, int | None], ...]:
    """Suspensions of these terms as (since, until), `until` None while one lasts.

    A suspension ends when a resumption that every party signed says so.
    """
    known = [act for act in acts if act.act.version >= agreement.version]
    agreed = [
        act
        for act in known
        if act.act.act is Act.RESUME and how_signed(agreement, act.signed_by) is Signed.ALL
    ]
    found = []
    for act in known:
        if act.act.act is Act.SUSPEND:
            ends = [resumed.act.since for resumed in agreed if act.hash in resumed.act.lifts]
            until = min(ends, default=None)
            if until is None or until > act.effect:
                found.append((act.effect, until))
    return tuple(sorted(found, key=lambda halt: halt[0]))


def open_suspensions(agreement: Agreement, acts: Sequence[KnownAct]) -> list[KnownAct]:
    """Suspensions of these terms that no resumption signed by all has ended."""
    lifted = {
        hash
        for act in acts
        if act.act.act is Act.RESUME and how_signed(agreement, act.signed_by) is Signed.ALL
        for hash in act.act.lifts
    }
    return [
        act
        for act in acts
        if act.act.act is Act.SUSPEND and act.act.version >= agreement.version and act.hash not in lifted
    ]


def ended(agreement: Agreement, acts: Iterable[KnownAct]) -> int | None:
    """When a denunciation ends these terms (microseconds UTC); None if none does before they end by their date."""
    ends = [
        act.effect for act in acts if act.act.act is Act.DENOUNCE and act.act.version >= agreement.version
    ]
    end = min(ends, default=agreement.not_after)
    return end if end < agreement.not_after else None


def with_acts(agreement: Agreement, acts: Sequence[KnownAct]) -> Agreement:
    """The terms as they hold here: with the suspensions that are known, and ending by a denunciation if that is sooner.

    The end stands among the halts too, so that whoever keeps an answer by them asks again when an act comes.
    """
    if not acts:
        return agreement
    stops, end = halts(agreement, acts), ended(agreement, acts)
    if end is None:
        return replace(agreement, halts=stops)
    return replace(agreement, halts=(*stops, (end, None)), not_after=end)


def course(
    agreement: Agreement,
    acts: Sequence[KnownAct],
    *,
    at: int,
    signed_by: Collection[str] = (),
    replaced: bool = False,
    superseded: bool = False,
) -> Course:
    """What became of a version by what was done, at a moment.

    Args:
        agreement: its terms, with or without `halts`.
        acts: every act on this agreement that is known here.
        at: microseconds UTC.
        signed_by: who signed the version; only who did not can have declined it.
        replaced: another version answers this one as a counter-proposal.
        superseded: a later version that every party signed has begun.
    """
    end = ended(agreement, acts)
    declined = any(
        act.act.act is Act.DECLINE and act.act.version == agreement.version and act.act.party not in signed_by
        for act in acts
    )
    applies = (
        (Course.SUPERSEDED, superseded),
        (Course.DENOUNCED, end is not None and at >= end),
        (Course.WITHDRAWN, declined or replaced),
        (Course.SUSPENDED, halted(with_acts(agreement, acts), at)),
        (Course.NOTICE, end is not None),
    )
    return next((each for each, holds in applies if holds), Course.UNTOUCHED)
