"""Tasks of the `decide` benchmark: fill a home with objects under many labels, and ask from cold."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

from benchmarks import generate, policy_in_force
from benchmarks.nodes import PURPOSE
from simpul.app import open_node
from simpul.domain.objects import Foreign, Marked, Object
from simpul.domain.queries import HOME
from simpul.formats.stix import to_object
from simpul.services.deciding import audience_for

LABELS: Final = 1000
RARE: Final = 10
PAGE: Final = 100
BATCH: Final = 500
Document = dict[str, Any]


def fill(*, home: str, kek: str, count: int) -> Document:
    """Store `count` objects under `LABELS` labels in turn; ten early ones alone are for the rare party."""
    start = time.perf_counter()
    labels = policy_in_force.labels(LABELS)
    with open_node(Path(home), kek=Path(kek)) as node:
        with node.store.write() as unit:
            policy_in_force.put_in_force(unit, node)
        originators = [policy_in_force.originator(node, number) for number in range(LABELS)]
        objects = enumerate(objects_of(count))
        while batch := list(islice(objects, BATCH)):
            marked = [
                Marked(originator=originators[turn], object=found, labels=(labels[turn],))
                for turn, found in ((_turn(index), found) for index, found in batch)
            ]
            with node.store.write() as unit:
                unit.objects.add(marked, source=node.party, at=node.clock())
    return {"seconds": time.perf_counter() - start}


def objects_of(count: int) -> Iterator[Object]:
    """The generated objects, read as an import reads them."""
    for index, raw in enumerate(generate.objects(count)):
        found = to_object(Foreign(index=index, raw=raw, format="stix-2.1"))
        if not isinstance(found, Object):
            raise TypeError(f"generated object {index} is faulty: {found}")
        yield found


def _turn(index: int) -> int:
    """Label 0 is the rare one: `RARE` of the first objects bear it; the others take turns."""
    return 0 if index < 20 * RARE and index % 20 == 0 else 1 + index % (LABELS - 1)


def ask(*, home: str, kek: str, party: str) -> Document:
    """What a party may see of the home, nothing being decided yet, and the newest page of it with its bytes."""
    with open_node(Path(home), kek=Path(kek)) as node:
        start = time.perf_counter()
        with node.store.read() as unit:
            audience = audience_for(unit, node, party, PURPOSE, node.clock())
            decided = time.perf_counter()
            heads, _ = unit.objects.newest(audience, limit=PAGE)
            size = sum(map(len, unit.objects.bodies(audience, [head.key for head in heads]).values()))
            end = time.perf_counter()
            labels = len(unit.objects.labels(HOME))
            again = time.perf_counter()
            audience_for(unit, node, party, PURPOSE, node.clock())
            warm = time.perf_counter() - again
    return {
        "seconds": end - start,
        "decide_seconds": decided - start,
        "again_seconds": warm,
        "labels": labels,
        "permitted": len(audience.of),
        "objects": len(heads),
        "bytes": size,
    }


TASKS = (fill, ask)
