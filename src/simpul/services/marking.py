"""Setting the owner's label of this node's own objects, and knowing the markings that bytes carry."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from simpul.domain.labels import Label
from simpul.domain.objects import ObjectKey
from simpul.domain.queries import HOME, Query
from simpul.errors import InputFault, NotFound, Refusal
from simpul.formats.markings import Markings
from simpul.formats.terms import read_label, tlp_label
from simpul.ports import StoredHead, Unit
from simpul.protocol.labels import label_hash
from simpul.services.auditing import record
from simpul.services.merkle import renditions_root
from simpul.services.node import Node
from simpul.services.querying import party_of, query_of
from simpul.services.small_files import read_small


def owner_label(unit: Unit, *, label: Path | None, tlp: str | None) -> Label:
    """The label that a person names, by a TOML file or as a TLP level alone. Raises `InputFault`."""
    if label is None:
        return tlp_label(tlp or "")
    return read_label(read_small(label), party=lambda p: party_of(unit, p).fingerprint, input=str(label))


def known_markings(unit: Unit) -> Markings:
    """The marking definitions that are stored here; several contents of one id all hold."""
    stored = unit.objects.stream(HOME, Query(types=("marking-definition",)), latest=False)
    return Markings(msgspec.json.decode(raw) for _, raw in stored)


def mark_objects(node: Node, *, ids: Sequence[str], query: str | None, label: Path, by: str) -> int:
    """Set the owner's label of every stored version of these objects. Returns how many renditions now bear another.

    Raises:
        InputFault: the label file or the query.
        NotFound: an id that is not stored.
        Refusal: an id that another party originated: only the originator writes its record (law 4).
    """
    with node.store.read() as unit:
        owner = owner_label(unit, label=label, tlp=None)
        markings = known_markings(unit)
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
            record(
                unit,
                node,
                "mark",
                {
                    "by": by,
                    "objects": marked,
                    "label": label_hash(owner).hex(),
                    "renditions": renditions_root(key.sha256 for key, _ in changes).hex(),
                },
            )
    return marked


def _labels(markings: Markings, owner: Label, head: StoredHead) -> tuple[Label, ...]:
    whole, *parts = head.markings or ((),)
    return (markings.effective(owner, whole), *(markings.effective(owner, whole + p) for p in parts))


def _named(node: Node, unit: Unit, ids: Sequence[str]) -> list[StoredHead]:
    found: list[StoredHead] = []
    for id in ids:
        heads = unit.objects.find(HOME, id)
        if not heads:
            raise NotFound(f"nothing is stored under {id}", input=id)
        own = [head for head in heads if head.key.originator == node.party]
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
    query = query_of(node, unit, text)
    after = None
    while True:
        heads, after = unit.objects.query(HOME, query, limit=1000, after=after)
        yield from (head for head in heads if head.key.originator == node.party)
        if after is None:
            return
