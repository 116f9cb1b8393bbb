"""Setting the owner's label of this node's own objects, and knowing the markings that bytes carry."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from simpul.domain.labels import Label
from simpul.domain.objects import Object, ObjectKey
from simpul.domain.queries import HOME
from simpul.errors import InputFault, Refusal
from simpul.formats.markings import Markings
from simpul.formats.terms import read_label, tlp_label
from simpul.ports import StoredHead, Unit
from simpul.protocol.labels import label_hash
from simpul.services.auditing import record
from simpul.services.merkle import renditions_root
from simpul.services.node import Node
from simpul.services.querying import heads_of, query_of, recipient_of
from simpul.services.small_files import Written, called, read_small

MARKING_DEFINITION: Final = "marking-definition"

BOUND_AT_ONCE: Final = 500
"""Stored objects that are held anew in one transaction, so that it stays below 100 ms."""


def owner_label(unit: Unit, *, label: Written | None, tlp: str | None) -> Label:
    """The label that a person names, by a TOML file or as a TLP level alone. Raises `InputFault`."""
    if label is None:
        return tlp_label(tlp or "")
    return read_label(read_small(label), party=lambda name: recipient_of(unit, name), input=called(label))


def known_markings(unit: Unit, *originators: str) -> Markings:
    """The marking definitions of these parties, each read when it is first met: for use in the unit's block.

    What marks a party's objects is said by that party and by us: a third one's word neither frees nor binds them.
    """
    return Markings(stored=partial(_definitions, unit, originators))


def stored_markings(node: Node, *originators: str) -> Markings:
    """The same for work that outlasts a unit: each is read in a snapshot of its own."""

    def stored(id: str) -> list[Mapping[str, Any]]:
        with node.store.read() as unit:
            return _definitions(unit, originators, id)

    return Markings(stored=stored)


def _definitions(unit: Unit, originators: Sequence[str], id: str) -> list[Mapping[str, Any]]:
    """Every content that is stored under an id: all of them hold."""
    found = (head for party in originators for head in unit.objects.find(HOME, id, originator=party))
    return [msgspec.json.decode(unit.objects.raw(HOME, head.key)) for head in found]


def learn_definitions(
    node: Node, markings: Markings, definitions: Iterable[Mapping[str, Any]], *, originator: str, by: str
) -> None:
    """Learn the definitions of a party that are about to be stored, and hold what is stored by what they say.

    Markings in bytes are never undercut, in whatever order they and their definitions come. It is done before the
    definitions are stored: interrupted, they are still new when they come again, and the rest is done then.
    """
    changed: dict[str, bool] = {}
    for definition in definitions:
        marking = str(definition.get("id", ""))
        known = markings.knows(marking)
        if markings.learn(definition):
            changed.setdefault(marking, known)
    for marking, known in changed.items():
        frees = originator == node.party and not known
        _bind_bearers(
            node, _Binding(markings=markings, marking=marking, originator=originator, frees=frees), by
        )


def learn_from_partner(node: Node, sender: str, objects: Iterable[Object], *, by: str) -> None:
    """The same for those of a partner's objects that are marking definitions."""
    definitions = [msgspec.json.decode(each.raw) for each in objects if each.type == MARKING_DEFINITION]
    if definitions:
        learn_definitions(
            node, stored_markings(node, node.party, sender), definitions, originator=sender, by=by
        )


class _Binding(Struct, frozen=True, kw_only=True):
    """What a definition of a party means for what bears its marking; `frees` if the marking could not be read before."""

    markings: Markings
    marking: str
    originator: str
    frees: bool

    def label(self, label: Label, borne: tuple[str, ...], originator: str) -> Label:
        """The label of what bore this one until now.

        A restriction is joined: that needs no knowledge of the owner's label, since the join forgets nothing. Where the
        marking could not be read, all that it had added is its own id among the unmapped ones: without it, the label
        is that of the owner and the other markings, which are joined anew together with this one. Only for our own
        objects: in a label that came from a partner, the id may also be the partner's word.
        """
        if self.marking not in borne:
            return label
        if originator != self.originator:
            return self.markings.effective(label, (self.marking,))
        if self.frees:
            label = replace(label, unmapped=label.unmapped - {self.marking})
        return self.markings.effective(label, borne)


def _bind_bearers(node: Node, binding: _Binding, by: str) -> None:
    """Hold every stored bearer by a definition: ours binds whatever is here, a partner's only what is the partner's."""
    with node.store.read() as unit:
        found, after = unit.objects.bearers(HOME, binding.marking, limit=1)
        if not found and after is None:
            return
    after = None
    while True:
        with node.store.write() as unit:
            heads, after = unit.objects.bearers(HOME, binding.marking, limit=BOUND_AT_ONCE, after=after)
            changes = [
                (head.key, _bound(unit, binding, head))
                for head in heads
                if binding.originator in (node.party, head.key.originator)
            ]
            changed = unit.objects.relabel(changes)
            if changed:
                label = binding.markings.restriction(binding.marking)
                record_mark(unit, node, by, label, changed, [key for key, _ in changes])
        if after is None:
            return


def _bound(unit: Unit, binding: _Binding, head: StoredHead) -> tuple[Label, ...]:
    labels = (
        unit.objects.labels_of(HOME, head.key)
        if len(head.markings) > 1
        else (unit.objects.label(head.label),)
    )
    whole, *parts = head.markings
    borne = (whole, *(whole + part for part in parts))
    return tuple(
        binding.label(label, each, head.key.originator) for label, each in zip(labels, borne, strict=True)
    )


def mark_objects(node: Node, *, ids: Sequence[str], query: str | None, label: Written, by: str) -> int:
    """Set the owner's label of every stored version of these objects. Returns how many renditions now bear another.

    Raises:
        InputFault: the label file or the query.
        NotFound: an id that is not stored.
        Refusal: an id that another party originated: only the originator writes its record (law 4).
    """
    with node.store.read() as unit:
        owner = owner_label(unit, label=label, tlp=None)
        markings = known_markings(unit, node.party)
        heads = _named(node, unit, ids) if ids else _found(node, unit, query or "")
        changes = [(head.key, _labels(markings, owner, head)) for head in heads]
    marked = 0
    for start in range(0, len(changes), node.limits.batch):
        marked += _relabel(node, changes[start : start + node.limits.batch], owner, by)
    return marked


def _relabel(
    node: Node, changes: Sequence[tuple[ObjectKey, tuple[Label, ...]]], owner: Label, by: str
) -> int:
    with node.store.write() as unit:
        marked = unit.objects.relabel(changes)
        if marked:
            record_mark(unit, node, by, owner, marked, [key for key, _ in changes])
    return marked


def record_mark(
    unit: Unit, node: Node, by: str, label: Label, objects: int, keys: Sequence[ObjectKey]
) -> None:
    """Log that some of these renditions bear another label now: what was set, or joined to what they bore."""
    record(
        unit,
        node,
        "mark",
        {
            "by": by,
            "objects": objects,
            "label": label_hash(label).hex(),
            "renditions": renditions_root(key.sha256 for key in keys).hex(),
        },
    )


def _labels(markings: Markings, owner: Label, head: StoredHead) -> tuple[Label, ...]:
    whole, *parts = head.markings or ((),)
    return (markings.effective(owner, whole), *(markings.effective(owner, whole + p) for p in parts))


def _named(node: Node, unit: Unit, ids: Sequence[str]) -> list[StoredHead]:
    found: list[StoredHead] = []
    for id in ids:
        own = [head for head in heads_of(unit, id) if head.key.originator == node.party]
        if not own:
            raise Refusal(
                f"{id} was originated by another party: only its originator labels it",
                input=id,
                do="propose a change to the originator",
            )
        found += own
    return found


def _found(node: Node, unit: Unit, text: str) -> Iterator[StoredHead]:
    if not text.strip():
        raise InputFault(
            "the query is empty", input="--query", do="write what to mark, such as type:indicator"
        )
    query = query_of(unit, node, text)
    after = None
    while True:
        heads, after = unit.objects.query(HOME, query, limit=1000, after=after)
        yield from (head for head in heads if head.key.originator == node.party)
        if after is None:
            return
