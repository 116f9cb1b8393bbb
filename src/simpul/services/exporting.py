"""Writing a bundle whose objects are the stored bytes, streamed: never held whole.

A file leaves what this node controls. What a partner's duties keep from being used here is left out and counted by
clause; what they want named is named: as statement markings where labels are embedded, else in a notice beside the file.
"""

from __future__ import annotations

import os
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec
from msgspec import Struct

from simpul.domain.labels import join_all
from simpul.domain.obligations import Action, Duty, attributions, duties_of, forbids
from simpul.domain.queries import HOME
from simpul.domain.releases import Withheld
from simpul.errors import InputFault
from simpul.formats.label_extension import PUBLISHED, extension_definition
from simpul.formats.markings import embed, marked_with
from simpul.ports import StoredHead, Unit
from simpul.services.auditing import record
from simpul.services.healing import require_replayed
from simpul.services.node import Node
from simpul.services.querying import names_of, query_of
from simpul.services.seeing import OURSELVES, Asker, Sight, asked_sight

NOTICE: Final = ".attribution.txt"
"""What is appended to the name of a bundle for the file that says whom to name for its objects."""

_STATEMENTS: Final = uuid.UUID("6d8f5c0e-9d0b-4a3c-8c55-0b1c6f1f5a42")
"""Names our statement markings by what they say."""


class Exported(Struct, frozen=True, kw_only=True):
    """What was written: how many stored objects, how many were left out by which clause, and the notice, if any."""

    objects: int
    withheld: tuple[Withheld, ...]
    notice: Path | None


def export_bundle(
    node: Node,
    out: Path,
    *,
    query: str | None,
    latest: bool,
    labels: bool = False,
    asker: Asker = OURSELVES,
) -> Exported:
    """Write every version and rendition that fits, and that its originator's duties let out, as one bundle.

    Each file appears whole or not at all, readable by its owner only. What is left out is a leaf.

    Args:
        query: a Q, or None for everything.
        latest: only the newest version of each object.
        labels: an export rendition, in which each object bears its effective label as STIX markings: TLP 2.0, and our
            published extension (spec/labels.md). Otherwise the objects are the stored bytes.
        asker: a party and a purpose, to write what one release of all that fits would carry to it: cut where it must be,
            and nothing of what it may not see.

    Raises:
        InputFault: the query does not read, the purpose is not said, or a file cannot be written.
        Refusal: this home is a copy from before, and has not heard yet what was recalled since.
    """
    with node.store.read() as unit:
        require_replayed(unit)
    notice = out.with_name(out.name + NOTICE)
    with _appearing(out) as file:
        bound = _write(node, file, query, asker, latest=latest, labels=labels)
        beside = bool(bound.named) and not labels
        if beside:
            with _appearing(notice) as text:
                text.writelines(bound.notice())
        else:
            notice.unlink(missing_ok=True)  # of an earlier export under this name
    _log(node, bound)
    return Exported(objects=bound.objects, withheld=bound.left_out, notice=notice if beside else None)


@contextmanager
def _appearing(out: Path) -> Iterator[BinaryIO]:
    """A file that stands under its name once all of it is durable. Raises `InputFault`."""
    partial = out.with_name(out.name + ".partial")
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(out)
    except OSError as fault:
        raise InputFault(
            f"the export cannot be written: {fault.strerror}", input="--out", where=str(out)
        ) from fault
    finally:
        partial.unlink(missing_ok=True)


def _write(
    node: Node, file: BinaryIO, query: str | None, asker: Asker, *, latest: bool, labels: bool
) -> _Bound:
    bundle = uuid.UUID(bytes=node.entropy(16), version=4)
    file.write(b'{"type":"bundle","id":"bundle--%s","objects":[' % str(bundle).encode())
    with node.store.read() as unit:
        bound = _Bound(unit, node)
        sight = asked_sight(unit, node, asker)
        embedding = _Embedding(sight)
        for head, raw in sight.stream(query_of(unit, node, query), latest=latest):
            if bound.keeps_back(head):
                continue
            file.write(b",\n" if bound.objects > 1 else b"\n")
            file.write(embedding.marked(head, raw, bound.statements(head)) if labels else raw)
        file.writelines(b",\n" + msgspec.json.encode(definition) for definition in embedding.definitions)
    file.write(b"\n]}\n")
    return bound


def _log(node: Node, bound: _Bound) -> None:
    """What was left out is a leaf: nobody believes later that the file was whole."""
    if bound.left_out:
        counts = [{"clause": row.clause, "count": row.count} for row in bound.left_out]
        with node.store.write() as unit:
            record(unit, node, "refusal", {"kind": "export", "withheld": counts})


class _Bound:
    """What partners' duties make of an export: what stays back by which clause, and who is to be named for the rest.

    Attributes:
        objects: how many were let out so far.
        named: how many of them each statement is for.
    """

    def __init__(self, unit: Unit, node: Node) -> None:
        self._unit, self._node = unit, node
        self._names = names_of(unit)
        self._duties: dict[bytes, tuple[Duty, ...]] = {}
        self._withheld: Counter[str] = Counter()
        self.objects = 0
        self.named: Counter[str] = Counter()

    @property
    def left_out(self) -> tuple[Withheld, ...]:
        """How many objects stay back, by clause."""
        return tuple(Withheld(clause=c, count=n) for c, n in sorted(self._withheld.items()))

    def keeps_back(self, head: StoredHead) -> bool:
        """Whether its originator's duties keep an object here; it is counted either way."""
        reason = forbids(self._held(head), Action.EXPORT)
        if reason is not None:
            self._withheld[reason.clause] += 1
            return True
        self.objects += 1
        self.named.update(self.statements(head))
        return False

    def statements(self, head: StoredHead) -> tuple[str, ...]:
        """What must be named for an object."""
        party = head.key.originator
        provider = f"Provided by {self._names.get(party, party)} ({party})"
        return tuple(text or provider for text in attributions(self._held(head)))

    def notice(self) -> Iterator[bytes]:
        """The lines of the file beside the bundle."""
        yield b"Whom to name for the objects of this bundle, wherever they are shown or handed on:\n"
        for text, count in sorted(self.named.items()):
            yield f"\n{count} {'object' if count == 1 else 'objects'}:\n{text}\n".encode()

    def _held(self, head: StoredHead) -> tuple[Duty, ...]:
        """The duties on an object and its portions: none on what this node originated itself."""
        if head.key.originator == self._node.party:
            return ()
        if len(head.markings) > 1:
            return duties_of(join_all(self._unit.objects.labels_of(HOME, head.key)))
        if head.label not in self._duties:
            self._duties[head.label] = duties_of(self._unit.objects.label(head.label))
        return self._duties[head.label]


class _Embedding:
    """Puts effective labels into copies of objects, and collects the marking definitions that they then refer to."""

    def __init__(self, sight: Sight) -> None:
        self._sight = sight
        self._of_label: dict[bytes, tuple[dict[str, Any], ...]] = {}
        self._of_statement: dict[str, dict[str, Any]] = {}

    @property
    def definitions(self) -> list[dict[str, Any]]:
        """Each definition once, with the extension that ours use and its author."""
        found = {d["id"]: d for each in self._of_label.values() for d in each}
        if not found:
            return []
        return [*extension_definition(), *found.values(), *self._of_statement.values()]

    def marked(self, head: StoredHead, raw: bytes, statements: Iterable[str]) -> bytes:
        """The object with its own label, and with what must be named, among its markings."""
        if head.label not in self._of_label:
            self._of_label[head.label] = embed(self._sight.label(head))
        ids = [definition["id"] for definition in self._of_label[head.label]]
        ids += [self._statement(text)["id"] for text in statements]
        return msgspec.json.encode(marked_with(msgspec.json.decode(raw), ids))

    def _statement(self, text: str) -> dict[str, Any]:
        if text not in self._of_statement:
            self._of_statement[text] = {
                "type": "marking-definition",
                "spec_version": "2.1",
                "id": f"marking-definition--{uuid.uuid5(_STATEMENTS, text)}",
                "created": PUBLISHED,
                "definition_type": "statement",
                "definition": {"statement": text},
            }
        return self._of_statement[text]
