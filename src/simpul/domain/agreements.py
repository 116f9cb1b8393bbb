"""Agreements: what two or more parties signed, as terms a decision can walk clause by clause.

The signed form is a document (`protocol.documents`); this is its meaning. A proposal becomes an agreement `in-force`
when every named party has signed the same bytes; `AgreementState` is derived, never stored by hand.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from enum import Enum, StrEnum
from typing import Final

from msgspec import Struct

from simpul.domain.labels import Classification, Onward, Tlp
from simpul.domain.parties import is_fingerprint
from simpul.errors import InputFault


class AgreementState(StrEnum):
    """Where an agreement stands for this node at a given time (suspension and denunciation come later)."""

    DRAFT = "draft"
    PROPOSED = "proposed"
    IN_FORCE = "in-force"
    NOT_YET = "not-yet-valid"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"


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


_STATES: Final = {
    (Signed.NONE, Phase.BEFORE): AgreementState.DRAFT,
    (Signed.NONE, Phase.DURING): AgreementState.DRAFT,
    (Signed.NONE, Phase.AFTER): AgreementState.EXPIRED,
    (Signed.SOME, Phase.BEFORE): AgreementState.PROPOSED,
    (Signed.SOME, Phase.DURING): AgreementState.PROPOSED,
    (Signed.SOME, Phase.AFTER): AgreementState.EXPIRED,
    (Signed.ALL, Phase.BEFORE): AgreementState.NOT_YET,
    (Signed.ALL, Phase.DURING): AgreementState.IN_FORCE,
    (Signed.ALL, Phase.AFTER): AgreementState.EXPIRED,
}


def phase(agreement: Agreement, at: int) -> Phase:
    """Whether `at` (microseconds UTC) is before, within or after the agreement's validity."""
    if at < agreement.not_before:
        return Phase.BEFORE
    return Phase.DURING if at < agreement.not_after else Phase.AFTER


def state(
    agreement: Agreement,
    *,
    signed_by: Collection[str],
    now: int,
    superseded: bool = False,
) -> AgreementState:
    """Where an agreement stands.

    Args:
        agreement: the terms.
        signed_by: fingerprints whose signatures over these very bytes verified; others than its parties do not count.
        now: microseconds UTC.
        superseded: a later version that every party signed has begun.
    """
    if superseded:
        return AgreementState.SUPERSEDED
    count = sum(party in signed_by for party in agreement.parties)
    signed = Signed.NONE if not count else Signed.ALL if count == len(agreement.parties) else Signed.SOME
    return _STATES[signed, phase(agreement, now)]


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
    return [*_party_faults(agreement), *_number_faults(agreement), *_level_faults(agreement)]


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
    yield from _contradictions(rows)


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
