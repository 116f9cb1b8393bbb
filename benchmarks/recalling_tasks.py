"""Tasks of the `recall` benchmark: fill a home with a partner's objects, and take some of them back."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

from benchmarks import generate
from benchmarks.result import percentile
from simpul.app import open_node
from simpul.domain.labels import Label, Tlp, complete
from simpul.domain.objects import Foreign, Marked, Object
from simpul.domain.queries import EVERYTHING, HOME, Query
from simpul.domain.recalls import RecallState
from simpul.formats.stix import to_object
from simpul.protocol.canonical import encode
from simpul.protocol.documents import parse_document, sign
from simpul.protocol.keys import SigningKey
from simpul.protocol.recalls import KIND, OBJECTS_LIMIT, Recall, RecalledObject, decode_recall
from simpul.services.honouring import advance, keep, run, tombstones
from simpul.services.node import Node

PARTNER: Final = "b" * 50
BATCH: Final = 500
Document = dict[str, Any]


def fill_held(*, home: str, kek: str, count: int) -> Document:
    """Store `count` objects that a partner originated and delivered."""
    start = time.perf_counter()
    label = complete(Label(tlp=Tlp.AMBER, topics=frozenset({"cyber"})))
    with open_node(Path(home), kek=Path(kek)) as node:
        objects = _objects(count)
        while batch := list(islice(objects, BATCH)):
            marked = [Marked(originator=PARTNER, object=found, labels=(label,)) for found in batch]
            with node.store.write() as unit:
                unit.objects.add(marked, source=PARTNER, at=node.clock())
    return {"seconds": time.perf_counter() - start}


def _objects(count: int) -> Iterator[Object]:
    for index, raw in enumerate(generate.objects(count)):
        found = to_object(Foreign(index=index, raw=raw, format="stix-2.1"))
        if not isinstance(found, Object):
            raise TypeError(f"generated object {index} is faulty: {found}")
        yield found


def take_back(*, home: str, kek: str, count: int, share: int) -> Document:
    """Honour recalls of every `share`-th object, from the document's bytes until nothing is left of any."""
    chosen = [found for index, found in enumerate(_objects(count)) if index % share == share // 2]
    documents = [_document(chosen[at : at + OBJECTS_LIMIT]) for at in range(0, len(chosen), OBJECTS_LIMIT)]
    phases: dict[str, float] = defaultdict(float)
    lasted: list[float] = []
    with open_node(Path(home), kek=Path(kek)) as node:
        with node.store.read() as unit:
            before = unit.objects.count(HOME, EVERYTHING)
        start = time.perf_counter()
        for data in documents:
            _begin(node, data, lasted)
        phases["first"] = time.perf_counter() - start
        while True:
            began = time.perf_counter()
            with node.store.write() as unit:
                hiding = any(each.state is RecallState.HIDING for each in unit.recalls.unfinished())
                again = run(unit, node)
            lasted.append(time.perf_counter() - began)
            phases["hide" if hiding else "erase"] += lasted[-1]
            if again is None:
                break
        seconds = time.perf_counter() - start
        with node.store.read() as unit:
            gone = before - unit.objects.count(HOME, EVERYTHING)
            left = sum(len(unit.objects.find(HOME, each.id)) for each in chosen[:1000])
            left += 0 if unit.recalls.is_clean() else 1
            unit.objects.count(HOME, Query(words=("nothing",)))
    return {
        "seconds": seconds,
        "recalled": gone,
        "left": left + abs(gone - len(chosen)),
        "phases": dict(phases),
        "transactions": len(lasted),
        "transaction_p99_ms": 1000 * percentile(lasted, 0.99),
        "transaction_most_ms": 1000 * max(lasted),
    }


def _document(objects: list[Object]) -> bytes:
    recall = Recall(
        author=PARTNER,
        originator=PARTNER,
        action="recall",
        code="mistake",
        reason="benchmark",
        issued=1,
        deadline=2,
        objects=tuple(RecalledObject(id=each.id) for each in objects),
    )
    return sign(KIND, "live", encode(recall), SigningKey(bytes(64))).encode()


def _begin(node: Node, data: bytes, lasted: list[float]) -> None:
    """What taking in its message does: read it, keep it, hide the first of what it names."""
    document = parse_document(data)
    recall = decode_recall(document.payload)
    began = time.perf_counter()
    with node.store.write() as unit:
        keep(unit, node, document, recall, "", tombstones(document.hash, recall, ""))
        advance(unit, node, document.hash)
    lasted.append(time.perf_counter() - began)


TASKS = (fill_held, take_back)
