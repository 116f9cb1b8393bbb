"""Agreements as canonical bytes and as signed documents (spec/documents.md, "Agreements").

Every party signs the same payload bytes; the payload's hash is the agreement's name in messages and manifests.
"""

from __future__ import annotations

import hashlib
from typing import Final

from simpul.domain.agreements import KEEP, Agreement, Equivalence, Reservation
from simpul.domain.labels import Classification
from simpul.errors import Malformed
from simpul.protocol.canonical import Hex, Wire, decode, encode
from simpul.protocol.labels import TLP_NAMES, WireOnward, onward_from_wire, onward_to_wire, tlp_named
from simpul.protocol.versions import SUITE

KIND: Final = "agreement"
AGREEMENT_LIMIT: Final = 512 * 1024


class WireEquivalence(Wire, frozen=True, kw_only=True):
    """`domain.agreements.Equivalence` as it is sent: levels are [scheme, level] pairs."""

    given: tuple[str, str]
    becomes: tuple[str, str]
    handle_as: str
    since: int | None = None
    until: int | None = None
    footnote: str = ""


class WireReservation(Wire, frozen=True, kw_only=True):
    """`domain.agreements.Reservation` as it is signed."""

    party: str
    clause: str = ""
    purposes: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    levels: tuple[tuple[str, str], ...] = ()
    tlp_ceiling: str | None = None
    text: str = ""


class WireAgreement(Wire, frozen=True, kw_only=True):
    """`domain.agreements.Agreement` as it is signed: sets are sorted arrays; table and reservations keep their order.

    Suspensions (`halts`) are signed apart from it, as acts.
    """

    id: str
    version: int
    title: str
    parties: tuple[str, ...]
    purposes: tuple[str, ...]
    topics: tuple[str, ...]
    compartments: tuple[str, ...]
    tlp_ceiling: str
    levels: tuple[tuple[str, str], ...]
    equivalences: tuple[WireEquivalence, ...]
    onward: WireOnward
    retention_days: int | None
    approvals: int
    obligations: tuple[str, ...]
    not_before: int
    not_after: int
    suite: int = SUITE.number
    reservations: tuple[WireReservation, ...] = ()
    run_off: str = KEEP
    run_off_days: int = 0
    notice_days: int = 0
    replaces: Hex = b""


def to_wire(agreement: Agreement) -> WireAgreement:
    """The form that the parties sign."""
    return WireAgreement(
        id=agreement.id,
        version=agreement.version,
        title=agreement.title,
        parties=agreement.parties,
        purposes=tuple(sorted(agreement.purposes)),
        topics=tuple(sorted(agreement.topics)),
        compartments=tuple(sorted(agreement.compartments)),
        tlp_ceiling=TLP_NAMES[agreement.tlp_ceiling],
        levels=tuple(sorted(_pair(level) for level in agreement.levels)),
        equivalences=tuple(map(_row_to_wire, agreement.equivalences)),
        onward=onward_to_wire(agreement.onward),
        retention_days=agreement.retention_days,
        approvals=agreement.approvals,
        obligations=tuple(sorted(agreement.obligations)),
        not_before=agreement.not_before,
        not_after=agreement.not_after,
        suite=agreement.suite,
        reservations=tuple(map(_reservation_to_wire, agreement.reservations)),
        run_off=agreement.run_off,
        run_off_days=agreement.run_off_days,
        notice_days=agreement.notice_days,
        replaces=agreement.replaces,
    )


def from_wire(wire: WireAgreement) -> Agreement:
    """The agreement that was signed.

    Raises:
        Malformed: unsorted arrays, fewer than two parties, or numbers out of range.
    """
    agreement = Agreement(
        id=wire.id,
        version=wire.version,
        title=wire.title,
        parties=wire.parties,
        purposes=frozenset(wire.purposes),
        topics=frozenset(wire.topics),
        compartments=frozenset(wire.compartments),
        tlp_ceiling=tlp_named(wire.tlp_ceiling),
        levels=frozenset(Classification(*level) for level in wire.levels),
        equivalences=tuple(map(_row_from_wire, wire.equivalences)),
        onward=onward_from_wire(wire.onward),
        retention_days=wire.retention_days,
        approvals=wire.approvals,
        obligations=frozenset(wire.obligations),
        not_before=wire.not_before,
        not_after=wire.not_after,
        suite=wire.suite,
        reservations=tuple(map(_reservation_from_wire, wire.reservations)),
        run_off=wire.run_off,
        run_off_days=wire.run_off_days,
        notice_days=wire.notice_days,
        replaces=bytes(wire.replaces),
    )
    parties = list(agreement.parties)
    if len(parties) < 2 or parties != sorted(set(parties)) or to_wire(agreement) != wire:
        raise Malformed("its parties or sets are not sorted and without repetition", input="agreement")
    if agreement.version < 1 or agreement.approvals < 1 or agreement.not_before >= agreement.not_after:
        raise Malformed("its version, approvals or dates are out of range", input="agreement")
    if len(agreement.replaces) not in (0, 32):
        raise Malformed("what it replaces is not a hash", input="agreement", where="replaces")
    return agreement


def encode_agreement(agreement: Agreement) -> bytes:
    """The payload that the parties sign."""
    return encode(to_wire(agreement))


def decode_agreement(data: bytes) -> Agreement:
    """The agreement of a payload.

    Raises:
        Malformed, NotUnderstood: not one agreement in its one form.
    """
    return from_wire(decode(data, WireAgreement, AGREEMENT_LIMIT))


def agreement_hash(agreement: Agreement) -> bytes:
    """SHA-256 of the payload: equal to the hash of the signed document."""
    return hashlib.sha256(encode_agreement(agreement)).digest()


def equivalence_hash(agreement: Agreement) -> bytes:
    """SHA-256 of the equivalence table alone, which messages name beside the agreement (spec/message.md)."""
    rows = [_row_to_wire(row) for row in agreement.equivalences]
    return hashlib.sha256(encode(rows)).digest()


def _pair(level: Classification) -> tuple[str, str]:
    return level.scheme, level.level


def _row_to_wire(row: Equivalence) -> WireEquivalence:
    return WireEquivalence(
        given=_pair(row.given),
        becomes=_pair(row.becomes),
        handle_as=row.handle_as,
        since=row.since,
        until=row.until,
        footnote=row.footnote,
    )


def _row_from_wire(wire: WireEquivalence) -> Equivalence:
    return Equivalence(
        given=Classification(*wire.given),
        becomes=Classification(*wire.becomes),
        handle_as=wire.handle_as,
        since=wire.since,
        until=wire.until,
        footnote=wire.footnote,
    )


def _reservation_to_wire(made: Reservation) -> WireReservation:
    return WireReservation(
        party=made.party,
        clause=made.clause,
        purposes=tuple(sorted(made.purposes)),
        topics=tuple(sorted(made.topics)),
        levels=tuple(sorted(_pair(level) for level in made.levels)),
        tlp_ceiling=None if made.tlp_ceiling is None else TLP_NAMES[made.tlp_ceiling],
        text=made.text,
    )


def _reservation_from_wire(wire: WireReservation) -> Reservation:
    return Reservation(
        party=wire.party,
        clause=wire.clause,
        purposes=frozenset(wire.purposes),
        topics=frozenset(wire.topics),
        levels=frozenset(Classification(*level) for level in wire.levels),
        tlp_ceiling=None if wire.tlp_ceiling is None else tlp_named(wire.tlp_ceiling),
        text=wire.text,
    )
