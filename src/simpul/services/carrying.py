"""The objects that a product carries, for those who look at all of them again and again.

A preview decides, settles and cuts for each recipient anew. Where the objects are few they are read once for all
recipients, with the ids that their bytes mention; of more, memory stays flat and they are streamed each time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from simpul.domain.cutting import mentions
from simpul.domain.products import Product
from simpul.ports import StoredHead, Unit

MOST_OBJECTS: Final = 4_000
MOST_BYTES: Final = 16 << 20

Member = tuple[StoredHead, bytes]


class Members:
    """The objects of one product version in the store's order, in one snapshot, as often as they are asked for."""

    def __init__(self, unit: Unit, product: Product) -> None:
        self._unit = unit
        self._product = product
        self._kept: list[Member] | None = None
        self._mentions: dict[bytes, frozenset[str]] = {}
        self._fits = product.objects <= MOST_OBJECTS

    def __iter__(self) -> Iterator[Member]:
        if self._kept is None and self._fits:
            self._kept = self._read()
        if self._kept is not None:
            return iter(self._kept)
        return self._stream()

    def mentions(self, head: StoredHead, raw: bytes) -> frozenset[str]:
        """Every id that stands in the bytes of one of them, except its own."""
        if self._kept is None:
            return mentions(raw, head.key.id)
        found = self._mentions.get(head.key.sha256)
        if found is None:
            found = self._mentions[head.key.sha256] = mentions(raw, head.key.id)
        return found

    def _stream(self) -> Iterator[Member]:
        return self._unit.products.members(self._product.id, self._product.version)

    def _read(self) -> list[Member] | None:
        found, size = list[Member](), 0
        for head, raw in self._stream():
            found.append((head, raw))
            size += len(raw)
            if size > MOST_BYTES:
                self._fits = False
                return None
        return found
