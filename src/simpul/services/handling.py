"""How a foreign classification is handled here: the marking as it came, and beside it what the agreement makes of it.

The marking is kept as the originator wrote it (law 3). What it means in this house is read from the equivalence table
as of now, and stored nowhere: an amended table is shown at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from simpul.domain.agreements import Equivalence, rows_for
from simpul.domain.labels import Classification, Label
from simpul.ports import Unit
from simpul.services.agreeing import InForce, in_force
from simpul.services.node import Node


class Handling(Struct, frozen=True, kw_only=True):
    """One foreign level and how it is handled here.

    Attributes:
        given: the level as it came.
        becomes: what it is called here; None where no table says so.
        handle_as: how it is handled; empty where no table says so.
        footnote: what the table says beside it, or why there is nothing.
        agreement: the agreement whose table it is; empty where there is none.
    """

    given: Classification
    becomes: Classification | None
    handle_as: str
    footnote: str
    agreement: str

    def document(self) -> dict[str, Any]:
        """As JSON."""
        becomes = None if self.becomes is None else _level(self.becomes)
        return {
            "given": _level(self.given),
            "becomes": becomes,
            "handle_as": self.handle_as or None,
            "footnote": self.footnote,
            "agreement": self.agreement or None,
        }

    @property
    def words(self) -> str:
        """In one line: `XA RAHASIA is XB SECRET: secret registry (footnote)`."""
        if self.becomes is None:
            return f"{_name(self.given)}: {self.footnote}"
        note = f" ({self.footnote})" if self.footnote else ""
        return f"{_name(self.given)} is {_name(self.becomes)}: {self.handle_as}{note}"


class HandleAs:
    """What foreign levels mean here, as of now: the table of each partner is read once in a snapshot.

    A level of this node's own country is not foreign, and rows that lead there are preferred to those for others.
    """

    def __init__(self, unit: Unit, node: Node) -> None:
        self._unit, self._node = unit, node
        self._now = node.clock()
        self._agreements: dict[str, InForce | None] = {}

    def of(self, labels: Iterable[Label], source: str) -> tuple[Handling, ...]:
        """How the foreign levels of labels are handled; nothing where this node is the source itself.

        Args:
            labels: of an object and its portions, or of a product.
            source: the party that delivered it (fingerprint).
        """
        if source == self._node.party:
            return ()
        levels = {level for label in labels for level in label.classification}
        foreign = sorted(level for level in levels if level.scheme != self._node.country)
        return tuple(each for level in foreign for each in self._handled(level, source))

    def _handled(self, level: Classification, source: str) -> list[Handling]:
        agreement = self._agreement(source)
        rows = [] if agreement is None else rows_for(agreement.terms, level, self._now)
        if agreement is None or not rows:
            return [_unknown(level)]
        return [_from_row(row, agreement.terms.id) for row in _ours(rows, self._node.country)]

    def _agreement(self, source: str) -> InForce | None:
        if source not in self._agreements:
            self._agreements[source] = in_force(self._unit, self._node, source, "", self._now)
        return self._agreements[source]


def _unknown(level: Classification) -> Handling:
    return Handling(
        given=level,
        becomes=None,
        handle_as="",
        footnote="no agreement with its sender says now how to handle it",
        agreement="",
    )


def _ours(rows: list[Equivalence], scheme: str) -> list[Equivalence]:
    own = [row for row in rows if row.becomes.scheme == scheme]
    return sorted(own or rows, key=lambda row: row.becomes)


def _from_row(row: Equivalence, agreement: str) -> Handling:
    return Handling(
        given=row.given,
        becomes=row.becomes,
        handle_as=row.handle_as,
        footnote=row.footnote,
        agreement=agreement,
    )


def _level(level: Classification) -> dict[str, str]:
    return {"scheme": level.scheme, "level": level.level}


def _name(level: Classification) -> str:
    return f"{level.scheme} {level.level}"
