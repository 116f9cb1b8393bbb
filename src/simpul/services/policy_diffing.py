"""What a policy would change before it is adopted: for every label in use, each partner and purpose, before and after.

A policy is an agreement or a national overlay, each as its TOML file. Every question is decided twice by the engine that
decides every release. The cost grows with labels, partners and purposes, not with objects: thousands share a label.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct

from simpul.domain.agreements import Agreement, Phase, covers, phase
from simpul.domain.labels import Label, describe
from simpul.domain.overlays import Overlay
from simpul.domain.policy import Decision
from simpul.domain.queries import HOME
from simpul.errors import InputFault
from simpul.formats.overlays import read_overlay
from simpul.formats.terms import read_agreement
from simpul.ports import Unit
from simpul.protocol.agreements import KIND as AGREEMENT
from simpul.services import circling, deciding
from simpul.services.agreeing import in_force, terms_of
from simpul.services.node import Node
from simpul.services.querying import names_of, recipient_of
from simpul.services.small_files import Written, called, read_small
from simpul.services.times import rfc3339

Policy = Agreement | Overlay | None
"""What a file says; None stands for having no such policy."""

NOTHING = Path("-")
"""Written for a file: there is no such policy."""


class Change(Struct, frozen=True, kw_only=True):
    """One question whose answer changes. `objects` bear the label on the whole; `words` describe it."""

    label: bytes
    words: str
    objects: int
    recipient: str
    name: str
    purpose: str
    before: Decision
    after: Decision

    def document(self) -> dict[str, Any]:
        """It as one JSON value."""
        return {
            "label": self.label,
            "words": self.words,
            "objects": self.objects,
            "recipient": self.recipient,
            "name": self.name,
            "purpose": self.purpose,
            "before": {"outcome": self.before.outcome.word, "clause": self.before.clause},
            "after": {"outcome": self.after.outcome.word, "clause": self.after.clause},
        }


class Difference(Struct, frozen=True, kw_only=True):
    """What would change. `at` is as of when it was decided, microseconds UTC; `unchanged` counts the other questions."""

    at: int
    labels: int
    changes: tuple[Change, ...]
    unchanged: int

    @property
    def wider(self) -> int:
        """How many answers become milder."""
        return sum(each.after.outcome < each.before.outcome for each in self.changes)

    def document(self) -> dict[str, Any]:
        """It as one JSON document."""
        return {
            "at": rfc3339(self.at),
            "labels": self.labels,
            "changes": [each.document() for each in self.changes],
            "wider": self.wider,
            "narrower": len(self.changes) - self.wider,
            "unchanged": self.unchanged,
        }


class _Question(Struct, frozen=True, kw_only=True):
    """One partner and purpose, with the two ways in which a label is decided for it."""

    recipient: str
    purpose: str
    before: Callable[[Label], Decision]
    after: Callable[[Label], Decision]


def policy_difference(node: Node, old: Written, new: Written, *, at: int | None = None) -> Difference:
    """What becomes of every label in use when `new` takes the place of `old`.

    Labels are decided as those of this node's own words; what the outcome of a passed-on object changes by, its
    originator's rule decides besides.

    Args:
        node: whose labels.
        old, new: two agreement files, or two overlay files; `NOTHING` for one of them says that there is none.
        at: as of when, microseconds UTC; by default now, or when the new agreement begins if that is later.

    Raises:
        InputFault: a file; the two are of different kinds; this node is not a party to an agreement.
    """
    with node.store.read() as unit:
        before, after = _read(unit, node, old), _read(unit, node, new)
        moment = at if at is not None else _moment(node.clock(), after)
        questions = list(_questions(unit, node, before, after, moment))
        names = names_of(unit)
        labels = unit.objects.labels(HOME)
    changes, unchanged = [], 0
    for hash, label, count in labels:
        words = describe(label, name_of=lambda p: names.get(p, p), date_of=rfc3339)
        for q in questions:
            was, becomes = q.before(label), q.after(label)
            if was.outcome is becomes.outcome:
                unchanged += 1
                continue
            changes.append(
                Change(
                    label=hash,
                    words=words,
                    objects=count,
                    recipient=q.recipient,
                    name=names.get(q.recipient, q.recipient),
                    purpose=q.purpose,
                    before=was,
                    after=becomes,
                )
            )
    return Difference(at=moment, labels=len(labels), changes=tuple(changes), unchanged=unchanged)


def _read(unit: Unit, node: Node, file: Written) -> Policy:
    if file == NOTHING:
        return None
    data = read_small(file)

    def party(text: str) -> str:
        return recipient_of(unit, text)

    if _is_overlay(data):
        return read_overlay(data, party=party, input=called(file))
    terms = read_agreement(data, party=party, input=called(file))
    if node.party not in terms.parties:
        raise InputFault("this node is not one of the parties", input=called(file), where="parties")
    return terms


def _is_overlay(data: bytes) -> bool:
    """Whether a file holds rules; what does not parse is left to the reader that says so."""
    try:
        return "rule" in tomllib.loads(data.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError):
        return False


def _moment(now: int, after: Policy) -> int:
    return max(now, after.not_before) if isinstance(after, Agreement) else now


def _questions(unit: Unit, node: Node, before: Policy, after: Policy, at: int) -> Iterator[_Question]:
    kinds = {type(each) for each in (before, after) if each is not None}
    if len(kinds) != 1:
        raise InputFault(
            "an agreement and an overlay cannot be compared" if kinds else "both files are missing",
            input="policy diff",
            do="name two agreement files or two overlay files; `-` stands for none",
        )
    if Agreement in kinds:
        yield from _of_agreements(unit, node, before, after, at)
    else:
        yield from _of_overlays(unit, node, before, after, at)


def _of_agreements(unit: Unit, node: Node, before: Policy, after: Policy, at: int) -> Iterator[_Question]:
    terms = [each for each in (before, after) if isinstance(each, Agreement)]
    purposes = sorted({purpose for each in terms for purpose in each.purposes})
    old, new = (each if isinstance(each, Agreement) else None for each in (before, after))
    adopted = deciding.overlay_in_force(unit, node)
    overlay = adopted[0] if adopted else None
    for recipient in sorted({party for each in terms for party in each.parties} - {node.party}):
        for purpose in purposes:
            yield _Question(
                recipient=recipient,
                purpose=purpose,
                before=_decider(unit, node, recipient, purpose, old, overlay, at),
                after=_decider(unit, node, recipient, purpose, new, overlay, at),
            )


def _of_overlays(unit: Unit, node: Node, before: Policy, after: Policy, at: int) -> Iterator[_Question]:
    old, new = (each if isinstance(each, Overlay) else None for each in (before, after))
    for party in unit.directory.parties():
        if party.fingerprint == node.party:
            continue
        for purpose in _purposes(unit, node, party.fingerprint, at):
            found = in_force(unit, node, party.fingerprint, purpose, at)
            terms = found.terms if found else None
            yield _Question(
                recipient=party.fingerprint,
                purpose=purpose,
                before=_decider(unit, node, party.fingerprint, purpose, terms, old, at),
                after=_decider(unit, node, party.fingerprint, purpose, terms, new, at),
            )


def _purposes(unit: Unit, node: Node, partner: str, at: int) -> list[str]:
    """Purposes of every agreement and charter with a partner that is valid at a moment."""
    known = [terms_of(row) for row in unit.directory.signed(AGREEMENT)]
    known += [terms for terms, _ in circling.charter_agreements(unit, node.party, partner)]
    valid = [each for each in known if covers(each, node.party, partner) and phase(each, at) is Phase.DURING]
    return sorted({purpose for each in valid for purpose in each.purposes})


def _decider(
    unit: Unit,
    node: Node,
    recipient: str,
    purpose: str,
    terms: Agreement | None,
    overlay: Overlay | None,
    at: int,
) -> Callable[[Label], Decision]:
    policy = deciding.Policy(
        sender=node.party,
        recipient=recipient,
        purpose=purpose,
        agreement=terms,
        agreement_hash=None,
        members_of=circling.members_of(unit),
        overlay=overlay,
    )
    return lambda label: policy.decide(label, node.party, at)
