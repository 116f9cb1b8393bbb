"""Writing a bundle whose objects are the stored bytes, streamed: never held whole."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

import msgspec

from simpul.domain.queries import HOME
from simpul.errors import InputFault
from simpul.formats.label_extension import extension_definition
from simpul.formats.markings import embed, marked_with
from simpul.ports import StoredHead, Unit
from simpul.services.node import Node
from simpul.services.querying import query_of


def export_bundle(node: Node, out: Path, *, query: str | None, latest: bool, labels: bool = False) -> int:
    """Write every version and rendition that fits as one bundle.

    The file appears whole or not at all, readable by its owner only. Returns how many stored objects it holds.

    Args:
        query: a Q, or None for everything.
        latest: only the newest version of each object.
        labels: an export rendition, in which each object bears its effective label as STIX markings: TLP 2.0, and our
            published extension (spec/labels.md). Otherwise the objects are the stored bytes.

    Raises:
        InputFault: the query does not read, or the file cannot be written.
    """
    partial = out.with_name(out.name + ".partial")
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            count = _write(node, file, query, latest=latest, labels=labels)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(out)
    except OSError as fault:
        raise InputFault(
            f"the export cannot be written: {fault.strerror}", input="--out", where=str(out)
        ) from fault
    finally:
        partial.unlink(missing_ok=True)
    return count


def _write(node: Node, file: BinaryIO, query: str | None, *, latest: bool, labels: bool) -> int:
    bundle = UUID(bytes=node.entropy(16), version=4)
    file.write(b'{"type":"bundle","id":"bundle--%s","objects":[' % str(bundle).encode())
    count = 0
    with node.store.read() as unit:
        embedding = _Embedding(unit)
        for head, raw in unit.objects.stream(HOME, query_of(unit, node, query), latest=latest):
            file.write(b",\n" if count else b"\n")
            file.write(embedding.marked(head, raw) if labels else raw)
            count += 1
        file.writelines(b",\n" + msgspec.json.encode(definition) for definition in embedding.definitions)
    file.write(b"\n]}\n")
    return count


class _Embedding:
    """Puts effective labels into copies of objects, and collects the marking definitions that they then refer to."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self._of_label: dict[bytes, tuple[dict[str, Any], ...]] = {}

    @property
    def definitions(self) -> list[dict[str, Any]]:
        """Each definition once, with the extension that ours use and its author."""
        found = {d["id"]: d for each in self._of_label.values() for d in each}
        return [*extension_definition(), *found.values()] if found else []

    def marked(self, head: StoredHead, raw: bytes) -> bytes:
        """The object with its own label among its markings."""
        if head.label not in self._of_label:
            self._of_label[head.label] = embed(self._unit.objects.label(head.label))
        ids = [definition["id"] for definition in self._of_label[head.label]]
        return msgspec.json.encode(marked_with(msgspec.json.decode(raw), ids))
