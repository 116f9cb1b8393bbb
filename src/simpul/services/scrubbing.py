"""Looking over a file in the owner's home before it is carried to a pseudonym's: what in it tells whose it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from simpul.domain.queries import HOME
from simpul.domain.references import ids_in
from simpul.domain.traces import Owner, Trace, traces
from simpul.formats.bundle import open_bundle
from simpul.ports import Unit
from simpul.services.node import Node
from simpul.services.posting import partners


def scrub_check(node: Node, file: Path) -> list[Trace]:
    """Every place in a STIX file that points at this party. An empty list is no promise that nothing does.

    Raises:
        SyntaxFault, TooLarge, NotFound, InputFault: as an import of that file.
    """
    with open_bundle(file, limit=node.limits.stream_bytes) as reader:
        objects = [_decoded(each.raw) for each in reader]
    with node.store.read() as unit:
        owner = _owner(unit, node, objects)
    return [trace for each in objects for trace in traces(each, owner)]


def _decoded(raw: bytes | memoryview) -> dict[str, Any]:
    value = msgspec.json.decode(raw)
    return value if isinstance(value, dict) else {}


def _owner(unit: Unit, node: Node, objects: list[dict[str, Any]]) -> Owner:
    named = sorted({id for each in objects for id in ids_in(msgspec.json.encode(each).decode())})
    released: set[str] = set()
    for party in partners(unit, node):
        released |= unit.products.granted(party, named)
    heads = {id: unit.objects.find(HOME, id) for id in named}
    by = {id: {head.key.originator for head in found} for id, found in heads.items()}
    words = {node.name, node.party, *(user.name for user in unit.directory.users())}
    return Owner(
        words=frozenset(words),
        # Any identity that it wrote: of itself, or by which it names the author of what it wrote.
        identities=frozenset(id for id in named if id.startswith("identity--") and node.party in by[id]),
        released=frozenset(released),
        foreign=frozenset(id for id in named if by[id] - {node.party}),
    )
