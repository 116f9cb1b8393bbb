"""What comes in by hand: bytes of a feed, a file or a person become stored, marked objects of this node.

    open_bundle (syntax of all of it) -> read each object -> mark -> one transaction a batch

Each batch commits objects, words, values and labels together with its log leaf, so that an import killed midway left
whole batches; running it again finds them known and goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec import Struct

from simpul.domain.labels import Label
from simpul.domain.objects import Fault, Foreign, Loss, Marked, Object, ObjectKey
from simpul.formats.bundle import BundleReader, open_bundle
from simpul.formats.markings import Markings
from simpul.formats.stix import Reading, read
from simpul.ports import Added, Unit
from simpul.protocol.labels import label_hash
from simpul.services.auditing import record
from simpul.services.marking import known_markings, owner_label
from simpul.services.matching import match_new
from simpul.services.merkle import renditions_root
from simpul.services.node import Node

Progress = Callable[[int], None]


class ImportReport(Struct, frozen=True, kw_only=True):
    """What became of an input, in objects.

    `faults` has every fault of a refused object, and one line for each stored object that contradicts another content
    of the same version: both are kept.
    """

    read: int
    stored: int
    known: int
    refused: int
    converted: int
    faults: tuple[Fault, ...]
    losses: tuple[Loss, ...]


def import_bundle(
    node: Node,
    source: Path | BinaryIO,
    *,
    label: Path | None,
    tlp: str | None,
    by: str,
    progress: Progress,
) -> ImportReport:
    """Import an input under an owner's label.

    Args:
        source: a file, or a stream that is read up to the configured limit.
        label: a TOML file with the owner's label; else `tlp`, a level alone.
        by: the acting user, or empty.
        progress: is told how many objects were looked at so far.

    Raises:
        SyntaxFault, TooLarge, NotFound: the input as a whole; nothing was stored.
        InputFault: the label.
    """
    with node.store.read() as unit:
        owner = owner_label(unit, label=label, tlp=tlp)
        markings = known_markings(unit)
    with open_bundle(source, limit=node.limits.stream_bytes) as reader:
        for definitions in reader.markings.values():
            for raw in definitions:
                markings.learn(msgspec.json.decode(raw))
        return _Import(node, owner, markings, by, progress).run(reader)


class _Import:
    """One run over one input: what was counted so far."""

    def __init__(self, node: Node, owner: Label, markings: Markings, by: str, progress: Progress) -> None:
        self._node, self._owner, self._markings = node, owner, markings
        self._by, self._progress = by, progress
        self._looked_at = self._stored = self._known = self._refused = self._converted = 0
        self._faults: list[Fault] = []
        self._losses: list[Loss] = []

    def run(self, reader: BundleReader) -> ImportReport:
        foreign = iter(reader)
        while batch := list(islice(foreign, self._node.limits.batch)):
            self._take(batch)
            self._progress(self._looked_at)
        return ImportReport(
            read=self._looked_at,
            stored=self._stored,
            known=self._known,
            refused=self._refused,
            converted=self._converted,
            faults=tuple(self._faults),
            losses=tuple(self._losses),
        )

    def _take(self, batch: list[Foreign]) -> None:
        marked = [
            Marked(
                originator=self._node.party, object=found, labels=self._markings.labels(self._owner, found)
            )
            for found in self._objects(batch)
        ]
        if not marked:
            return
        with self._node.store.write() as unit:
            added = unit.objects.add(marked, source=self._node.party, at=self._node.clock())
            if added.stored:
                self._log(unit, marked, added)
                match_new(unit, self._node, marked)
        self._stored += added.stored
        self._known += added.known
        self._faults += [self._conflict(key, marked, batch) for key in added.conflicts]

    @staticmethod
    def _conflict(key: ObjectKey, marked: list[Marked], batch: list[Foreign]) -> Fault:
        """The line that reports a second content of one version; its place is exact unless objects were converted."""
        at = next((i for i, m in enumerate(marked) if m.object.sha256 == key.sha256), 0)
        index = batch[at].index if len(marked) == len(batch) else None
        return Fault(
            index=index,
            id=key.id,
            path="",
            problem="another content of this version is stored under this id: both are kept, in conflict",
        )

    def _objects(self, batch: list[Foreign]) -> Iterator[Object]:
        for foreign in batch:
            reading = read(foreign)
            self._looked_at += 1
            self._losses += reading.losses
            if reading.faults:
                self._refused += 1
                self._faults += reading.faults
            self._converted += reading.original is not None and not reading.faults
            yield from self._all_of(reading)

    @staticmethod
    def _all_of(reading: Reading) -> tuple[Object, ...]:
        return () if reading.faults else reading.objects

    def _log(self, unit: Unit, marked: list[Marked], added: Added) -> None:
        record(
            unit,
            self._node,
            "import",
            {
                "by": self._by,
                "objects": added.stored,
                "known": added.known,
                "conflicts": len(added.conflicts),
                "label": label_hash(self._owner).hex(),
                "renditions": renditions_root(m.object.sha256 for m in marked).hex(),
            },
        )
        unit.directory.count("imported", added.stored)


def key_of(marked: Marked) -> ObjectKey:
    """The store's key of a marked object."""
    found = marked.object
    return ObjectKey(originator=marked.originator, id=found.id, version=found.version, sha256=found.sha256)
