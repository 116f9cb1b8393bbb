"""Circles in the stories: charter files, and what a nation does with them."""

from __future__ import annotations

import json
from typing import Any

from simpul.protocol.charters import KIND, CharterStep
from simpul.services.chartering import CharterStanding, history, leave, list_circles, propose, sign_charter
from simpul.services.posting import post
from tests.federation.nations import Nation, World
from tests.federation.objects import indicator, label

RING = "coastal-ring"
PURPOSE = "maritime-safety"
WITHIN = f"{{ within = ['{RING}'] }}"


def charter(
    *parties: str,
    id: str = RING,
    threshold: int = 0,
    title: str = "The ring",
    topics: tuple[str, ...] = ("cyber",),
    more: str = "",
) -> str:
    """A charter file; its threshold is a bare majority unless said otherwise, and its members pass on to members."""
    return (
        f"id = {json.dumps(id)}\ntitle = {json.dumps(title)}\nparties = {json.dumps(list(parties))}\n"
        f"threshold = {threshold or len(parties) // 2 + 1}\npurposes = [{json.dumps(PURPOSE)}]\n"
        f"topics = {json.dumps(list(topics))}\ntlp_ceiling = 'amber'\nonward = {{ within = [{json.dumps(id)}] }}\n"
        f"retention_days = 30\nnot_before = 2020-01-01T00:00:00Z\nnot_after = 2060-01-01T00:00:00Z\n{more}"
    )


def proposes(nation: Nation, text: str) -> CharterStanding:
    return propose(nation.node, nation.file(text), "")


def signs(nation: Nation, id: str = RING) -> CharterStanding:
    return sign_charter(nation.node, id, "")


def leaves(nation: Nation, id: str = RING) -> CharterStanding:
    return leave(nation.node, id, "")


def stands(nation: Nation, id: str = RING) -> tuple[int, str]:
    """Epoch and state of a circle's newest charter that is not merely proposed."""
    return next(
        (each.epoch, each.state)
        for each in list_circles(nation.node)
        if each.circle == id and each.state != "proposed"
    )


def epochs(nation: Nation, id: str = RING) -> list[int]:
    return [each.epoch for each in history(nation.node, id)]


def founded(world: World, *names: str, **more: Any) -> None:
    """A circle of these nations, founded by the first one, in force and known to be so at all."""
    first, *others = (world.nations[name] for name in names)
    proposes(first, charter(*names, **more))
    world.exchange(1)
    for other in others:
        signs(other, more.get("id", RING))
    world.exchange(3)


def changed(world: World, text: str, first: Nation, *others: Nation) -> None:
    """The next epoch, proposed by one and signed by others, told to all."""
    proposes(first, text)
    world.exchange(1)
    for other in others:
        signs(other)
    world.exchange(3)


def offers(nation: Nation, key: str, *, to: str = RING, onward: str = "'none'") -> dict[str, Any]:
    """An indicator under a label for a circle or party, for the circle's purpose."""
    made = indicator(key, "203.0.113.70")
    text = label(to, purposes=(PURPOSE,)).replace('onward = "consent"', f"onward = {onward}")
    nation.imports(text, made)
    return made


def withheld(sender: Nation, recipient: Nation, *objects: dict[str, Any]) -> set[str]:
    """The clauses by which objects would not go, for the circle's purpose; none where all would."""
    (shown,) = sender.previews(sender.drafts(*objects, purpose=PURPOSE), recipient)
    return {each.clause for each in shown.objects if each.sha256 is None}


def sends_step(sender: Nation, to: Nation, step: CharterStep, *documents: bytes) -> None:
    """Queue a charter step of free choice, as a node that breaks the rules would."""
    with sender.node.store.write() as unit:
        post(unit, sender.node, to.party, step, list(documents))


def document(nation: Nation, epoch: int, id: str = RING) -> bytes:
    """A charter as it stands at a nation."""
    with nation.node.store.read() as unit:
        return next(row.document for row in unit.directory.signed(KIND, id=id) if row.version == epoch)
