"""What comes in by hand: bytes of a feed, a file or a person become stored, marked objects of this node.

    open_bundle (syntax of all of it) -> read each object -> mark -> one transaction a batch

Each batch commits objects, words, values and labels together with its log leaf, so that an import killed midway left
whole batches; running it again finds them known and goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
from msgspec import Struct

from simpul.domain.labels import Label
from simpul.domain.objects import Fault, Foreign, Loss, Marked, Object, ObjectKey, SourceFormat
from simpul.formats.bundle import BundleReader, open_bundle
from simpul.formats.markings import Markings
from simpul.formats.stix import Reading, read
from simpul.formats.stix20 import CONVERSION
from simpul.ports import Added, Original, Unit
from simpul.protocol.labels import label_hash
from simpul.services.auditing import record
from simpul.services.marking import learn_definitions, owner_label, record_mark, stored_markings
from simpul.services.matching import match_new
from simpul.services.merkle import renditions_root
from simpul.services.node import Node
from simpul.services.small_files import Written

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
    label: Written | None,
    tlp: str | None,
    by: str,
    progress: Progress,
) -> ImportReport:
    """Import an input under an owner's label.

    Args:
        source: a file, or a stream that is read up to the configured limit.
        label: a TOML file with the owner's label; else `tlp`, a level alone. Either is joined to the label of what
            is stored already.
        by: the acting user, or empty.
        progress: is told how many objects were looked at so far.

    Raises:
        SyntaxFault, TooLarge, NotFound: the input as a whole; nothing was stored.
        InputFault: the label.
    """
    with node.store.read() as unit:
        owner = owner_label(unit, label=label, tlp=tlp)
    markings = stored_markings(node, node.party)
    with open_bundle(source, limit=node.limits.stream_bytes) as reader:
        learn_definitions(node, markings, _definitions(reader), originator=node.party, by=by)
        # A TLP alone is no owner's last word: running it again after `mark` must not close what was marked since.
        added = Label(tlp=owner.tlp) if label is None else owner
        return _Import(node, owner, added, markings, by, progress).run(reader)


def _definitions(reader: BundleReader) -> Iterator[dict[str, Any]]:
    """The input's own marking definitions, those that will be refused left out."""
    for raws in reader.markings.values():
        for raw in raws:
            value = msgspec.json.decode(raw)
            format: SourceFormat = "stix-2.1" if "spec_version" in value else "stix-2.0"
            if not read(Foreign(index=0, raw=raw, format=format)).faults:
                yield value


class _Batch(Struct, kw_only=True):
    """A batch as it is read: how many objects were looked at, what is to be stored, what is wrong with the rest.

    `places` are the indexes in the input of what is to be stored; `originals` are the keys of what was made of each
    converted object, with its bytes before (law 3).
    """

    looked_at: int = 0
    marked: list[Marked] = []
    places: list[int] = []
    originals: list[tuple[list[ObjectKey], Original]] = []
    faults: list[Fault] = []
    losses: list[Loss] = []
    refused: int = 0


class _Import:
    """One run over one input: what was counted so far."""

    def __init__(
        self, node: Node, owner: Label, added: Label, markings: Markings, by: str, progress: Progress
    ) -> None:
        self._node, self._owner, self._added, self._markings = node, owner, added, markings
        self._by, self._progress = by, progress
        self._looked_at = self._stored = self._known = self._refused = self._converted = 0
        self._faults: list[Fault] = []
        self._losses: list[Loss] = []

    def run(self, reader: BundleReader) -> ImportReport:
        foreign = iter(reader)
        batch = self._read(foreign)
        with ThreadPoolExecutor(1, thread_name_prefix="import") as ahead:
            while batch.looked_at:
                coming = self._take(batch, lambda: ahead.submit(self._read, foreign))
                self._progress(self._looked_at)
                batch = coming.result()
        return ImportReport(
            read=self._looked_at,
            stored=self._stored,
            known=self._known,
            refused=self._refused,
            converted=self._converted,
            faults=tuple(self._faults),
            losses=tuple(self._losses),
        )

    def _read(self, foreign: Iterator[Foreign]) -> _Batch:
        batch = _Batch()
        for each in islice(foreign, self._node.limits.batch):
            batch.looked_at += 1
            reading = read(each)
            batch.losses += reading.losses
            if reading.faults:
                batch.refused += 1
                batch.faults += reading.faults
                continue
            made = [self._marked(found) for found in reading.objects]
            batch.marked += made
            batch.places += [each.index] * len(made)
            if reading.original is not None:
                batch.originals.append(([key_of(one) for one in made], _original(reading)))
        return batch

    def _marked(self, found: Object) -> Marked:
        labels = self._markings.labels(self._owner, found)
        return Marked(originator=self._node.party, object=found, labels=labels)

    def _take(self, batch: _Batch, read_on: Callable[[], Future[_Batch]]) -> Future[_Batch]:
        """Store a batch. The next one is read while this one is made durable, which is waiting for the disk."""
        self._looked_at += batch.looked_at
        self._refused += batch.refused
        self._converted += len(batch.originals)
        self._faults += batch.faults
        self._losses += batch.losses
        if not batch.marked:
            return read_on()
        with self._node.store.write() as unit:
            added = unit.objects.add(batch.marked, source=self._node.party, at=self._node.clock())
            for keys, original in batch.originals:
                unit.objects.keep_original(keys, original)
            if added.stored:
                self._log(unit, batch.marked, added)
                match_new(unit, self._node, batch.marked)
            if added.known:
                self._restrict(unit, batch.marked)
            coming = read_on()
        self._stored += added.stored
        self._known += added.known
        self._faults += [_conflict(key, batch) for key in added.conflicts]
        return coming

    def _restrict(self, unit: Unit, marked: list[Marked]) -> None:
        """Hold what was here already by this label too: never wider than it was."""
        changed = unit.objects.restrict([key_of(each) for each in marked], self._added)
        if changed:
            record_mark(unit, self._node, self._by, self._added, len(changed), changed)

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


def _original(reading: Reading) -> Original:
    losses = [{"lost": each.lost, "path": each.path} for each in reading.losses]
    return Original(
        format="stix-2.0",
        made_by=CONVERSION,
        raw=reading.original or b"",
        losses=msgspec.json.encode(losses),
    )


def _conflict(key: ObjectKey, batch: _Batch) -> Fault:
    """The line that reports a second content of one version, which is stored beside the first."""
    at = next(at for at, each in enumerate(batch.marked) if key_of(each) == key)
    return Fault(
        index=batch.places[at],
        id=key.id,
        path="",
        problem="another content of this version is stored under this id: both are kept, in conflict",
    )


def key_of(marked: Marked) -> ObjectKey:
    """The store's key of a marked object."""
    found = marked.object
    return ObjectKey(originator=marked.originator, id=found.id, version=found.version, sha256=found.sha256)
