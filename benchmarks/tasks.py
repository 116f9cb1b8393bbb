"""Work that a benchmark times in a process of its own: `python -m benchmarks.tasks TASK '{"argument": …}'`.

Each task returns what is printed as one JSON document; `seconds` is the time of the work alone, without the start of
the interpreter and without preparing what is compared.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from benchmarks import (
    deciding_tasks,
    generate,
    peers,
    previewing_tasks,
    recalling_tasks,
    releasing_tasks,
    searching_tasks,
)
from simpul.app import open_node
from simpul.services.importing import import_bundle
from simpul.services.node import Node
from simpul.storage.home import open_home

Document = dict[str, Any]


def import_files(*, home: str, kek: str, label: str, files: Sequence[str]) -> Document:
    """Import files into a home, through the service that `simpul import` calls.

    Closing the store counts: it settles what was appended to the value index.
    """
    with open_node(Path(home), kek=Path(kek)) as node:
        batch = node.limits.batch
        start = time.perf_counter()
        reports = [_import(node, file, label) for file in files]
    return {
        "seconds": time.perf_counter() - start,
        "read": sum(r.read for r in reports),
        "stored": sum(r.stored for r in reports),
        "refused": sum(r.refused for r in reports),
        "batch": batch,
    }


def _import(node: Node, file: str, label: str) -> Any:
    return import_bundle(node, Path(file), label=Path(label), tlp=None, by="", progress=lambda _: None)


def import_floor(*, home: str, kek: str, files: Sequence[str], batch: int, target: str) -> Document:
    """The floor of an import: the same bytes decoded and hashed, the rows that the home now holds put in again."""
    from benchmarks.floors import import_floor as floor
    from benchmarks.rows import batches, fresh_database, settings_of

    raws = [raw for file in files for raw in peers.objects_of(Path(file).read_bytes())]
    with _database(home, kek) as (stored, key):
        prepared = batches(stored, batch)
        settings = settings_of(stored, key)
    fresh = fresh_database(Path(target), key)
    seconds = floor(raws, prepared, fresh, batch)
    return {"seconds": seconds, "objects": len(raws), "settings": msgspec.to_builtins(settings)}


def exchange_floor(
    *, home: str, kek: str, files: Sequence[str], part: int, first: int, target: str
) -> Document:
    """The floor of an exchange: every step that cannot be left out, and the recipient's rows put in again."""
    from benchmarks.floors import exchange_floor as floor
    from benchmarks.rows import batches, fresh_database, settings_of

    raws = [raw for file in files for raw in peers.objects_of(Path(file).read_bytes())]
    with _database(home, kek) as (stored, key):
        prepared = batches(stored, part, first=first)
        settings = settings_of(stored, key)
    fresh = fresh_database(Path(target), key)
    seconds = floor(raws, prepared, fresh, part)
    fresh.close()
    return {"seconds": seconds, "objects": len(raws), "settings": msgspec.to_builtins(settings)}


def stix2_parse(*, files: Sequence[str], most: int) -> Document:
    """The peer: `stix2` parses the same objects, or a random sample of `most` of them (always the same one)."""
    raws = [raw for file in files for raw in peers.objects_of(Path(file).read_bytes())]
    sample = raws if len(raws) <= most else Random(generate.SEED).sample(raws, most)
    whole, single = peers.stix2_bundle(sample), peers.stix2_objects(sample)
    return {
        "seconds": whole.seconds + single.seconds,
        "objects": len(sample),
        "bundle": msgspec.to_builtins(whole),
        "single": msgspec.to_builtins(single),
    }


def read_settings(*, home: str, kek: str) -> Document:
    """How a home's database is set up."""
    from benchmarks.rows import settings_of

    with _database(home, kek) as (connection, key):
        found: Document = msgspec.to_builtins(settings_of(connection, key))
        return found | {"seconds": 0.0}


@contextmanager
def _database(home: str, kek: str) -> Iterator[tuple[Any, bytes | None]]:
    from benchmarks.rows import open_database

    opened = open_home(Path(home), kek=Path(kek))
    key = opened.database_key
    connection = open_database(Path(home) / "live.db", key)
    try:
        yield connection, key
    finally:
        connection.close()
        opened.close()


def main(words: Sequence[str]) -> None:
    """Run one task and print its document."""
    task = {t.__name__: t for t in TASKS}[words[0]]
    document = task(**msgspec.json.decode(words[1]))
    sys.stdout.write(msgspec.json.encode(document).decode() + "\n")


TASKS = (
    import_files,
    import_floor,
    exchange_floor,
    stix2_parse,
    read_settings,
    *releasing_tasks.TASKS,
    *deciding_tasks.TASKS,
    *searching_tasks.TASKS,
    *previewing_tasks.TASKS,
    *recalling_tasks.TASKS,
)

if __name__ == "__main__":
    main(sys.argv[1:])
