"""What a party does to an agreement: suspend, resume, denounce, decline; and the same when a partner does it.

An act is a document by the party that does it, the next of its chain on that agreement. Its partners sign it too: at
once for whatever restricts, so that its maker knows that it is known; by a person's word for a resumption, which opens
again and so needs all. Every act goes out with the maker's earlier ones that the partner has not signed, and with the
terms that they are about, so that nothing depends on the order in which messages arrive.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from simpul.domain.acts import Act, AgreementAct, KnownAct, act_faults, open_suspensions
from simpul.domain.agreements import MOVES, Agreement, Move
from simpul.errors import BadSignature, InputFault, Malformed, Misdirected, Refusal, Stale
from simpul.ports import SignedRow, Unit
from simpul.protocol.agreement_acts import ACT_KIND, LIFTS_LIMIT, decode_act, encode_act
from simpul.protocol.documents import Document, countersign, parse_document, require, sign
from simpul.protocol.envelope import Opened
from simpul.protocol.payloads import AgreementStep
from simpul.services.node import Node
from simpul.services.standing import Lineage, Version, lineage, wanted_lineage
from simpul.services.stepping import (
    ACKNOWLEDGE,
    ACT,
    SIGNATURES,
    Step,
    merged,
    record_step,
    signers,
    signing_key,
    tell,
    when,
)
from simpul.services.times import DAY

__all__ = ["ACT_KIND", "AT_ONCE", "KnownAct", "do", "resume", "take_acts"]

PREVIOUS: Final = "agreement.previous"
"""The clause by which an act is refused that does not follow the one before it."""

UNHEARD_MOST: Final = 16
"""Acts of one party on one agreement that another party has not signed yet; no more are made before it has."""

ACTS_MOST: Final = 256
"""Acts of one party on one agreement, in all."""

AT_ONCE: Final = frozenset({Act.SUSPEND, Act.RESUME, Act.DECLINE})
"""Acts that take effect when they are made; a denunciation does after its notice."""

_RESTRICTING: Final = frozenset({Act.SUSPEND, Act.DENOUNCE, Act.DECLINE})
"""Acts that a node signs by itself when they reach it: the signature says that they did."""

_MOVES: Final = {Act.SUSPEND: Move.SUSPEND, Act.DENOUNCE: Move.DENOUNCE, Act.DECLINE: Move.DECLINE}
_PAST: Final = {
    Act.SUSPEND: "suspended",
    Act.DENOUNCE: "denounced",
    Act.DECLINE: "declined",
    Act.RESUME: "resumed",
}


# What a person does.


OFFER_LASTS: Final = DAY
"""Microseconds for which a resumption that was offered can be signed: it ends the suspension when it was offered."""


def do(node: Node, wanted: str, act: Act, reason: str, by: str) -> str:
    """Suspend, denounce or decline; returns the agreement's id.

    A suspension holds at once and until all sign that it is over; a denunciation takes effect after the notice that the
    terms state. Both are about every version that this node has signed. Declining answers the newest proposal.

    Raises:
        NotFound, Ambiguous: no such agreement, or several.
        InputFault: no reason, or one that is too long.
        Refusal: the agreement's state does not allow it, or partners have not heard of too many acts before.
    """
    with node.store.write() as unit:
        found = wanted_lineage(unit, wanted)
        of = _subject(found, node, act)
        now = node.clock()
        notice = of.terms.notice_days * DAY if act is Act.DENOUNCE else 0
        made = _new(found, node, of, act, now=now, since=now + notice, reason=reason)
        _make(unit, node, found, of, made, by)
        return found.id


def resume(node: Node, wanted: str, reason: str, by: str) -> str:
    """End every suspension: offer it to the other parties, or sign what one of them offered. Returns the agreement's id.

    Raises:
        NotFound, Ambiguous: no such agreement, or several.
        Refusal: nothing is suspended, or this node has offered it already.
    """
    with node.store.write() as unit:
        found = wanted_lineage(unit, wanted)
        halted = open_suspensions(found.binding.terms, found.acts) if found.binding else []
        of = found.signed_by(node.party)
        if not halted or of is None:
            raise Refusal(
                f"'{found.id}' is not suspended",
                input=wanted,
                where="agreement.state",
                do="`simpul agreement show` says how it stands",
            )
        now = node.clock()
        offered = found.pending(node.party)
        # What was offered longer ago would end the suspension in the past: it is offered anew instead.
        if offered is not None and now - offered.act.since <= OFFER_LASTS:
            _agree(unit, node, found, offered, by)
            return found.id
        lifts = tuple(sorted(each.hash for each in halted))
        if any(
            _is_offer(each, lifts, node.party) and now - each.act.since <= OFFER_LASTS for each in found.acts
        ):
            raise Refusal(
                f"this node has signed already that the suspension of '{found.id}' ends",
                input=wanted,
                do="wait for the other parties; `simpul agreement show` says who has signed",
            )
        made = _new(found, node, of, Act.RESUME, now=now, since=now, reason=reason, lifts=lifts[:LIFTS_LIMIT])
        _make(unit, node, found, of, made, by)
        return found.id


def _is_offer(each: KnownAct, lifts: tuple[bytes, ...], party: str) -> bool:
    return each.act.act is Act.RESUME and each.act.lifts == lifts and each.act.party == party


def _subject(found: Lineage, node: Node, act: Act) -> Version:
    """The version that an act of this node names; what it is about must be in a state that allows the act."""
    if act is Act.DECLINE:
        _require(found, found.newest, act, node.clock())
        if node.party in found.newest.row.signed_by:
            raise Refusal(
                f"this node has signed version {found.newest.row.version} of '{found.id}'",
                input=found.id,
                where=SIGNATURES,
                do="propose a next version in its place: `simpul agreement counter`",
            )
        return found.newest
    of = found.signed_by(node.party)
    if found.binding is None or of is None:
        raise Refusal(
            f"not all parties have signed a version of '{found.id}': it cannot be {_PAST[act]}",
            input=found.id,
            where=SIGNATURES,
            do="`simpul agreement decline` answers a proposal",
        )
    _require(found, found.binding, act, node.clock())
    return of


def _require(found: Lineage, of: Version, act: Act, at: int) -> None:
    state = found.state(of, at)
    if _MOVES[act] not in MOVES[state]:
        raise Refusal(
            f"version {of.row.version} of '{found.id}' is {state.value}: it cannot be {_PAST[act]}",
            input=found.id,
            where="agreement.state",
            do=f"what can be done now: {', '.join(sorted(MOVES[state])) or 'nothing'}",
        )


def _new(
    found: Lineage,
    node: Node,
    of: Version,
    act: Act,
    *,
    now: int,
    since: int,
    reason: str,
    lifts: tuple[bytes, ...] = (),
) -> AgreementAct:
    chain = found.chain(node.party)
    made = AgreementAct(
        act=act,
        party=node.party,
        agreement=found.id,
        version=of.row.version,
        terms=of.row.hash,
        made=now,
        since=since,
        reason=reason.strip(),
        previous=chain[-1].hash if chain else b"",
        lifts=lifts,
    )
    wrong = act_faults(made, of.terms)
    if wrong:
        raise InputFault("; ".join(wrong), input=found.id, where=wrong[0].partition(":")[0])
    _check_room(chain, of.terms, found.id)
    return made


def _check_room(chain: Sequence[KnownAct], terms: Agreement, id: str) -> None:
    unheard = [sum(party not in each.signed_by for each in chain) for party in terms.parties]
    if max(unheard) >= UNHEARD_MOST or len(chain) >= ACTS_MOST:
        raise Refusal(
            f"a party has not signed yet the last {max(unheard)} acts on '{id}'",
            input=id,
            do="exchange messages with it first: `simpul sync`",
        )


def _make(unit: Unit, node: Node, found: Lineage, of: Version, made: AgreementAct, by: str) -> None:
    document = sign(ACT_KIND, node.realm, encode_act(made), signing_key(node))
    row = _row(unit, made, document, (node.party,), made.made)
    unit.directory.put_signed(row)
    for party in of.terms.parties:
        if party != node.party:
            unheard = [each for each in found.chain(node.party) if party not in each.signed_by]
            _send(unit, node, found, ACT, [each.hash for each in unheard] + [row.hash], made.made, to=party)
    record_step(unit, node, _step(made, row.hash, made.act.value, node.party, made.made), by)


def _agree(unit: Unit, node: Node, found: Lineage, offered: KnownAct, by: str) -> None:
    """Sign a resumption that another party offered."""
    now = node.clock()
    _sign_too(unit, node, offered.hash)
    _send(unit, node, found, ACKNOWLEDGE, [offered.hash], now)
    record_step(unit, node, _step(offered.act, offered.hash, Act.RESUME.value, node.party, now), by)


# What partners send.


def take_acts(
    unit: Unit, node: Node, opened: Opened, step: AgreementStep, documents: Sequence[Document]
) -> None:
    """A partner acts, or signs the acts of another. All of its message is taken, or nothing.

    Raises:
        Misdirected, Malformed, BadSignature, Stale: as `services.agreeing.take_step`.
    """
    taken = [_take(unit, node, opened, step, document) for document in documents]
    last, _ = taken[-1]
    if not any(new for _, new in taken) and _is_replay(unit, last, opened.message.created):
        raise Stale(
            f"an act on '{last.agreement}' comes again that later ones have followed",
            input="agreement-step",
            where=PREVIOUS,
            do="nothing was changed by it",
        )
    _acknowledge(unit, node, step.id, [document.hash for document in documents])


def _take(
    unit: Unit, node: Node, opened: Opened, step: AgreementStep, document: Document
) -> tuple[AgreementAct, bool]:
    """Keep one act, or the signatures that it brings; returns it and whether it brought anything."""
    sender, now = opened.message.sender, node.clock()
    # (1) an act of this realm on an agreement between its sender, us, and whoever else
    require(document, ACT_KIND, node.realm)
    act = decode_act(document.payload)
    found = lineage(unit, act.agreement)
    of = found.of_hash(act.terms) if found else None
    if found is None or of is None or act.agreement != step.id:
        raise Malformed("an act on terms that are not here", input="agreement-step", where="terms")
    if not {node.party, sender, act.party} <= set(of.terms.parties):
        raise Misdirected(
            "an act on an agreement between other parties", input="agreement-step", where="agreement.parties"
        )
    # (2) every signature is by a party whose card is here; its maker's and its sender's are among them
    signed_by = signers(unit, node, document, of.terms, opened.message.created)
    if not {act.party, sender} <= signed_by:
        raise BadSignature(
            "an act without the signature of its maker and its sender",
            input="agreement-step",
            where=SIGNATURES,
        )
    # (3) known already: only its signatures are new
    known = unit.directory.signed_by_hash(ACT_KIND, document.hash)
    if known is not None:
        changed = not signed_by <= set(known.signed_by)
        if changed:
            unit.directory.put_signed(merged(known, document, signed_by))
            _record(unit, node, opened, step, act, document, new=False)
        return act, changed
    # (4) what it says is fit, and follows the act of its maker before it
    _check(found, of, act, opened)
    unit.directory.put_signed(_row(unit, act, document, tuple(sorted(signed_by)), now))
    _record(unit, node, opened, step, act, document, new=True)
    return act, True


def _check(found: Lineage, of: Version, act: AgreementAct, opened: Opened) -> None:
    wrong = act_faults(act, of.terms)
    if act.made > opened.message.created:
        wrong.append("made: is later than the message that brings it")
    if any(act.since < each.act.since for each in found.acts if each.hash in act.lifts):
        wrong.append("since: is before the suspension that it ends")
    if wrong:
        raise Malformed("; ".join(wrong), input="agreement-step", where=wrong[0].partition(":")[0])
    if (act.act is Act.DECLINE) == (act.party in of.row.signed_by):
        raise BadSignature(
            "only who has signed the terms can suspend, resume or denounce them, and only who has not can decline them",
            input="agreement-step",
            where=SIGNATURES,
        )
    chain = found.chain(act.party)
    if act.previous != (chain[-1].hash if chain else b"") or len(chain) >= ACTS_MOST:
        raise Stale(
            f"an act on '{act.agreement}' does not follow the last one of the same party that is known here",
            input="agreement-step",
            where=PREVIOUS,
        )


def _is_replay(unit: Unit, act: AgreementAct, sent: int) -> bool:
    """Whether an act comes again although its maker had gone on when the message was made."""
    found = lineage(unit, act.agreement)
    chain = found.chain(act.party) if found else []
    return bool(chain) and chain[-1].act != act and sent > chain[-1].act.made


def _acknowledge(unit: Unit, node: Node, id: str, hashes: Iterable[bytes]) -> None:
    """Sign what restricts and was not signed here yet, and tell every party."""
    found = lineage(unit, id)
    if found is None:
        return
    new = [
        each
        for each in found.acts
        if each.hash in set(hashes) and each.act.act in _RESTRICTING and node.party not in each.signed_by
    ]
    if not new:
        return
    now = node.clock()
    for each in new:
        _sign_too(unit, node, each.hash)
        record_step(unit, node, _step(each.act, each.hash, ACKNOWLEDGE, node.party, now))
    _send(unit, node, found, ACKNOWLEDGE, [each.hash for each in new], now)


def _sign_too(unit: Unit, node: Node, hash: bytes) -> None:
    row = unit.directory.signed_by_hash(ACT_KIND, hash)
    if row is not None:
        document = countersign(parse_document(row.document), signing_key(node))
        unit.directory.put_signed(merged(row, document, {node.party}))


def _send(
    unit: Unit, node: Node, found: Lineage, step: str, hashes: Iterable[bytes], at: int, *, to: str = ""
) -> None:
    """Send acts with the terms that they are about."""
    rows = [row for hash in hashes if (row := unit.directory.signed_by_hash(ACT_KIND, hash)) is not None]
    about = {decode_act(parse_document(row.document).payload).terms for row in rows}
    terms = [each for each in reversed(found.versions) if each.row.hash in about]
    documents = [*(each.row.document for each in terms), *(row.document for row in rows)]
    tell(unit, node, terms[-1].terms, step, documents, at, to=to)


def _row(unit: Unit, act: AgreementAct, document: Document, signed_by: tuple[str, ...], at: int) -> SignedRow:
    """An act's row; its version counts the acts on the agreement in the order in which they became known here."""
    before = [row.version for row in unit.directory.signed(ACT_KIND, id=act.agreement)]
    return SignedRow(
        kind=ACT_KIND,
        id=act.agreement,
        version=max(before, default=0) + 1,
        hash=document.hash,
        document=document.encode(),
        signed_by=signed_by,
        proposed_by=act.party,
        at=at,
        party=act.party,
    )


def _record(
    unit: Unit,
    node: Node,
    opened: Opened,
    step: AgreementStep,
    act: AgreementAct,
    document: Document,
    *,
    new: bool,
) -> None:
    """Log what a message brought of an act: the act itself, and the signature of a partner that is not its maker."""
    sender = opened.message.sender
    if new:
        record_step(unit, node, _step(act, document.hash, act.act.value, act.party, act.made))
    if sender != act.party:
        word = Act.RESUME.value if act.act is Act.RESUME else ACKNOWLEDGE
        at = when(step.at, opened.message.created)
        record_step(unit, node, _step(act, document.hash, word, sender, at))


def _step(act: AgreementAct, hash: bytes, step: str, party: str, at: int) -> Step:
    return Step(step=step, agreement=act.agreement, version=act.version, hash=hash, party=party, at=at)
