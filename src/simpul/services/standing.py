"""Where agreements stand: read from the documents and acts that are here. Nothing of it is stored by itself.

    lineage(unit, id)   every version of one agreement, newest first, with all that was done to it
    lineages(unit)      the same for all of them

Decisions ask these often, so each document is decoded once and kept by its bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache

from msgspec import Struct

from simpul.domain import acts as done
from simpul.domain.acts import Act, AgreementAct, KnownAct
from simpul.domain.agreements import Agreement, AgreementState, Signed, covers, how_signed
from simpul.domain.agreements import state as agreement_state
from simpul.domain.labels import LAST_INSTANT
from simpul.errors import Ambiguous, NotFound
from simpul.ports import SignedRow, Unit
from simpul.protocol.agreement_acts import ACT_KIND, decode_act
from simpul.protocol.agreements import KIND, decode_agreement
from simpul.protocol.documents import parse_document


class Version(Struct, frozen=True, kw_only=True):
    """One version of an agreement: its row, and its terms as they were signed."""

    row: SignedRow
    terms: Agreement

    @property
    def agreed(self) -> bool:
        """Whether every party signed it, as far as known here."""
        return how_signed(self.terms, self.row.signed_by) is Signed.ALL


class Lineage:
    """Every version of one agreement, and the acts on it.

    Args:
        versions: the newest version first; at least one.
        acts: in the order in which they became known here.
    """

    def __init__(self, versions: Sequence[Version], acts: Sequence[KnownAct]) -> None:
        self.versions = tuple(sorted(versions, key=lambda each: -each.row.version))
        self.acts = tuple(acts)

    @property
    def id(self) -> str:
        """The agreement's id."""
        return self.versions[0].row.id

    @property
    def newest(self) -> Version:
        """The newest version, signed or not."""
        return self.versions[0]

    @cached_property
    def binding(self) -> Version | None:
        """The newest version that every party signed."""
        return next((each for each in self.versions if each.agreed), None)

    def of_hash(self, hash: bytes) -> Version | None:
        """The version with these terms."""
        return next((each for each in self.versions if each.row.hash == hash), None)

    def of_version(self, version: int) -> Version | None:
        """The version with this number."""
        return next((each for each in self.versions if each.row.version == version), None)

    def signed_by(self, party: str) -> Version | None:
        """The newest version that a party has signed."""
        return next((each for each in self.versions if party in each.row.signed_by), None)

    def terms(self, of: Version) -> Agreement:
        """The terms as they hold here: with suspensions, and ending by a denunciation if that is sooner."""
        return done.with_acts(of.terms, self.acts)

    def state(self, of: Version, at: int) -> AgreementState:
        """Where a version stands at a moment (microseconds UTC)."""
        course = done.course(
            of.terms,
            self.acts,
            at=at,
            signed_by=of.row.signed_by,
            replaced=any(each.terms.replaces == of.row.hash for each in self.versions),
            superseded=any(at >= each.terms.not_before for each in self._later(of)),
        )
        return agreement_state(of.terms, signed_by=of.row.signed_by, now=at, course=course)

    def ended(self, of: Version) -> int:
        """When a version stopped to decide, or will: by date, denunciation, a later version, or a halt that lasts."""
        terms = self.terms(of)
        halted = [since for since, until in terms.halts if until is None]
        return min([terms.not_after, self.succeeded(of), *halted])

    def succeeded(self, of: Version) -> int:
        """When a later version that all signed begins in its place; the last instant if there is none."""
        begun = (max(each.terms.not_before, each.row.at) for each in self._later(of))
        return min(begun, default=LAST_INSTANT)

    def chain(self, party: str) -> list[KnownAct]:
        """A party's acts, the first one first."""
        return [each for each in self.acts if each.act.party == party]

    def pending(self, party: str) -> KnownAct | None:
        """The newest resumption that this party and perhaps others have still to sign, if it ends all that is halted."""
        if self.binding is None:
            return None
        halted = sorted(each.hash for each in done.open_suspensions(self.binding.terms, self.acts))
        for each in reversed(self.acts):
            open = each.act.act is Act.RESUME and list(each.act.lifts) == halted
            if open and party not in each.signed_by:
                return each
        return None

    def _later(self, than: Version) -> Iterator[Version]:
        return (each for each in self.versions if each.row.version > than.row.version and each.agreed)


def lineage(unit: Unit, id: str) -> Lineage | None:
    """An agreement by its id, or None if none of its versions is here."""
    rows = unit.directory.signed(KIND, id=id)
    return Lineage([_version(row) for row in rows], acts_of(unit, id)) if rows else None


def lineages(unit: Unit, *parties: str) -> list[Lineage]:
    """Every agreement, the one that became known last first.

    With parties, only those between them, among others or not, of which some version bears the signatures of all of
    them: no other decides, and with many partners most need not be decoded.
    """
    rows = unit.directory.signed(KIND)
    signed = {row.id for row in rows if not parties or set(parties) <= set(row.signed_by)}
    versions: dict[str, list[Version]] = {}
    for each in (_version(row) for row in rows if row.id in signed):
        if not parties or covers(each.terms, *parties):
            versions.setdefault(each.row.id, []).append(each)
    return [Lineage(found, acts_of(unit, id)) for id, found in versions.items()]


def wanted_lineage(unit: Unit, wanted: str) -> Lineage:
    """The agreement a person means: by its id, or the start of the hash of one of its versions.

    Raises:
        NotFound, Ambiguous: none or several fit.
    """
    found = lineage(unit, wanted)
    if found is not None:
        return found
    start = wanted.casefold()
    rows = [r for r in unit.directory.signed(KIND) if len(start) >= 6 and r.hash.hex().startswith(start)]
    ids = sorted({row.id for row in rows})
    if not ids:
        raise NotFound(f"there is no agreement '{wanted}'", input=wanted, do="see `simpul agreement list`")
    named = lineage(unit, ids[0])
    if len(ids) > 1 or named is None:
        raise Ambiguous(f"'{wanted}' fits several", candidates=[r.hash.hex() for r in rows], input=wanted)
    return named


def terms_of(row: SignedRow) -> Agreement:
    """The terms of a stored document, which was verified when it came."""
    return _terms(row.document)


def acts_of(unit: Unit, id: str) -> list[KnownAct]:
    """Every act on an agreement that is known here, in the order in which they became known."""
    rows = sorted(unit.directory.signed(ACT_KIND, id=id), key=lambda row: row.version)
    return [
        KnownAct(act=_act(row.document), hash=row.hash, signed_by=row.signed_by, known=row.at) for row in rows
    ]


def _version(row: SignedRow) -> Version:
    return Version(row=row, terms=_terms(row.document))


@lru_cache(maxsize=256)
def _terms(document: bytes) -> Agreement:
    return decode_agreement(parse_document(document).payload)


@lru_cache(maxsize=1024)
def _act(document: bytes) -> AgreementAct:
    return decode_act(parse_document(document).payload)
