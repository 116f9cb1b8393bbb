"""Keeping something of a blind circle from a party, though nobody there knows who is who (spec/circles.md, "Exclusions").

The asker tells the convener alone which party is to be excluded. The convener answers with a signed list of pseudonyms
that are not that party's; a label may name that list. Others are missing from it too.

    exclude(node, circle, party, by)     in a pseudonym's home: ask
    attested(unit, known)                the lists that labels may name, by circle
    take_step(unit, node, opened)        what either end hears of it
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from simpul.domain.blind import Exclusion, left_out
from simpul.domain.parties import is_fingerprint
from simpul.errors import InputFault, Malformed, Misdirected, Refusal
from simpul.ports import SignedRow, Unit
from simpul.protocol.blind import EXCLUSION, BlindStep, decode_exclusion, encode_exclusion
from simpul.protocol.documents import parse_document, require, sign
from simpul.protocol.envelope import Opened
from simpul.protocol.payloads import decode_payload
from simpul.services import circling, rostering
from simpul.services.auditing import record
from simpul.services.circling import Known
from simpul.services.node import Node
from simpul.services.posting import post
from simpul.services.pseudonyms import verify_by_convener
from simpul.services.stepping import signing_key

_ORDER: Final = "roster-order"


class Attested(Struct, frozen=True, kw_only=True):
    """An exclusion that the convener attested.

    Attributes:
        circle, hash: which circle, and the hash of the document.
        asked: the request that it answers, as `exclude` returned it.
        releasable: pseudonyms that a label may name.
        newest: whether it is of the charter in force here; a label may name it only while it is.
        label: the line for a label file.
    """

    circle: str
    hash: bytes
    asked: bytes
    releasable: tuple[str, ...]
    newest: bool
    label: str


def exclude(node: Node, circle: str, party: str, by: str) -> bytes:
    """Ask the convener for the members that a thing may go to so that a party does not get it; returns the request's id.

    Args:
        node: a member's.
        circle: a blind circle in force here.
        party: the fingerprint of the party to be excluded. It need not be known here, and is not kept.
        by: the acting user, or empty.

    Raises:
        InputFault: not a fingerprint.
        NotFound: no such circle is in force here.
        Refusal: it is not blind, or this home is none of its members.
    """
    subject = "".join(party.split()).casefold()
    if not is_fingerprint(subject):
        raise InputFault(
            "which party is meant is said by its fingerprint", input="--party", do="see its card: 50 digits"
        )
    with node.store.write() as unit:
        known = circling.circles(unit)[circling.name_of(unit, circle)]
        if not known.circle.charter.blind or node.party not in known.circle.direct:
            raise Refusal(
                f"'{circle}' is not a blind circle that this home is in",
                input=circle,
                do="in another circle a label names parties itself: not_releasable_to",
            )
        asked = node.entropy(16)
        step = BlindStep(step="exclude", id=circle, asked=asked, party=subject)
        unit.directory.put(f"exclusion-asked:{asked.hex()}", circle.encode())
        post(unit, node, known.circle.charter.convener, step)
        record(unit, node, "charter", {"step": "exclude", "circle": circle, "by": by or node.party})
    return asked


def exclusions(node: Node, circle: str) -> list[Attested]:
    """What the convener attested here of a circle, the newest first. Raises `NotFound` for one not in force here."""
    with node.store.read() as unit:
        known = circling.circles(unit)[circling.name_of(unit, circle)]
        return [
            Attested(
                circle=circle,
                hash=hash,
                asked=each.asked,
                releasable=each.releasable,
                newest=each.charter == known.circle.hash,
                label=f"releasable_to = [{', '.join(repr(party) for party in each.releasable)}]",
            )
            for hash, each in _kept(unit, circle)
        ]


def _kept(unit: Unit, circle: str) -> list[tuple[bytes, Exclusion]]:
    rows = sorted(unit.directory.signed(EXCLUSION), key=lambda row: row.at, reverse=True)
    found = [(row.hash, decode_exclusion(parse_document(row.document).payload)) for row in rows]
    return [(hash, each) for hash, each in found if each.circle == circle]


# Messages.


def take_step(unit: Unit, node: Node, opened: Opened) -> str:
    """What comes in of blind circles. Returns what is wrong with it, or nothing. Raises `PartnerFault`."""
    step, attached = decode_payload(opened.payload, BlindStep)
    return _BY_STEP[step.step](unit, node, opened, step, attached)


def _take_request(
    unit: Unit, node: Node, opened: Opened, step: BlindStep, attached: tuple[bytes, ...]
) -> str:
    """A member asks: answer with the list, or that there is none."""
    asker = opened.message.sender
    known = circling.circles(unit).get(step.id)
    # (1) a member asks its convener, of a party
    if known is None or known.circle.charter.convener != node.party or asker not in known.circle.direct:
        raise Misdirected(
            "a request about a circle that is not convened here", input="blind-step", where="id"
        )
    if not is_fingerprint(step.party) or len(step.asked) != 16 or attached:
        raise Malformed("a request to exclude nobody", input="blind-step", where="party")
    # (2) others are left out with the party, or there is no answer
    releasable = _releasable(unit, node, known, asker, step.party)
    word = "attested" if releasable else "refused"
    record(unit, node, "charter", {"step": word, "circle": step.id, "asker": asker})
    if not releasable:
        post(unit, node, asker, BlindStep(step="refused", id=step.id, asked=bytes(step.asked)))
        return ""
    exclusion = Exclusion(
        circle=step.id,
        charter=known.circle.hash,
        convener=node.party,
        releasable=releasable,
        asked=bytes(step.asked),
    )
    document = sign(EXCLUSION, node.realm, encode_exclusion(exclusion), signing_key(node))
    answer = BlindStep(step="attested", id=step.id, asked=bytes(step.asked))
    post(unit, node, asker, answer, [document.encode()])
    return ""


def _releasable(unit: Unit, node: Node, known: Known, asker: str, party: str) -> tuple[str, ...]:
    name = known.circle.charter.id
    real = rostering.owners(unit, name, known.circle.direct)
    subject = next((pseudonym for pseudonym, whose in real.items() if whose == party), "")
    secret = _secret(unit, node)
    order = {
        each: hashlib.sha256(b"\0".join((secret, f"{name} {party} {each}".encode()))).digest()
        for each in real
    }
    missing = None if subject == asker else left_out(subject, asker, real, order)
    return () if missing is None else tuple(sorted(known.circle.direct - missing))


def _secret(unit: Unit, node: Node) -> bytes:
    """What ranks those that are left out with a party: the same for ever, so that asking again tells nothing new."""
    stored = unit.directory.get(_ORDER)
    if stored is None:
        stored = node.entropy(32)
        unit.directory.put(_ORDER, stored)
    return stored


def _take_attested(
    unit: Unit, node: Node, opened: Opened, step: BlindStep, attached: tuple[bytes, ...]
) -> str:
    """The convener's answer: kept where it was asked for, and names members alone."""
    if len(attached) != 1:
        raise Malformed("not one exclusion", input="blind-step")
    document = parse_document(attached[0])
    require(document, EXCLUSION, node.realm)
    exclusion = decode_exclusion(document.payload)
    known = circling.circles(unit).get(exclusion.circle)
    # (1) the answer to a request of this home, by the convener of that circle
    _asked(unit, exclusion.circle, exclusion.asked)
    conveners = {exclusion.convener, opened.message.sender}
    if known is None or {known.circle.charter.convener} != conveners or step.id != exclusion.circle:
        raise Misdirected("an exclusion of another convener", input="exclusion", where="convener")
    verify_by_convener(unit, node, document, exclusion.convener)
    # (2) of members alone: it lets nobody in who is not in the circle
    charter = next((link.charter for link in known.chain if link.hash == exclusion.charter), None)
    if charter is None or not frozenset(exclusion.releasable) <= frozenset(charter.members):
        raise Misdirected(
            "an exclusion that names others than members", input="exclusion", where="releasable"
        )
    unit.directory.put_signed(
        SignedRow(
            kind=EXCLUSION,
            id=exclusion.asked.hex(),
            version=1,
            hash=document.hash,
            document=document.encode(),
            signed_by=(exclusion.convener,),
            proposed_by=exclusion.convener,
            at=node.clock(),
        )
    )
    record(unit, node, "charter", {"step": "attested", "circle": step.id, "hash": document.hash.hex()})
    return ""


def _take_refused(
    unit: Unit, node: Node, opened: Opened, step: BlindStep, attached: tuple[bytes, ...]
) -> str:
    known = circling.circles(unit).get(step.id)
    _asked(unit, step.id, bytes(step.asked))
    if known is None or known.circle.charter.convener != opened.message.sender or attached:
        raise Misdirected("word of a circle by one that does not convene it", input="blind-step", where="id")
    record(unit, node, "charter", {"step": "refused", "circle": step.id})
    return f"the convener of '{step.id}' attests no exclusion: too few are in it to hide whom it concerns"


def _asked(unit: Unit, circle: str, asked: bytes) -> None:
    if unit.directory.get(f"exclusion-asked:{asked.hex()}") != circle.encode():
        raise Misdirected("an answer to what was not asked", input="blind-step", where="asked")


def _take_enrolment(
    unit: Unit, node: Node, opened: Opened, step: BlindStep, attached: tuple[bytes, ...]
) -> str:
    del step, attached
    return rostering.take_enrolment(unit, node, opened)


_Taking = Callable[[Unit, Node, Opened, BlindStep, tuple[bytes, ...]], str]

_BY_STEP: Final[dict[str, _Taking]] = {
    "enrol": _take_enrolment,
    "exclude": _take_request,
    "attested": _take_attested,
    "refused": _take_refused,
}
"""What each step means at whoever hears it."""
