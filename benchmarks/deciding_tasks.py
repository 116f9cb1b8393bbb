"""Tasks of the `decide` benchmark: fill a home with objects under many labels, and ask from cold."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

from benchmarks import generate
from benchmarks.nodes import PURPOSE
from simpul.app import open_node
from simpul.domain.agreements import Agreement
from simpul.domain.labels import Label, Onward, Tlp, complete
from simpul.domain.objects import Foreign, Marked, Object
from simpul.domain.policy import Outcome, decide
from simpul.domain.queries import HOME, Audience
from simpul.formats.stix import to_object
from simpul.ports import Unit
from simpul.services.node import Node

LABELS: Final = 1000
RARE: Final = 10
PAGE: Final = 100
BATCH: Final = 500
USUAL_PARTY: Final = "b" * 50
RARE_PARTY: Final = "c" * 50
Document = dict[str, Any]


def fill(*, home: str, kek: str, count: int) -> Document:
    """Store `count` objects under `LABELS` labels in turn; ten early ones alone are for `RARE_PARTY`."""
    start = time.perf_counter()
    labels = [_label(number) for number in range(LABELS)]
    with open_node(Path(home), kek=Path(kek)) as node:
        objects = enumerate(_objects(count))
        while batch := list(islice(objects, BATCH)):
            marked = [
                Marked(originator=node.party, object=found, labels=(labels[_turn(index)],))
                for index, found in batch
            ]
            with node.store.write() as unit:
                unit.objects.add(marked, source=node.party, at=node.clock())
    return {"seconds": time.perf_counter() - start}


def _objects(count: int) -> Iterator[Object]:
    for index, raw in enumerate(generate.objects(count)):
        found = to_object(Foreign(index=index, raw=raw, format="stix-2.1"))
        if not isinstance(found, Object):
            raise TypeError(f"generated object {index} is faulty: {found}")
        yield found


def _turn(index: int) -> int:
    """Label 0 is the rare one: `RARE` of the first objects bear it; the others take turns."""
    return 0 if index < 20 * RARE and index % 20 == 0 else 1 + index % (LABELS - 1)


def _label(number: int) -> Label:
    """Label 0 is for the rare party; every other one of the rest is for the usual party."""
    to = frozenset({RARE_PARTY}) if number == 0 else frozenset({USUAL_PARTY} if number % 2 else ())
    return complete(
        Label(
            tlp=Tlp.AMBER,
            releasable_to=frozenset({to}),
            purposes=frozenset({PURPOSE}),
            topics=frozenset({"cyber"}),
            handling_text=frozenset({f"set {number}"}),
            onward=Onward(none=True),
        )
    )


def ask(*, home: str, kek: str, party: str) -> Document:
    """Decide every label for a party, nothing being cached, and read the newest page of what it may see."""
    with open_node(Path(home), kek=Path(kek)) as node:
        start = time.perf_counter()
        with node.store.read() as unit:
            labels, permitted = _permitted(unit, node, party)
            decided = time.perf_counter()
            audience = Audience(labels=permitted)
            heads, _ = unit.objects.newest(audience, limit=PAGE)
            size = sum(len(unit.objects.raw(audience, head.key)) for head in heads)
        end = time.perf_counter()
    return {
        "seconds": end - start,
        "decide_seconds": decided - start,
        "labels": labels,
        "permitted": len(permitted),
        "objects": len(heads),
        "bytes": size,
    }


def _permitted(unit: Unit, node: Node, party: str) -> tuple[int, frozenset[bytes]]:
    terms, at = _agreement(node.party, party), node.clock()
    labels = unit.objects.labels(HOME)
    permitted = frozenset(
        name
        for name, label, _ in labels
        if decide(label, sender=node.party, recipient=party, purpose=PURPOSE, agreement=terms, at=at).outcome
        is Outcome.PERMIT
    )
    return len(labels), permitted


def _agreement(one: str, other: str) -> Agreement:
    return Agreement(
        id="benchmark",
        version=1,
        title="Benchmark",
        parties=tuple(sorted((one, other))),
        purposes=frozenset({PURPOSE}),
        topics=frozenset({"cyber"}),
        compartments=frozenset(),
        tlp_ceiling=Tlp.AMBER,
        levels=frozenset(),
        equivalences=(),
        onward=Onward(none=True),
        retention_days=None,
        approvals=1,
        obligations=frozenset(),
        not_before=0,
        not_after=1 << 52,
    )


TASKS = (fill, ask)
