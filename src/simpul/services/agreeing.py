"""Agreements on their way into force: propose, counter, receive, sign; and which one decides between two parties now.

A proposal is a document that every named party signs; the document gains signatures and keeps its hash. It is in force
when all have signed the same bytes and its dates hold. Each step travels as an `agreement-step` with the document as
it stands, and is a leaf in the log. What is done to an agreement afterwards is in `services.suspending`.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from simpul.domain.admission import about_time
from simpul.domain.agreements import (
    DECIDING,
    MOVES,
    RETURN_OR_DESTROY,
    Agreement,
    AgreementState,
    Move,
    Phase,
    check,
    covers,
    faults,
    phase,
)
from simpul.domain.policy import Reason
from simpul.errors import BadSignature, InputFault, Malformed, Misdirected, Refusal, Stale, TooLarge
from simpul.formats.terms import read_agreement, write_agreement
from simpul.ports import SignedRow, Unit
from simpul.protocol.agreements import (
    AGREEMENT_LIMIT,
    KIND,
    decode_agreement,
    encode_agreement,
)
from simpul.protocol.canonical import decode
from simpul.protocol.documents import Document, countersign, parse_document, require, sign
from simpul.protocol.envelope import Opened
from simpul.protocol.message import Message
from simpul.protocol.payloads import AgreementStep, decode_payload
from simpul.services import circling, suspending
from simpul.services.node import Node
from simpul.services.querying import names_of, party_of
from simpul.services.small_files import Written, called, read_small
from simpul.services.standing import (
    Lineage,
    Version,
    lineage,
    lineages,
    terms_of,
    wanted_lineage,
)
from simpul.services.stepping import (
    ACKNOWLEDGE,
    ACT,
    COUNTER,
    PROPOSE,
    SIGN,
    SIGNATURES,
    Step,
    merged,
    record_step,
    signers,
    signing_key,
    tell,
    when,
)
from simpul.services.times import DAY, rfc3339

__all__ = [
    "InForce",
    "Standing",
    "by_hash",
    "counter",
    "in_force",
    "is_in_force",
    "list_agreements",
    "must_be_gone",
    "propose",
    "show",
    "show_binding",
    "sign_agreement",
    "standing",
    "take_step",
    "terms_of",
    "too_late",
]

VERSION: Final = "agreement.version"
PARTIES: Final = "agreement.parties"
"""Clauses by which a step is refused that is of an old version, has another text, or is between other parties."""


SUCCESSION_GRACE: Final = 14 * DAY
"""Microseconds for which a version decides on, at a partner that has not heard yet that the next one began."""


class Standing(Struct, frozen=True, kw_only=True):
    """One version of an agreement and where it stands. `words` are its terms as TOML, `terms` as plain values."""

    agreement: str
    version: int
    hash: bytes
    state: str
    words: tuple[str, ...]
    terms: dict[str, Any]


class InForce(Struct, frozen=True, kw_only=True):
    """An agreement that decides: its terms as they hold here, and the hash that messages name it by."""

    terms: Agreement
    hash: bytes


# What a person does.


def propose(node: Node, file: Written, by: str) -> Standing:
    """Sign terms and offer them to the other parties: a new agreement, or the next version of one.

    Raises:
        InputFault: the file, a party without a card here, this node is not named, or that version exists already.
    """
    with node.store.write() as unit:
        return _offer(unit, node, _read(unit, file), PROPOSE, called(file), by)


def counter(node: Node, wanted: str, file: Written, by: str) -> Standing:
    """Answer a proposal with other terms: they become its next version and replace it, whatever the file says of both.

    Raises:
        NotFound, Ambiguous: no such agreement, or several.
        InputFault: the file, or it is about another agreement.
        Refusal: all have signed the newest version already.
    """
    with node.store.write() as unit:
        found = wanted_lineage(unit, wanted)
        answered = found.newest
        require_move(found, answered, Move.COUNTER, node.clock())
        terms = _read(unit, file)
        if terms.id != found.id:
            raise InputFault(
                f"the terms are those of '{terms.id}'",
                input=called(file),
                where="id",
                do=f"write id = '{found.id}'",
            )
        answer = replace(terms, version=answered.row.version + 1, replaces=answered.row.hash)
        return _offer(unit, node, answer, COUNTER, called(file), by)


def sign_agreement(node: Node, wanted: str, by: str) -> Standing:
    """Sign the newest version of an agreement that this node has not signed yet.

    Whoever names it by the hash of what was read signs that and nothing else.

    Raises:
        NotFound, Ambiguous: no such agreement, or several.
        Refusal: there is nothing to sign any more, or another version came since.
    """
    with node.store.write() as unit:
        found = wanted_lineage(unit, wanted)
        row = found.newest.row
        if found.id != wanted and not row.hash.hex().startswith(wanted.casefold()):
            raise Refusal(
                f"version {row.version} of '{row.id}' came since, with another text",
                input=wanted,
                where="version",
                do="read it with `simpul agreement show`, and sign it by its own hash",
            )
        if node.party in row.signed_by:
            raise Refusal(
                f"this node has signed version {row.version} of '{row.id}' already",
                input=wanted,
                do="wait for the other parties; `simpul agreement show` says who has signed",
            )
        now = node.clock()
        require_move(found, found.newest, Move.SIGN, now)
        document = countersign(parse_document(row.document), signing_key(node))
        signed = merged(row, document, {node.party})
        unit.directory.put_signed(signed)
        tell(unit, node, found.newest.terms, SIGN, [signed.document], now)
        record_step(unit, node, _step(signed, SIGN, node.party, now), by)
        return standing(unit, node, row.id)


def show(node: Node, wanted: str) -> Standing:
    """One agreement, its newest version. Raises `NotFound` or `Ambiguous`."""
    with node.store.read() as unit:
        found = wanted_lineage(unit, wanted)
        return _standing(unit, node, found, found.newest)


def show_binding(node: Node, wanted: str) -> Standing:
    """One agreement: the version that all signed, or its newest where none is. Raises `NotFound` or `Ambiguous`."""
    with node.store.read() as unit:
        found = wanted_lineage(unit, wanted)
        return _standing(unit, node, found, found.binding or found.newest)


def list_agreements(node: Node) -> list[Standing]:
    """Every version of every agreement, newest first."""
    with node.store.read() as unit:
        every = [(found, each) for found in lineages(unit) for each in found.versions]
        return [_standing(unit, node, found, each) for found, each in every]


def require_move(found: Lineage, of: Version, move: Move, at: int) -> None:
    """Refuse what cannot be done in the state that a version is in.

    Raises:
        Refusal: it names the state.
    """
    state = found.state(of, at)
    if move in MOVES[state]:
        return
    can = ", ".join(sorted(MOVES[state])) or "nothing"
    raise Refusal(
        f"version {of.row.version} of '{found.id}' is {state.value}: it cannot be {_DONE[move]}",
        input=found.id,
        where="agreement.state",
        do=f"what can be done now: {can}",
    )


_DONE: Final = {
    Move.SIGN: "signed",
    Move.COUNTER: "countered",
    Move.DECLINE: "declined",
    Move.AMEND: "amended",
    Move.SUSPEND: "suspended",
    Move.RESUME: "resumed",
    Move.DENOUNCE: "denounced",
}


def _read(unit: Unit, file: Written) -> Agreement:
    return read_agreement(read_small(file), party=lambda p: party_of(unit, p).fingerprint, input=called(file))


def _offer(unit: Unit, node: Node, terms: Agreement, step: str, input: str, by: str) -> Standing:
    check(terms)
    if node.party not in terms.parties:
        raise InputFault("this node is not one of the parties", input=input, where="parties")
    _check_name(lineage(unit, terms.id), terms, input)
    payload = encode_agreement(terms)
    if len(payload) > AGREEMENT_LIMIT:
        raise TooLarge(f"the terms take more than {AGREEMENT_LIMIT} bytes", input=input)
    document, now = sign(KIND, node.realm, payload, signing_key(node)), node.clock()
    row = _row(terms, document, (node.party,), node.party, now)
    unit.directory.put_signed(row)
    tell(unit, node, terms, step, [row.document], now)
    record_step(unit, node, _step(row, step, node.party, now), by)
    return standing(unit, node, terms.id)


def _check_name(known: Lineage | None, terms: Agreement, input: str) -> None:
    """An id stays with its parties, a version with its text, and what all signed is followed by a later version only."""
    if known is None:
        return
    if set(known.newest.terms.parties) != set(terms.parties):
        raise InputFault(
            f"'{terms.id}' is an agreement between other parties",
            input=input,
            where="id",
            do="give it another id",
        )
    if known.of_version(terms.version) is not None:
        raise InputFault(
            f"version {terms.version} of agreement '{terms.id}' exists already",
            input=input,
            where="version",
            do="raise the version",
        )
    if known.binding is not None and terms.version < known.binding.row.version:
        raise InputFault(
            f"version {known.binding.row.version} of '{terms.id}' was signed by all: an older one cannot follow it",
            input=input,
            where="version",
            do="raise the version",
        )


# What decides.


def in_force(unit: Unit, node: Node, partner: str, purpose: str, at: int) -> InForce | None:
    """The agreement that decides between this node and a partner.

    Of those in force at `at` it is the newest that names the purpose; else the newest in force, so that the refusal
    names the purpose and not a missing agreement; else one that is suspended, else the newest that all signed, so that
    it can be said what is wrong with it. Where no agreement of the two in force names the purpose, the charter of a
    circle that both are in decides, if it does (`services.circling`).
    """
    own = _of_the_two(unit, node, partner, purpose, at)
    if own is not None and own[0] == 0:
        return own[1]
    charters = [
        InForce(terms=terms, hash=hash)
        for terms, hash in circling.charter_agreements(unit, node.party, partner)
    ]
    valid = [each for each in charters if phase(each.terms, at) is Phase.DURING]
    named = next((each for each in valid if purpose in each.terms.purposes), None)
    return named or (own[1] if own else next(iter([*valid, *charters]), None))


def _of_the_two(unit: Unit, node: Node, partner: str, purpose: str, at: int) -> tuple[int, InForce] | None:
    """The best agreement that names both as parties, and how good it is: 0 where it decides and names the purpose."""
    agreed = [
        (found, each)
        for found in lineages(unit, node.party, partner)
        for each in found.versions
        if each.agreed
    ]
    ranked = [
        (_rank(found.state(each, at), named=purpose in each.terms.purposes), found, each)
        for found, each in agreed
    ]
    if not ranked:
        return None
    rank, found, each = min(ranked, key=lambda ranks: (ranks[0], -ranks[2].row.at))
    return rank, _holding(found, each)


def _rank(state: AgreementState, *, named: bool) -> int:
    if state in DECIDING:
        return 0 if named else 1
    return 2 if state is AgreementState.SUSPENDED else 3


def by_hash(unit: Unit, hash: bytes) -> InForce | None:
    """The agreement that a message names, if every party has signed it as far as this node knows; or the charter.

    A version ends soon after the next one that all signed began, whatever its own dates say: the partner may decide
    under it until it has heard that the last signature is there.
    """
    found, each = _found(unit, hash)
    if found and each:
        if not each.agreed:
            return None
        held = _holding(found, each)
        return replace(
            held,
            terms=replace(
                held.terms, not_after=min(held.terms.not_after, found.succeeded(each) + SUCCESSION_GRACE)
            ),
        )
    charter = circling.by_hash(unit, hash)
    return InForce(terms=charter[0], hash=charter[1]) if charter else None


def is_in_force(unit: Unit, hash: bytes, at: int) -> bool:
    """Whether all signed the agreement with this hash, its dates hold at `at`, nobody stopped it and no later version began."""
    found, each = _found(unit, hash)
    if found is None or each is None:
        charter = circling.by_hash(unit, hash) if circling.is_newest(unit, hash) else None
        return charter is not None and phase(charter[0], at) is Phase.DURING
    return found.state(each, at) in DECIDING


def too_late(unit: Unit, node: Node, message: Message, agreement: InForce | None) -> tuple[Reason, ...]:
    """Why the time as of which a message was decided is not taken on its sender's word (spec/message.md, "Time")."""
    found, each = _found(unit, agreement.hash) if agreement else (None, None)
    return about_time(
        decided_at=message.decided_at,
        created=message.created,
        ended=found.ended(each) if found and each else agreement.terms.not_after if agreement else None,
        now=node.clock(),
        grace=node.limits.message_days * DAY,
    )


def must_be_gone(unit: Unit, hash: bytes) -> int | None:
    """By when what went under an agreement is given back or destroyed (microseconds UTC); None if it may be kept.

    The last version that all signed says so, and it counts from the end of that one, by date or by denunciation: a
    later version goes on with the agreement and ends nothing. The moment moves when a later version is signed.

    Args:
        unit: the snapshot.
        hash: the agreement that a message names.
    """
    found, each = _found(unit, hash)
    last = found.binding if found and each else None
    if found is None or last is None or last.terms.run_off != RETURN_OR_DESTROY:
        return None
    return found.terms(last).not_after + last.terms.run_off_days * DAY


def _found(unit: Unit, hash: bytes) -> tuple[Lineage | None, Version | None]:
    row = unit.directory.signed_by_hash(KIND, hash)
    found = lineage(unit, row.id) if row else None
    return found, found.of_hash(hash) if found else None


def _holding(found: Lineage, each: Version) -> InForce:
    return InForce(terms=found.terms(each), hash=each.row.hash)


# What partners send.


def take_step(unit: Unit, node: Node, opened: Opened) -> None:
    """A partner proposes, counters, signs or acts. Every document must verify against the cards of all who signed it.

    Raises:
        Misdirected: this node or the sender is not a party to it, or it is of another realm.
        Malformed: documents that the step does not carry, terms unfit to be signed, or another text of a version that
            is here.
        BadSignature: a signature that none of the parties' cards explains, or none by who must have signed.
        Stale: an older version than one that all signed, or an act that does not follow the one before it.
    """
    step, attached = decode_payload(opened.payload, AgreementStep)
    documents = [parse_document(each) for each in attached]
    terms = [each for each in documents if each.kind != suspending.ACT_KIND]
    acts = [each for each in documents if each.kind == suspending.ACT_KIND]
    if step.step in (ACT, ACKNOWLEDGE):
        if not acts:
            raise Malformed("it carries no act", input="agreement-step")
        for document in terms:
            _take_named(unit, node, opened, step, document)
        suspending.take_acts(unit, node, opened, step, acts)
    elif len(terms) != 1 or acts:
        raise Malformed("an agreement step carries one document", input="agreement-step")
    else:
        _take_terms(unit, node, opened, step, terms[0])


def _take_named(unit: Unit, node: Node, opened: Opened, step: AgreementStep, document: Document) -> None:
    """Terms that acts are about: a proposal, or a signature on it, may arrive after what was done to it.

    What brings nothing new is not verified again, for its keys may have expired since.
    """
    row = unit.directory.signed_by_hash(KIND, document.hash)
    have = {each.key for each in parse_document(row.document).signatures} if row else set()
    if not {each.key for each in document.signatures} <= have:
        _take_terms(unit, node, opened, step, document)


def _take_terms(unit: Unit, node: Node, opened: Opened, step: AgreementStep, document: Document) -> None:
    sender = opened.message.sender
    # (1) an agreement of this realm between its sender, us, and whoever else
    require(document, KIND, node.realm)
    terms = decode_agreement(document.payload)
    if not covers(terms, node.party, sender):
        raise Misdirected("an agreement between other parties", input="agreement-step", where=PARTIES)
    # (2) every signature is by a party whose card is here, and the step's maker is among them
    signed_by = signers(unit, node, document, terms, opened.message.created)
    _check_signers(step, sender, signed_by)
    # (3) an id stays with its parties, one version has one content, and nothing older follows what all signed
    known = lineage(unit, terms.id)
    stored = known.of_version(terms.version) if known else None
    _check_version(step, known, terms, document)
    # (4) they are fit to be signed
    if stored is None:
        _check_fit(terms)
    now = node.clock()
    row = (
        _row(terms, document, tuple(sorted(signed_by)), sender, now)
        if stored is None
        else merged(stored.row, document, signed_by)
    )
    unit.directory.put_signed(row)
    if step.step in (PROPOSE, COUNTER, SIGN):
        record_step(unit, node, _step(row, step.step, sender, when(step.at, opened.message.created)))


def _check_signers(step: AgreementStep, sender: str, signed_by: set[str]) -> None:
    """A step is its sender's own; a counter-signature alone would be an amendment by one side."""
    if step.step in (PROPOSE, COUNTER, SIGN) and sender not in signed_by:
        raise BadSignature("its sender has not signed it", input="agreement-step", where=SIGNATURES)
    if step.step == SIGN and len(signed_by) < 2:
        raise BadSignature(
            "these terms are signed by their sender alone: one side cannot amend an agreement",
            input="agreement-step",
            where=SIGNATURES,
            do="propose them under a higher version",
        )


def _check_version(step: AgreementStep, known: Lineage | None, terms: Agreement, document: Document) -> None:
    if (step.step == COUNTER) and not terms.replaces:
        raise Malformed(
            "a counter-proposal does not say what it answers", input="agreement-step", where="replaces"
        )
    if known is None:
        return
    if set(known.newest.terms.parties) != set(terms.parties):
        raise Misdirected(
            f"'{terms.id}' is an agreement between other parties", input="agreement-step", where=PARTIES
        )
    stored = known.of_version(terms.version)
    if stored is not None and stored.row.hash != document.hash:
        raise Malformed(
            f"another text of version {terms.version} of '{terms.id}' is here already",
            input="agreement-step",
            where=VERSION,
            do="propose it under a higher version",
        )
    if known.binding is not None and terms.version < known.binding.row.version:
        raise Stale(
            f"version {terms.version} of '{terms.id}' is older than version {known.binding.row.version}, which all signed",
            input="agreement-step",
            where=VERSION,
            do="propose it under a higher version",
        )


def _check_fit(terms: Agreement) -> None:
    found = faults(terms)
    if found:
        raise Malformed(
            f"the terms contradict themselves: {'; '.join(found)}",
            input="agreement-step",
            where=found[0].partition(":")[0],
            do="mend the terms and propose them again",
        )


def _row(
    terms: Agreement, document: Document, signed_by: tuple[str, ...], proposed_by: str, at: int
) -> SignedRow:
    return SignedRow(
        kind=KIND,
        id=terms.id,
        version=terms.version,
        hash=document.hash,
        document=document.encode(),
        signed_by=signed_by,
        proposed_by=proposed_by,
        at=at,
    )


def _step(row: SignedRow, step: str, party: str, at: int) -> Step:
    return Step(step=step, agreement=row.id, version=row.version, hash=row.hash, party=party, at=at)


# For people.


def standing(unit: Unit, node: Node, id: str) -> Standing:
    """The newest version of an agreement that is here, and where it stands."""
    found = wanted_lineage(unit, id)
    return _standing(unit, node, found, found.newest)


def _standing(unit: Unit, node: Node, found: Lineage, each: Version) -> Standing:
    names = names_of(unit)
    row = each.row
    signed = ", ".join(names.get(p, p) for p in row.signed_by) or "nobody"
    waiting = ", ".join(names.get(p, p) for p in each.terms.parties if p not in row.signed_by)
    return Standing(
        agreement=row.id,
        version=row.version,
        hash=row.hash,
        state=found.state(each, node.clock()).value,
        words=(
            f"signed by  {signed}" + (f"; waiting for {waiting}" if waiting else ""),
            *(_act_words(act, names) for act in found.acts),
            "",
            *write_agreement(each.terms, name_of=lambda p: names.get(p, p)).splitlines(),
        ),
        terms=decode(parse_document(row.document).payload, dict[str, Any], AGREEMENT_LIMIT),
    )


def _act_words(known: suspending.KnownAct, names: dict[str, str]) -> str:
    act = known.act
    who = names.get(act.party, act.party)
    told = ", ".join(names.get(p, p) for p in known.signed_by if p != act.party) or "nobody yet"
    since = "" if act.act in suspending.AT_ONCE else f" from {rfc3339(act.since)}"
    reason = f": {act.reason}" if act.reason else ""
    return f"{act.act.value:<10} version {act.version} by {who}, {rfc3339(act.made)}{since}; signed too by {told}{reason}"
