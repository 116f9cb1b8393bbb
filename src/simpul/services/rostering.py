"""The roster of a blind circle, at its convener alone: which pseudonym is whose, and who of them is certified.

It never leaves this home: no message, charter or log entry carries it. Dummies stand on it as pseudonyms of nobody.

    roster(node, circle)                who stands on it
    admit(node, circle, wanted, by)     certify a pseudonym that a party vouched for
    expel(node, circle, wanted, by)     leave it out of the next charter
    add_dummy(node, file, by)           certify a pseudonym that is nobody's
    members_for(unit, circle)           whom the next charter names: the real ones, and dummies up to a padded number
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Final

from msgspec import Meta
from msgspec.structs import replace

from simpul.domain.blind import PADDED, Certificate, is_pseudonym, padded
from simpul.errors import Malformed, Misdirected, NotFound, Refusal
from simpul.ports import SignedRow, Unit
from simpul.protocol.blind import (
    CERTIFICATE,
    ENROLMENT,
    ENROLMENT_FILE,
    BlindStep,
    encode_certificate,
    read_enrolment_file,
)
from simpul.protocol.canonical import Wire, decode, encode
from simpul.protocol.documents import sign
from simpul.protocol.envelope import Opened
from simpul.protocol.payloads import decode_payload
from simpul.services import circling
from simpul.services.auditing import record
from simpul.services.connecting import card_of, keep_card
from simpul.services.node import Node
from simpul.services.pseudonyms import checked, is_pseudonymous, keep_certificate
from simpul.services.querying import names_of
from simpul.services.stepping import signing_key
from simpul.services.times import DAY

ASKED_MOST: Final = 4
"""Pseudonyms of one party that wait to be admitted, at most, over all circles."""

ASKED, IN, OUT = "asked", "in", "out"
"""Where a pseudonym stands: vouched for, certified, or left out of the next charter."""


class Entry(Wire, frozen=True, kw_only=True):
    """A pseudonym on a roster; `party` is whose it is, empty for a dummy."""

    pseudonym: str
    state: Annotated[str, Meta(pattern="^(asked|in|out)$")]
    party: str = ""


def entries(unit: Unit, circle: str) -> tuple[Entry, ...]:
    """The roster of a circle, in the order in which they came."""
    stored = unit.directory.get(f"roster:{circle}")
    return decode(stored, tuple[Entry, ...]) if stored else ()


def _keep(unit: Unit, circle: str, roster: tuple[Entry, ...]) -> None:
    unit.directory.put(f"roster:{circle}", encode(list(roster)))


def roster(node: Node, circle: str) -> list[tuple[Entry, str]]:
    """Who stands on the roster of a circle, each with the name of the party, or `nobody: a dummy`.

    Raises:
        NotFound: nobody asked to be in a circle of that name.
    """
    with node.store.read() as unit:
        found, names = entries(unit, circle), names_of(unit)
    if not found:
        raise NotFound(f"there is no roster of '{circle}' here", input=circle)
    return [(each, names.get(each.party, each.party) or "nobody: a dummy") for each in found]


def take_enrolment(unit: Unit, node: Node, opened: Opened) -> str:
    """A party vouches for a pseudonym. It waits until a person admits it; returns what is wrong with it, or nothing.

    Raises:
        PartnerFault: it does not verify, or is for another convener.
    """
    step, attached = decode_payload(opened.payload, BlindStep)
    if len(attached) != 1 or len(attached[0]) > ENROLMENT_FILE:
        raise Malformed("not one enrolment", input="blind-step")
    enrolment, card, _ = checked(node, attached[0])
    sender = opened.message.sender
    # (1) for this convener, and the circle that the step names
    if (enrolment.convener, enrolment.circle) != (node.party, step.id):
        raise Misdirected("an enrolment with another convener, or in another circle", input="blind-step")
    # (2) for a party, and not for another pseudonym
    known = card_of(unit, sender)
    if known is None or is_pseudonym(sender, known.name, known.country):
        raise Misdirected("an enrolment that a pseudonym vouches for", input="blind-step", where="from")
    # (3) a pseudonym is one party's for ever
    if any(each.pseudonym == card.party for each in entries(unit, step.id)):
        return f"somebody enrolled {card.party[:10]} in '{step.id}' before"
    # (4) few wait at a time
    waiting = [row for row in unit.directory.signed(ENROLMENT) if row.proposed_by == sender]
    if sum(_waits(unit, row) for row in waiting) >= ASKED_MOST:
        return f"more than {ASKED_MOST} pseudonyms of one party wait to be admitted"
    _add(unit, node, attached[0], sender)
    record(unit, node, "charter", {"step": "enrol", "circle": step.id})
    return ""


def _waits(unit: Unit, row: SignedRow) -> bool:
    circle, pseudonym = row.id.split(" ")
    return any(each.pseudonym == pseudonym and each.state == ASKED for each in entries(unit, circle))


def _add(unit: Unit, node: Node, data: bytes, party: str) -> Entry:
    enrolment, card, _ = checked(node, data)
    entry = Entry(pseudonym=card.party, state=ASKED, party="" if party == node.party else party)
    unit.directory.put_signed(
        SignedRow(
            kind=ENROLMENT,
            id=f"{enrolment.circle} {card.party}",
            version=1,
            hash=read_enrolment_file(data)[0].hash,
            document=data,
            signed_by=(card.party,),
            proposed_by=party,
            at=node.clock(),
            party=card.party,
        )
    )
    _keep(unit, enrolment.circle, (*entries(unit, enrolment.circle), entry))
    return entry


def admit(node: Node, circle: str, wanted: str, by: str) -> Entry:
    """Certify the pseudonym that a party vouched for; one that the party had in this circle before is out.

    Args:
        node: the convener's.
        circle: its name.
        wanted: the party by its name or fingerprint, or the pseudonym by its fingerprint.
        by: the acting user, or empty.

    Raises:
        NotFound: nobody of that name waits.
    """
    with node.store.write() as unit:
        entry = _one(unit, circle, wanted, ASKED)
        for other in entries(unit, circle):
            if other.party == entry.party and other.state == IN:
                _set(unit, circle, other, OUT)
        return _certify(unit, node, circle, entry, by)


def expel(node: Node, circle: str, wanted: str, by: str) -> Entry:
    """Leave a pseudonym out of the next charter. It is out once that charter is in force. Raises `NotFound`."""
    with node.store.write() as unit:
        entry = _one(unit, circle, wanted, IN)
        content = {"step": "expel", "circle": circle, "pseudonym": entry.pseudonym, "by": by or node.party}
        record(unit, node, "charter", content)
        return _set(unit, circle, entry, OUT)


def add_dummy(node: Node, data: bytes, by: str) -> Entry:
    """Certify a pseudonym that is nobody's, from its enrolment. Its keys must have been destroyed."""
    with node.store.write() as unit:
        entry = _add(unit, node, data, node.party)
        return _certify(unit, node, checked(node, data)[0].circle, entry, by)


def dummies_short(node: Node, circle: str) -> int:
    """How many dummies the next charter lacks.

    Raises:
        Refusal: a pseudonym's home convenes nothing, or more are in than a circle can have.
    """
    with node.store.read() as unit:
        if is_pseudonymous(unit, node):
            raise Refusal("a pseudonym's home convenes no circle", input="--home")
        real, dummies = _inside(unit, circle)
        return max(0, padded(len(real)) - len(real) - len(dummies))


def _one(unit: Unit, circle: str, wanted: str, state: str) -> Entry:
    names = names_of(unit)
    found = [
        each
        for each in entries(unit, circle)
        if each.state == state and wanted in (each.party, each.pseudonym, names.get(each.party))
    ]
    if not found:
        raise NotFound(
            f"nobody called '{wanted}' stands as '{state}' on the roster of '{circle}'",
            input=wanted,
            do=f"see `simpul circle roster {circle}`",
        )
    return found[-1]


def _set(unit: Unit, circle: str, entry: Entry, state: str) -> Entry:
    changed = replace(entry, state=state)
    _keep(unit, circle, tuple(changed if e == entry else e for e in entries(unit, circle)))
    return changed


def _certify(unit: Unit, node: Node, circle: str, entry: Entry, by: str) -> Entry:
    (row,) = unit.directory.signed(ENROLMENT, id=f"{circle} {entry.pseudonym}")
    for document in checked(node, row.document)[2]:
        keep_card(unit, node, document, by="enrolment")
    _issue(unit, node, circle, entry.pseudonym)
    content = {"step": "certify", "circle": circle, "pseudonym": entry.pseudonym, "by": by or node.party}
    record(unit, node, "charter", content)
    return _set(unit, circle, entry, IN)


def _issue(unit: Unit, node: Node, circle: str, pseudonym: str) -> None:
    # Dated to the day: when it was certified says less of whom.
    since = node.clock() - node.clock() % DAY
    certificate = Certificate(circle=circle, convener=node.party, party=pseudonym, since=since)
    keep_certificate(
        unit, node, sign(CERTIFICATE, node.realm, encode_certificate(certificate), signing_key(node))
    )


def _inside(unit: Unit, circle: str) -> tuple[list[str], list[str]]:
    """Pseudonyms that are in: those of parties, and dummies."""
    gone = _left(unit, circle)
    inside = [each for each in entries(unit, circle) if each.state == IN and each.pseudonym not in gone]
    real = [each.pseudonym for each in inside if each.party]
    return real, [each.pseudonym for each in inside if not each.party]


def _left(unit: Unit, circle: str) -> frozenset[str]:
    """Pseudonyms that have left since the charter in force; they never come back."""
    known = circling.circles(unit).get(circle)
    return known.circle.left if known else frozenset()


def owners(unit: Unit, circle: str, pseudonyms: Collection[str]) -> dict[str, str]:
    """By pseudonym, whose it is; without dummies. Of an expelled one too, while a charter in force names it."""
    found = entries(unit, circle)
    return {each.pseudonym: each.party for each in found if each.party and each.pseudonym in pseudonyms}


def members_for(unit: Unit, circle: str) -> list[str]:
    """Whom the next charter names.

    Raises:
        Refusal: nobody is in, more than a circle can name, or too few dummies.
    """
    real, dummies = _inside(unit, circle)
    size = padded(len(real))
    if not real or len(real) > PADDED[-1]:
        raise Refusal(
            f"{len(real)} parties are in '{circle}': 1 to {PADDED[-1]} can be",
            input=circle,
            do=f"see `simpul circle roster {circle}`",
        )
    if len(real) + len(dummies) < size:
        raise Refusal(
            f"its charter names {size} members, and {size - len(real) - len(dummies)} dummies are missing",
            input=circle,
            do=f"first run `simpul circle pad {circle}`",
        )
    for gone in [each for each in entries(unit, circle) if each.pseudonym in _left(unit, circle)]:
        _set(unit, circle, gone, OUT)
    return [*real, *dummies[: size - len(real)]]
