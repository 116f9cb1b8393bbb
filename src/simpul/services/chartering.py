"""What people do about circles: propose a charter, sign one, leave, and look at where each stands (spec/circles.md)."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from simpul.domain.circles import Charter, CircleState, Leave, Place, check, makes_ring, state
from simpul.errors import InputFault, NotFound, Refusal, TooLarge
from simpul.formats.charters import read_charter, write_charter
from simpul.ports import SignedRow, Unit
from simpul.protocol.canonical import decode
from simpul.protocol.charters import (
    CHARTER_LIMIT,
    KIND,
    LEAVE_KIND,
    CharterStep,
    encode_charter,
    encode_leave,
)
from simpul.protocol.documents import countersign, parse_document, sign
from simpul.protocol.keys import SigningKey
from simpul.services import circling, convening
from simpul.services.charter_posting import pass_on
from simpul.services.circling import Known, charter_of
from simpul.services.node import Node
from simpul.services.posting import post
from simpul.services.querying import names_of, party_of
from simpul.services.rostering import members_for
from simpul.services.small_files import Written, called, read_small


class CharterStanding(Struct, frozen=True, kw_only=True):
    """One epoch of a circle and where it stands.

    Attributes:
        circle, epoch, hash, state: which, and where it stands; leaves since count in `epoch` while it is in force.
        members: everybody in it, those of its member circles too; of an epoch that is not in force the direct ones.
        threshold: signatures that the next one needs.
        signed: whose signature is on it.
        behind: members that have not said that they hold it.
        words: the charter as TOML, for people; `terms` as plain values.
    """

    circle: str
    epoch: int
    hash: bytes
    state: str
    members: tuple[str, ...]
    threshold: int
    signed: tuple[str, ...]
    behind: tuple[str, ...]
    words: tuple[str, ...]
    terms: dict[str, Any]


def propose(node: Node, file: Written, by: str) -> CharterStanding:
    """Sign the next charter of a circle, or the first, and offer it to the members that it names.

    Raises:
        InputFault: the file, a party without a card here, this node is not named, or the circles stand in a ring.
        Refusal: this node signed another text of that epoch, or is not in the circle.
    """
    with node.store.write() as unit:
        charter = _read(unit, node, file)
        _check(unit, node, charter, called(file))
        document = sign(KIND, node.realm, encode_charter(charter), _key(node))
        row = SignedRow(
            kind=KIND,
            id=charter.id,
            version=charter.epoch,
            hash=document.hash,
            document=document.encode(),
            signed_by=(node.party,),
            proposed_by=node.party,
            at=node.clock(),
        )
        convening.keep(unit, node, row, "propose", by=by or node.party)
        if not charter.blind:  # it is in force at once, and goes with the word that it is
            pass_on(unit, node, row, "propose")
        convening.advance(unit, node, row.id)
        return _standing(unit, node, row)


def _read(unit: Unit, node: Node, file: Written) -> Charter:
    """The charter that is written, as the next of its circle here."""
    written = read_charter(
        read_small(file),
        party=lambda p: party_of(unit, p).fingerprint,
        pinned=lambda name: circling.circles(unit)[circling.name_of(unit, name)].circle.hash,
        roster=lambda name: members_for(unit, name),
        input=called(file),
    )
    return _following(node, written, circling.circles(unit).get(written.id))


def _check(unit: Unit, node: Node, charter: Charter, input: str) -> None:
    # (1) it is fit to be signed, and of this node's concern
    check(charter)
    if charter.blind and node.party != charter.convener:
        raise Refusal(
            "the charter of a blind circle is its convener's alone", input=input, do="ask the convener"
        )
    if not charter.blind and node.party not in charter.members:
        raise InputFault(
            "this node is not one of the members that it names",
            input=input,
            where="parties",
            do="to leave a circle, use `simpul circle leave`",
        )
    # (2) circles never stand in a ring
    if makes_ring(charter, {name: each.circle for name, each in circling.circles(unit).items()}):
        raise InputFault("the circles would stand in a ring", input=input, where="circles")
    # (3) it can be read again
    if len(encode_charter(charter)) > CHARTER_LIMIT:
        raise TooLarge(f"the charter takes more than {CHARTER_LIMIT} bytes", input=input)
    # (4) this node signs one text of an epoch
    stored = next((r for r in _rows(unit, charter.id) if r.version == charter.epoch), None)
    if stored is not None and node.party in stored.signed_by:
        raise Refusal(
            f"this node has signed a text of epoch {charter.epoch} of '{charter.id}' already",
            input=charter.id,
            do="wait for the other members; `simpul circle show` says who has signed",
        )


def _following(node: Node, written: Charter, known: Known | None) -> Charter:
    """The charter with its epoch and what came before; without a convener the proposer is it."""
    convener = written.convener or node.party
    if known is None:
        return replace(written, convener=convener)
    if known.out or node.party not in (circling.conveners(known.circle.charter) or known.circle.direct):
        raise Refusal(
            f"this node is not a member of '{written.id}'",
            input=written.id,
            do="ask a member to propose a charter that names it, and sign that",
        )
    circle = known.circle
    return replace(
        written,
        terms=replace(written.terms, version=circle.epoch + 1),
        convener=convener,
        previous=circle.hash,
        left=tuple(sorted(circle.left)),
    )


def sign_charter(node: Node, wanted: str, by: str, *, hash: str = "") -> CharterStanding:
    """Sign the proposed charter of a circle. For one that names this node anew, that is its consent to join.

    Args:
        node: who signs.
        wanted: the circle.
        by: the acting person, or empty.
        hash: the beginning of the hash of the charter that was read: another one is not signed. Empty: what is proposed.

    Raises:
        NotFound: no such circle.
        Refusal: nothing is proposed, this node has signed it, or another text is proposed by now.
    """
    with node.store.write() as unit:
        row = _proposed(unit, wanted)
        if not row.hash.hex().startswith(hash.casefold()):
            raise Refusal(
                f"another text of epoch {row.version} of '{row.id}' is proposed by now",
                input=wanted,
                where="hash",
                do="read it with `simpul circle show`, and sign it by its own hash",
            )
        known = circling.circles(unit).get(row.id)
        if known is not None and row.version <= known.circle.charter.epoch and not known.out:
            raise Refusal(f"nothing is proposed for '{row.id}'", input=wanted, do="see `simpul circle show`")
        if charter_of(row.document).blind:
            raise Refusal(
                "the charter of a blind circle is its convener's alone",
                input=wanted,
                do="you asked to be in by `simpul circle enrol`; wait for the convener",
            )
        if node.party in row.signed_by:
            raise Refusal(
                f"this node has signed epoch {row.version} of '{row.id}' already",
                input=wanted,
                do="wait for the other members; `simpul circle show` says who has signed",
            )
        document = countersign(parse_document(row.document), _key(node))
        signed = replace(
            row, document=document.encode(), signed_by=tuple(sorted({*row.signed_by, node.party}))
        )
        convening.keep(unit, node, signed, "sign", by=by or node.party)
        pass_on(unit, node, signed, "sign")
        convening.advance(unit, node, row.id)
        return _standing(unit, node, signed)


def leave(node: Node, wanted: str, by: str) -> CharterStanding:
    """Leave a circle: this node's signature alone is enough, and it holds at once.

    Raises:
        NotFound: no such circle.
        Refusal: this node is not a direct member of it.
    """
    with node.store.write() as unit:
        row = _in_force(unit, wanted)
        known = circling.circles(unit)[row.id]
        if known.out or node.party not in known.circle.direct:
            raise Refusal(
                f"this node is not a direct member of '{row.id}'", input=wanted, do="see `simpul circle list`"
            )
        told = circling.audience(unit, row.id) - {node.party}
        word = Leave(circle=row.id, charter=row.hash, party=node.party, at=node.clock())
        document = sign(LEAVE_KIND, node.realm, encode_leave(word), _key(node))
        convening.keep_leave(unit, node, document, row.version, by=by or node.party)
        epoch = circling.circles(unit)[row.id].circle.epoch
        circling.out_of(unit, row.id, epoch)
        for party in sorted(told):
            post(unit, node, party, CharterStep(step="leave", id=row.id, epoch=epoch), [document.encode()])
        return _standing(unit, node, row)


def show(node: Node, wanted: str) -> CharterStanding:
    """One circle: what is proposed, else its newest epoch. Raises `NotFound`."""
    with node.store.read() as unit:
        return _standing(unit, node, _proposed(unit, wanted))


def history(node: Node, wanted: str) -> list[CharterStanding]:
    """Every epoch of one circle, newest first. Raises `NotFound`."""
    with node.store.read() as unit:
        return [_standing(unit, node, row) for row in _rows_of(unit, wanted)]


def list_circles(node: Node) -> list[CharterStanding]:
    """Every circle by name: its newest epoch, and what is proposed after it."""
    with node.store.read() as unit:
        names = sorted({row.id for row in unit.directory.signed(KIND)})
        found = [_standing(unit, node, row) for name in names for row in reversed(_rows(unit, name))]
    return [each for each in found if each.state != CircleState.SUPERSEDED]


def _rows(unit: Unit, name: str) -> list[SignedRow]:
    """Every epoch, newest first."""
    return sorted(unit.directory.signed(KIND, id=name), key=lambda row: row.version, reverse=True)


def _rows_of(unit: Unit, wanted: str) -> list[SignedRow]:
    rows = _rows(unit, wanted)
    if not rows:
        raise NotFound(f"there is no circle '{wanted}'", input=wanted, do="see `simpul circle list`")
    return rows


def _proposed(unit: Unit, wanted: str) -> SignedRow:
    """What is proposed for a circle and would follow what is in force here, else what is in force."""
    rows, known = _rows_of(unit, wanted), circling.circles(unit).get(wanted)
    if known is None or known.out:
        return rows[0]
    newest = known.circle.hash
    following = [row for row in rows if charter_of(row.document).previous == newest]
    return (following or [row for row in rows if row.hash == newest])[0]


def _in_force(unit: Unit, wanted: str) -> SignedRow:
    rows = _rows_of(unit, wanted)
    known = circling.circles(unit).get(wanted)
    found = next((row for row in rows if known is not None and row.hash == known.circle.hash), None)
    if found is None:
        raise Refusal(f"'{wanted}' is not in force here", input=wanted, do="see `simpul circle show`")
    return found


def _standing(unit: Unit, node: Node, row: SignedRow) -> CharterStanding:
    charter, known = charter_of(row.document), circling.circles(unit).get(row.id)
    place = _place(row, known)
    newest = place is Place.NEWEST and known is not None
    names = names_of(unit)
    signed = ", ".join(names.get(p, p) for p in row.signed_by) or "nobody known here"
    everybody = (circling.members_of(unit)(row.id) if newest else None) or charter.members
    behind = circling.waiting_for(unit, row.id, node.party) if newest and known and not known.out else []
    return CharterStanding(
        circle=row.id,
        epoch=known.circle.epoch if newest and known else row.version,
        hash=row.hash,
        state=state(place, dissolved=charter.dissolved, left=bool(known and known.out)).value,
        members=tuple(sorted(everybody)),
        threshold=charter.threshold,
        signed=row.signed_by,
        behind=tuple(behind),
        words=(
            f"signed by  {signed}",
            *([f"behind     {', '.join(names.get(p, p) for p in behind)}"] if behind else []),
            "",
            *write_charter(charter, name_of=lambda p: names.get(p, p)).splitlines(),
        ),
        terms=decode(parse_document(row.document).payload, dict[str, Any], CHARTER_LIMIT),
    )


def _place(row: SignedRow, known: Known | None) -> Place:
    if known is None or row.version > known.circle.charter.epoch:
        return Place.AHEAD
    return Place.NEWEST if row.hash == known.circle.hash else Place.BEHIND


def _key(node: Node) -> SigningKey:
    return SigningKey(node.keyring.secret("signing"))
