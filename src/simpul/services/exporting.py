"""Writing a bundle whose objects are the stored bytes, streamed: never held whole."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from simpul.domain.queries import HOME
from simpul.errors import InputFault
from simpul.services.node import Node
from simpul.services.querying import query_of


def export_bundle(node: Node, out: Path, *, query: str | None, latest: bool) -> int:
    """Write every version and rendition that fits (`latest`: only the newest version of each object) as one bundle.

    The file appears whole or not at all, readable by its owner only. Returns how many objects it holds.

    Raises:
        InputFault: the query does not read, or the file cannot be written.
    """
    partial = out.with_name(out.name + ".partial")
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            count = _write(node, file, query, latest=latest)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(out)
    except OSError as fault:
        partial.unlink(missing_ok=True)
        raise InputFault(
            f"the export cannot be written: {fault.strerror}", input="--out", where=str(out)
        ) from fault
    return count


def _write(node: Node, file: BinaryIO, query: str | None, *, latest: bool) -> int:
    bundle = UUID(bytes=node.entropy(16), version=4)
    file.write(b'{"type":"bundle","id":"bundle--%s","objects":[' % str(bundle).encode())
    count = 0
    with node.store.read() as unit:
        for _, raw in unit.objects.stream(HOME, query_of(node, unit, query), latest=latest):
            file.write(b",\n" if count else b"\n")
            file.write(raw)
            count += 1
    file.write(b"\n]}\n")
    return count
