"""What each recipient would get, exactly, before anything leaves; with the clause that decided and what to change."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from simpul.domain.labels import Onward
from simpul.domain.policy import Outcome
from simpul.errors import InputFault
from simpul.ports import Unit
from simpul.services.agreeing import in_force
from simpul.services.carrying import Members
from simpul.services.node import Node
from simpul.services.querying import party_of
from simpul.services.reaching import Reach, reach_of
from simpul.services.rendering import RenderedObject, RenderedText, Rendering
from simpul.services.times import version_text


class PreviewedObject(Struct, frozen=True, kw_only=True):
    """One object: `sha256` names the bytes that would go, None if it is withheld.

    `cut` are selectors of what would be cut from it, as in the original: they are for people here and never leave.
    """

    id: str
    modified: str | None
    outcome: Outcome
    clause: str
    sha256: bytes | None
    cut: tuple[str, ...] = ()


class PreviewedPortion(Struct, frozen=True, kw_only=True):
    """One portion of narrative, by its number; number 0 is the cover sheet. `change` is what would have to change."""

    number: int
    outcome: Outcome
    clause: str
    sha256: bytes | None
    why: str
    change: str


class ReasonCount(Struct, frozen=True, kw_only=True):
    """How many objects a clause decided, why, and what would have to change."""

    outcome: str
    clause: str
    count: int
    why: str
    change: str


class RecipientPreview(Struct, frozen=True, kw_only=True):
    """One recipient's preview. `counts` are objects by outcome; `reach` is how far it could go from there.

    `policy` names all that was read: an approval that states it is given for this very preview.
    """

    party: str
    policy: bytes
    name: str
    objects: list[PreviewedObject]
    portions: list[PreviewedPortion]
    counts: dict[str, int]
    reasons: list[ReasonCount]
    reach: list[Reach]


def preview(node: Node, product: str, recipients: Sequence[str], out: Path | None) -> list[RecipientPreview]:
    """Preview a product for each recipient; with `out`, write the exact bytes to `out/<party>/<sha256>`.

    Raises:
        NotFound: the product or a recipient.
        InputFault: the folder cannot be written.
    """
    with node.store.read() as unit:
        found = unit.products.product(product)
        members = Members(unit, found)
        previews = []
        for text in recipients:
            party = party_of(unit, text)
            agreement = in_force(unit, node, party.fingerprint, found.purpose, node.clock())
            rendering = Rendering(
                unit, node, found, party.fingerprint, agreement, node.clock(), members=members
            )
            folder = None if out is None else _folder(out, party.fingerprint)
            previews.append(_preview(unit, node, rendering, party.name, folder))
        return previews


def _preview(
    unit: Unit, node: Node, rendering: Rendering, name: str, folder: Path | None
) -> RecipientPreview:
    objects = []
    rules: Counter[Onward] = Counter()
    clauses: Counter[tuple[Outcome, str]] = Counter()
    texts = rendering.texts()
    for each in _going(rendering, texts[0]):
        clauses[each.outcome, each.clause] += 1
        if each.label is not None:
            rules[rendering.held_onward(each)] += 1
        objects.append(
            PreviewedObject(
                id=each.head.key.id,
                modified=version_text(each.head.key.version),
                outcome=each.outcome,
                clause=each.clause,
                sha256=_written(each.body, folder),
                cut=each.removed,
            )
        )
    portions = [_portion(rendering, text, folder) for text in texts]
    counts = {outcome.word: 0 for outcome in Outcome}
    for (outcome, _), count in clauses.items():
        counts[outcome.word] += count
    return RecipientPreview(
        party=rendering.recipient,
        policy=rendering.policy(),
        name=name,
        objects=objects,
        portions=portions,
        counts=counts,
        reasons=[
            _reason(rendering, outcome, clause, count) for (outcome, clause), count in sorted(clauses.items())
        ],
        reach=reach_of(unit, node, rendering.recipient, rules),
    )


def _going(rendering: Rendering, sheet: RenderedText) -> Iterator[RenderedObject]:
    """Every object as it would go: without its cover sheet nothing does."""
    for each in rendering.objects():
        if sheet.body is None and each.body is not None:
            yield RenderedObject(head=each.head, outcome=Outcome.DENY, clause=sheet.decision.clause)
        else:
            yield each


def _portion(rendering: Rendering, text: RenderedText, folder: Path | None) -> PreviewedPortion:
    why, change = rendering.words(text.decision.clause)
    return PreviewedPortion(
        number=text.number,
        outcome=text.decision.outcome,
        clause=text.decision.clause,
        sha256=_written(text.body, folder),
        why=why,
        change=change,
    )


def _reason(rendering: Rendering, outcome: Outcome, clause: str, count: int) -> ReasonCount:
    why, change = rendering.words(clause)
    return ReasonCount(outcome=outcome.word, clause=clause, count=count, why=why, change=change)


def _written(body: bytes | None, folder: Path | None) -> bytes | None:
    if body is None:
        return None
    digest = hashlib.sha256(body).digest()
    if folder is not None:
        try:
            handle = os.open(folder / digest.hex(), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(body)
        except OSError as fault:
            raise InputFault(f"the preview cannot be written: {fault.strerror}", input="--out") from fault
    return digest


def _folder(out: Path, party: str) -> Path:
    folder = out / party
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as fault:
        raise InputFault(
            f"the folder cannot be made: {fault.strerror}", input="--out", where=str(out)
        ) from fault
    return folder
