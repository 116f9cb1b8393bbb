"""Agreements: what two or more parties signed, as terms a decision can walk clause by clause.

The signed form is a document (`protocol.documents`); this is its meaning. A proposal becomes an agreement `in-force`
when every named party has signed the same bytes; `AgreementState` is derived, never stored by hand. What a party does
to an agreement afterwards (suspend, resume, denounce) is in `domain.acts`; `MOVES` says what may be done in which state.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from enum import Enum, StrEnum
from typing import Final

from msgspec import Struct

from simpul.domain.labels import Classification, Onward, Tlp
from simpul.domain.parties import is_fingerprint
from simpul.domain.schemes import loops
from simpul.errors import InputFault


class AgreementState(StrEnum):
    """Where an agreement stands for this node at a given time.

    `notice-running`: denounced, and still in force until the notice ends. `withdrawn`: a proposal that was declined,
    answered by a counter-proposal, or overtaken by a later version before all had signed it.
    """

    DRAFT = "draft"
    PROPOSED = "proposed"
    WITHDRAWN = "withdrawn"
    NOT_YET = "not-yet-valid"
    IN_FORCE = "in-force"
    SUSPENDED = "suspended"
    NOTICE = "notice-running"
    DENOUNCED = "denounced"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"


DECIDING: Final = frozenset({AgreementState.IN_FORCE, AgreementState.NOTICE})
"""The states in which an agreement decides what may go."""


class Move(StrEnum):
    """What a party can do about an agreement. `amend` proposes the next version of one that all signed."""

    SIGN = "sign"
    COUNTER = "counter"
    DECLINE = "decline"
    AMEND = "amend"
    SUSPEND = "suspend"
    RESUME = "resume"
    DENOUNCE = "denounce"


MOVES: Final = {
    AgreementState.DRAFT: frozenset({Move.SIGN, Move.COUNTER, Move.DECLINE}),
    AgreementState.PROPOSED: frozenset({Move.SIGN, Move.COUNTER, Move.DECLINE}),
    AgreementState.WITHDRAWN: frozenset({Move.COUNTER}),
    AgreementState.NOT_YET: frozenset({Move.AMEND, Move.SUSPEND, Move.RESUME, Move.DENOUNCE}),
    AgreementState.IN_FORCE: frozenset({Move.AMEND, Move.SUSPEND, Move.DENOUNCE}),
    AgreementState.SUSPENDED: frozenset({Move.AMEND, Move.SUSPEND, Move.RESUME, Move.DENOUNCE}),
    AgreementState.NOTICE: frozenset({Move.AMEND, Move.SUSPEND}),
    AgreementState.DENOUNCED: frozenset({Move.AMEND}),
    AgreementState.EXPIRED: frozenset({Move.AMEND}),
    AgreementState.SUPERSEDED: frozenset[Move](),
}
"""What may be done in each state; everything else is refused."""


class Equivalence(Struct, frozen=True, kw_only=True):
    """One row of the equivalence table: what `given` is called and how it is handled at the other side.

    A relation with dates and footnotes, not a rank: what has no row is refused. `since` and `until` are
    microseconds UTC, `until` exclusive; None is open. A recipient without the level writes the one it uses instead in
    `becomes` and says so in the footnote.
    """

    given: Classification
    becomes: Classification
    handle_as: str
    since: int | None = None
    until: int | None = None
    footnote: str = ""


class Reservation(Struct, frozen=True, kw_only=True):
    """What a party keeps out of the terms for itself: nothing of this goes to it or comes from it under them.

    Attributes:
        party: who made it (fingerprint).
        clause: the clause of the terms that it is about, a name of `RESERVABLE`; empty for all that it names.
        purposes, topics, levels: not for this party, each by itself.
        tlp_ceiling: nothing above it for this party, or None.
        text: the reservation in words, for people.
    """

    party: str
    clause: str = ""
    purposes: frozenset[str] = frozenset()
    topics: frozenset[str] = frozenset()
    levels: frozenset[Classification] = frozenset()
    tlp_ceiling: Tlp | None = None
    text: str = ""


RESERVABLE: Final = ("purposes", "topics", "levels", "tlp_ceiling")
"""The clauses of the terms that a reservation can narrow."""

KEEP: Final = "keep"
RETURN_OR_DESTROY: Final = "return-or-destroy"
RUN_OFFS: Final = (KEEP, RETURN_OR_DESTROY)
"""What becomes, when an agreement ends, of what went under it: kept under the same duties, or given back or destroyed."""

LONGEST_NOTICE_DAYS: Final = 3_650


class Agreement(Struct, frozen=True, kw_only=True):
    """Terms between parties.

    Attributes:
        id: chosen by the proposer, unique between the parties; `version` counts from 1.
        parties: fingerprints, sorted, at least two.
        purposes: purposes that a release may state; empty permits none.
        topics: topics that a label may bear; a label with a topic outside is refused.
        compartments: compartments that the parties are cleared for.
        tlp_ceiling: the highest TLP that may be released under it.
        levels: classification levels that may be released, named one by one; what is not named is above the ceiling.
        equivalences: the table; a level that may go must also have a row that is valid now.
        onward: the widest onward rule under this agreement. A label's wider rule is narrowed to it and not refused,
            for otherwise adding a restriction to a label would open what was closed (law 5).
        retention_days: the longest a recipient may keep, or None for no limit of its own.
        approvals: approvals that a release needs beyond the drafter (at least 1).
        obligations: duties that every release under it carries.
        not_before, not_after: microseconds UTC; `not_after` is exclusive.
        suite: cryptographic suite (PROTOCOL §1).
        reservations: what parties keep out of the terms for themselves; they only narrow.
        run_off: one of `RUN_OFFS`, and within how many days of the end (`run_off_days`).
        notice_days: days between a denunciation and its effect.
        replaces: SHA-256 of the terms that a counter-proposal answers; empty for any other.
        halts: suspensions known here, as (since, until) in microseconds UTC, `until` exclusive and None while it
            lasts; the end that a denunciation sets is among them. They are not part of the terms and never sent:
            services set them from the acts that parties signed.
    """

    id: str
    version: int
    title: str
    parties: tuple[str, ...]
    purposes: frozenset[str]
    topics: frozenset[str]
    compartments: frozenset[str]
    tlp_ceiling: Tlp
    levels: frozenset[Classification]
    equivalences: tuple[Equivalence, ...]
    onward: Onward
    retention_days: int | None
    approvals: int
    obligations: frozenset[str]
    not_before: int
    not_after: int
    suite: int = 1
    reservations: tuple[Reservation, ...] = ()
    run_off: str = KEEP
    run_off_days: int = 0
    notice_days: int = 0
    replaces: bytes = b""
    halts: tuple[tuple[int, int | None], ...] = ()


SUITES: Final = (1, 2)
"""The cryptographic suites that an agreement may choose (PROTOCOL §1)."""

LONGEST_RETENTION_DAYS: Final = 36_500


class Signed(Enum):
    """How many of the named parties signed the same bytes."""

    NONE = "none"
    SOME = "some"
    ALL = "all"


class Phase(Enum):
    """Where a moment lies against the agreement's dates."""

    BEFORE = "before"
    DURING = "during"
    AFTER = "after"


class Course(Enum):
    """What was done to a version since it was proposed; of several the one further down."""

    UNTOUCHED = 0
    NOTICE = 1  # denounced, and the notice still runs
    SUSPENDED = 2
    WITHDRAWN = 3  # declined, or answered by a counter-proposal
    DENOUNCED = 4
    SUPERSEDED = 5  # a later version that every party signed has begun


_S: Final = AgreementState
_DRAFT: Final = (_S.DRAFT, _S.DRAFT, _S.DRAFT, _S.WITHDRAWN, _S.WITHDRAWN, _S.WITHDRAWN)
_OPEN: Final = (_S.PROPOSED, _S.PROPOSED, _S.PROPOSED, _S.WITHDRAWN, _S.WITHDRAWN, _S.WITHDRAWN)
_LAPSED: Final = (_S.EXPIRED, _S.EXPIRED, _S.EXPIRED, _S.WITHDRAWN, _S.WITHDRAWN, _S.WITHDRAWN)
# What all signed was not withdrawn: the last of them signed it all the same.
_AGREED: Final = (_S.NOT_YET, _S.NOT_YET, _S.NOT_YET, _S.NOT_YET, _S.DENOUNCED, _S.SUPERSEDED)
_RUNNING: Final = (_S.IN_FORCE, _S.NOTICE, _S.SUSPENDED, _S.IN_FORCE, _S.DENOUNCED, _S.SUPERSEDED)
_OVER: Final = (_S.EXPIRED, _S.EXPIRED, _S.EXPIRED, _S.EXPIRED, _S.DENOUNCED, _S.SUPERSEDED)

_STATES: Final = {
    (Signed.NONE, Phase.BEFORE): _DRAFT,
    (Signed.NONE, Phase.DURING): _DRAFT,
    (Signed.NONE, Phase.AFTER): _LAPSED,
    (Signed.SOME, Phase.BEFORE): _OPEN,
    (Signed.SOME, Phase.DURING): _OPEN,
    (Signed.SOME, Phase.AFTER): _LAPSED,
    (Signed.ALL, Phase.BEFORE): _AGREED,
    (Signed.ALL, Phase.DURING): _RUNNING,
    (Signed.ALL, Phase.AFTER): _OVER,
}
"""State by signatures and dates; each row has one state for each `Course`, in its order."""


def phase(agreement: Agreement, at: int) -> Phase:
    """Whether `at` (microseconds UTC) is before, within or after the agreement's validity."""
    if at < agreement.not_before:
        return Phase.BEFORE
    return Phase.DURING if at < agreement.not_after else Phase.AFTER


def how_signed(agreement: Agreement, signed_by: Collection[str]) -> Signed:
    """How many of the parties are among those who signed; others do not count."""
    count = sum(party in signed_by for party in agreement.parties)
    return Signed.NONE if not count else Signed.ALL if count == len(agreement.parties) else Signed.SOME


def state(
    agreement: Agreement,
    *,
    signed_by: Collection[str],
    now: int,
    course: Course = Course.UNTOUCHED,
) -> AgreementState:
    """Where an agreement stands.

    Args:
        agreement: the terms.
        signed_by: fingerprints whose signatures over these very bytes verified; others than its parties do not count.
        now: microseconds UTC.
        course: what was done to it (`domain.acts.course`).
    """
    return _STATES[how_signed(agreement, signed_by), phase(agreement, now)][course.value]


def halted(agreement: Agreement, at: int) -> bool:
    """Whether the agreement is suspended at `at` (microseconds UTC), as far as known here."""
    return any(since <= at and (until is None or at < until) for since, until in agreement.halts)


def covers(agreement: Agreement, *parties: str) -> bool:
    """Whether the agreement is between these parties, among others or not. They must be different parties."""
    return len(set(parties)) == len(parties) and all(party in agreement.parties for party in parties)


def rows_for(agreement: Agreement, level: Classification, at: int) -> list[Equivalence]:
    """Rows of the equivalence table that are valid at `at` (microseconds UTC) for a level."""
    return [row for row in agreement.equivalences if row.given == level and _valid(row, at)]


def handle_as(
    agreement: Agreement, level: Classification, at: int, *, scheme: str | None = None
) -> list[str]:
    """How a level of the other side is handled here; of one's own scheme alone where `scheme` is given."""
    return sorted({r.handle_as for r in rows_for(agreement, level, at) if scheme in (None, r.becomes.scheme)})


def _valid(row: Equivalence, at: int) -> bool:
    return (row.since is None or row.since <= at) and (row.until is None or at < row.until)


def faults(agreement: Agreement) -> list[str]:
    """Everything that makes terms unfit to be signed, each as `<path>: <what is wrong>`; none if they are fit."""
    return [
        *_party_faults(agreement),
        *_number_faults(agreement),
        *_run_off_faults(agreement),
        *_level_faults(agreement),
        *_reservation_faults(agreement),
    ]


def check(agreement: Agreement) -> None:
    """Refuse terms that nobody should sign.

    Raises:
        InputFault: lists every fault.
    """
    found = faults(agreement)
    if found:
        raise InputFault(
            f"the agreement cannot be signed as it is: {'; '.join(found)}",
            input=agreement.id or "agreement",
            where=found[0].partition(":")[0],
            do="mend the terms and propose them again",
        )


def _party_faults(agreement: Agreement) -> Iterator[str]:
    parties = agreement.parties
    if not agreement.id.strip():
        yield "id: is empty"
    if len(set(parties)) < 2:
        yield "parties: at least two different parties are needed"
    if len(set(parties)) < len(parties):
        yield "parties: one is named twice"
    if list(parties) != sorted(parties):
        yield "parties: are not sorted"
    for party in parties:
        if not is_fingerprint(party):
            yield f"parties: '{party}' is not a fingerprint"


def _number_faults(agreement: Agreement) -> Iterator[str]:
    if agreement.version < 1:
        yield "version: counts from 1"
    if agreement.not_after <= agreement.not_before:
        yield "not_after: is not later than not_before"
    if agreement.approvals < 1:
        yield "approvals: at least 1 beyond the drafter"
    if agreement.retention_days is not None and not 1 <= agreement.retention_days <= LONGEST_RETENTION_DAYS:
        yield f"retention_days: is not between 1 and {LONGEST_RETENTION_DAYS}"
    if agreement.suite not in SUITES:
        yield f"suite: {agreement.suite} is not one of {', '.join(map(str, SUITES))}"
    if not agreement.purposes:
        yield "purposes: none is named, so nothing could ever be released"


def _run_off_faults(agreement: Agreement) -> Iterator[str]:
    if agreement.run_off not in RUN_OFFS:
        yield f"run_off: '{agreement.run_off}' is not {' or '.join(RUN_OFFS)}"
    if (agreement.run_off == RETURN_OR_DESTROY) != (agreement.run_off_days > 0):
        yield f"run_off_days: {RETURN_OR_DESTROY} needs the days that it may take, and nothing else has any"
    if not 0 <= agreement.run_off_days <= LONGEST_RETENTION_DAYS:
        yield f"run_off_days: is not between 0 and {LONGEST_RETENTION_DAYS}"
    if not 0 <= agreement.notice_days <= LONGEST_NOTICE_DAYS:
        yield f"notice_days: is not between 0 and {LONGEST_NOTICE_DAYS}"


def _level_faults(agreement: Agreement) -> Iterator[str]:
    rows = agreement.equivalences
    for level in sorted(agreement.levels - {row.given for row in rows}):
        yield f"levels: {level.scheme} {level.level} has no row in the equivalence table"
    for index, row in enumerate(rows):
        path = f"equivalence[{index}]"
        if row.since is not None and row.until is not None and row.until <= row.since:
            yield f"{path}.until: is not later than since"
        if not row.handle_as.strip():
            yield f"{path}.handle_as: is empty"
        for key, level in (("given", row.given), ("becomes", row.becomes)):
            if not level.scheme.strip() or not level.level.strip():
                yield f"{path}.{key}: names no scheme or no level"
    yield from _contradictions(rows)
    yield from loops(rows)


def _reservation_faults(agreement: Agreement) -> Iterator[str]:
    for index, made in enumerate(agreement.reservations):
        path = f"reservation[{index}]"
        if made.party not in agreement.parties:
            yield f"{path}.party: '{made.party}' is not a party to the agreement"
        narrowed = _narrowed(made)
        if not narrowed:
            yield f"{path}: narrows nothing"
        if made.clause and made.clause not in RESERVABLE:
            yield f"{path}.clause: '{made.clause}' is not one of {', '.join(RESERVABLE)}"
        elif made.clause and narrowed - {made.clause}:
            yield f"{path}.clause: it is about {made.clause} and yet narrows {', '.join(sorted(narrowed - {made.clause}))}"
        yield from _outside(agreement, made, path)
    for party in agreement.parties:
        left = agreement.purposes.difference(
            *(r.purposes for r in agreement.reservations if r.party == party)
        )
        if agreement.purposes and not left:
            yield f"reservation: those of '{party}' leave no purpose, so nothing could ever be released to it"


def _narrowed(made: Reservation) -> set[str]:
    return {key for key in RESERVABLE if getattr(made, key) not in (None, frozenset())}


def _outside(agreement: Agreement, made: Reservation, path: str) -> Iterator[str]:
    """What a reservation keeps out that the terms do not let in."""
    levels = [f"{level.scheme} {level.level}" for level in sorted(made.levels - agreement.levels)]
    named = {
        "purposes": sorted(made.purposes - agreement.purposes),
        "topics": sorted(made.topics - agreement.topics),
        "levels": levels,
    }
    for key, words in named.items():
        for word in words:
            yield f"{path}.{key}: '{word}' is not among the agreement's {key}"
    if made.tlp_ceiling is not None and made.tlp_ceiling >= agreement.tlp_ceiling:
        yield f"{path}.tlp_ceiling: is not below the agreement's"


def _contradictions(rows: Iterable[Equivalence]) -> Iterator[str]:
    """Two rows that at one time give one level two meanings in one scheme."""
    seen: dict[tuple[Classification, str], list[tuple[int, Equivalence]]] = {}
    for index, row in enumerate(rows):
        alike = seen.setdefault((row.given, row.becomes.scheme), [])
        for earlier, other in alike:
            if _overlap(row, other):
                yield f"equivalence[{index}]: is valid at the same time as equivalence[{earlier}] for the same level"
        alike.append((index, row))


def _overlap(a: Equivalence, b: Equivalence) -> bool:
    starts_before_end = a.since is None or b.until is None or a.since < b.until
    return starts_before_end and (b.since is None or a.until is None or b.since < a.until)
