"""The sender's side of an exchange as tasks: draft, approve, release, and wait for what comes back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace

from benchmarks.nodes import APPROVER, DRAFTER, PASSPHRASE, PURPOSE
from simpul.app import open_node
from simpul.domain.products import Precedence, Product
from simpul.services.drafting import Draft, draft
from simpul.services.enrolling import Signer, unlock
from simpul.services.node import Node
from simpul.services.releasing import approve, release

Document = dict[str, Any]
POLL_S: Final = 0.02
_TITLE: Final = "Benchmark"


class Desk:
    """A node opened by a program of its own beside `serve`, with its two people at work."""

    def __init__(self, node: Node, label: Path) -> None:
        self.node, self._label = node, label
        self._drafter = unlock(node, DRAFTER, PASSPHRASE.encode())
        self._approver = unlock(node, APPROVER, PASSPHRASE.encode())

    def draft(self, *, objects: tuple[str, ...], query: str | None, precedence: Precedence) -> Product:
        """A product with these objects, or with everything that fits the query."""
        return draft(
            self.node,
            self._drafter,
            Draft(
                title=_TITLE,
                purpose=PURPOSE,
                precedence=precedence,
                grade="B2",
                handling="",
                objects=objects,
                query=query,
                portions=None,
                label=self._label,
                revises=None,
            ),
        )

    def approve(self, product: str, to: str) -> None:
        """The second person's approval: fixes what goes."""
        approve(self.node, self._approver, product, [to], progress=lambda _: None)

    def release(self, product: str, to: str) -> None:
        """Let it go."""
        release(self.node, self._drafter, product, [to])

    @property
    def approver(self) -> Signer:
        """The second person."""
        return self._approver


@contextmanager
def desk(home: str, kek: str, label: str, *, part: int = 1000) -> Iterator[Desk]:
    """Open a node for its desk; releases go as parts of `part` objects."""
    with open_node(Path(home), kek=Path(kek)) as node:
        yield Desk(replace(node, limits=replace(node.limits, part=part)), Path(label))


def prepare_release(*, home: str, kek: str, label: str, to: str, part: int) -> Document:
    """Draft a product of everything and approve it. `seconds` is the time of both."""
    with desk(home, kek, label, part=part) as at:
        start = time.perf_counter()
        product = at.draft(objects=(), query="", precedence=Precedence.ROUTINE)
        at.approve(product.id, to)
        return {"seconds": time.perf_counter() - start, "product": product.id, "objects": product.objects}


def release_and_wait(
    *, home: str, kek: str, label: str, to: str, product: str, objects: int, give_up_s: float
) -> Document:
    """Release, then wait until receipts for all objects are here and nothing waits for an ack."""
    with desk(home, kek, label) as at:
        start = time.perf_counter()
        at.release(product, to)
        released = time.perf_counter() - start
        counts = _receipted(at.node, to)
        while sum(counts.values()) < objects:
            if time.perf_counter() - start > give_up_s:
                raise TimeoutError(f"receipts for {counts} of {objects} objects after {give_up_s} s")
            time.sleep(POLL_S)
            counts = _receipted(at.node, to)
        return {"seconds": time.perf_counter() - start, "release_seconds": released, "receipts": counts}


def _receipted(node: Node, party: str) -> dict[str, int]:
    counts: dict[str, int] = {}
    with node.store.read() as unit:
        for receipt in unit.mail.receipts():
            if receipt.sender == party:
                for outcome, number in receipt.counts.items():
                    counts[outcome] = counts.get(outcome, 0) + number
    return counts


def flash(
    *,
    home: str,
    kek: str,
    label: str,
    to: str,
    ids: list[str],
    other: dict[str, str],
    until: str,
    gap_s: float,
) -> Document:
    """Release FLASH products of one object, one after the other, and time each until it is in the desk's inbox there.

    There is a product for each of `ids`, or, with `until`, as many as fit before a file of that name exists (the ids
    are used in turn). The inbox of `other` (its `home` and `kek`) is read to learn when a product was whole; after
    that `gap_s` seconds pass before the next one.
    """
    taken: list[float] = []
    start = time.perf_counter()
    with desk(home, kek, label) as at, open_node(Path(other["home"]), kek=Path(other["kek"])) as recipient:
        while not Path(until).exists() if until else len(taken) < len(ids):
            product = at.draft(objects=(ids[len(taken) % len(ids)],), query=None, precedence=Precedence.FLASH)
            at.approve(product.id, to)
            at.release(product.id, to)
            taken.append(_whole_at(recipient, product.id) - _approved_at(at.node, product, to))
            time.sleep(gap_s)
    return {"seconds": time.perf_counter() - start, "milliseconds": [t / 1000 for t in taken]}


def _approved_at(node: Node, product: Product, to: str) -> int:
    with node.store.read() as unit:
        released = unit.products.release(product.id, product.version, to)
    if released is None or released.approved_at is None:
        raise LookupError(f"{product.id} has no approved release")
    return released.approved_at


def _whole_at(node: Node, product: str) -> int:
    """When the recipient had the whole product, by its own record (the same machine's clock)."""
    give_up = time.perf_counter() + 60
    while time.perf_counter() < give_up:
        with node.store.read() as unit:
            for item in unit.mail.inbox():
                if item.product == product and item.whole_at is not None:
                    return item.whole_at
        time.sleep(POLL_S)
    raise TimeoutError(f"{product} did not arrive within 60 s")


def load(
    *, home: str, kek: str, label: str, to: str, ids: list[str], per_second: float, until: str
) -> Document:
    """Release ROUTINE products of one object at an even rate until a file exists."""
    start = time.perf_counter()
    sent = 0
    with desk(home, kek, label) as at:
        while not Path(until).exists():
            product = at.draft(objects=(ids[sent % len(ids)],), query=None, precedence=Precedence.ROUTINE)
            at.approve(product.id, to)
            at.release(product.id, to)
            sent += 1
            time.sleep(max(0.0, start + sent / per_second - time.perf_counter()))
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "sent": sent, "rate": sent / seconds}


TASKS = (prepare_release, release_and_wait, flash, load)
