"""Tasks of the `preview` benchmark: a product of many objects under several labels, and its preview from cold."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

from benchmarks import policy_in_force
from benchmarks.deciding_tasks import objects_of
from benchmarks.nodes import DRAFTER, PASSPHRASE, PURPOSE
from simpul.app import open_node
from simpul.domain.labels import Label, Onward, Tlp, complete
from simpul.domain.objects import Marked
from simpul.domain.parties import Party
from simpul.domain.products import Precedence
from simpul.services.drafting import Draft, draft
from simpul.services.enrolling import unlock
from simpul.services.previewing import preview

Document = dict[str, Any]
_LISTS: Final = 19
"""Lists of recipients that take turns with everybody: list `n` leaves out each third recipient, from the nth on."""


def prepare_preview(*, home: str, kek: str, count: int) -> Document:
    """Store the objects under their labels, and draft a product of all of them."""
    start = time.perf_counter()
    with open_node(Path(home), kek=Path(kek)) as node:
        labels = [_label(number) for number in range(_LISTS + 1)]
        with node.store.write() as unit:
            policy_in_force.put_in_force(unit, node)
            for number, party in enumerate(policy_in_force.RECIPIENTS):
                known = Party(
                    fingerprint=party, name=f"Partner {number}", country="XB", card_version=1, trusted=True
                )
                unit.directory.add_card(known, 1, b"")
            marked = [
                Marked(
                    originator=node.party,
                    object=found,
                    labels=(labels[index // 20 % _LISTS + 1 if index % 20 in (1, 5) else 0],),
                )
                for index, found in enumerate(objects_of(count))
            ]
            unit.objects.add(marked, source=node.party, at=node.clock())
        wanted = Draft(
            title="Benchmark",
            purpose=PURPOSE,
            precedence=Precedence.ROUTINE,
            grade="B2",
            handling="",
            objects=(),
            query="",
            portions=None,
            label=None,
            revises=None,
        )
        draft(node, unlock(node, DRAFTER, PASSPHRASE.encode()), wanted)
    return {"seconds": time.perf_counter() - start}


def _label(number: int) -> Label:
    left_out = () if number == 0 else policy_in_force.RECIPIENTS[number % 3 :: 3]
    to = frozenset(policy_in_force.RECIPIENTS) - frozenset(left_out)
    return complete(
        Label(
            tlp=Tlp.AMBER,
            releasable_to=frozenset({to}),
            purposes=frozenset({PURPOSE}),
            topics=frozenset({"cyber"}),
            handling_text=frozenset({f"set {number}"}),
            onward=Onward(consent=True),
        )
    )


def previewed(*, home: str, kek: str, recipients: int) -> Document:
    """Preview the product for the first recipients."""
    with open_node(Path(home), kek=Path(kek)) as node:
        with node.store.read() as unit:
            (product,) = unit.products.products()
        start = time.perf_counter()
        shown = preview(node, product.id, policy_in_force.RECIPIENTS[:recipients], None)
        seconds = time.perf_counter() - start
    clauses = Counter(each.clause for recipient in shown for each in recipient.objects)
    return {"seconds": seconds, "clauses": dict(clauses)}


TASKS = (prepare_preview, previewed)
