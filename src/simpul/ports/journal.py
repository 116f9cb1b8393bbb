"""The log's leaves, and work for later. The promises that hold for all of it stand in `simpul.ports`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from simpul.domain.journal import Job, Leaf


class Journal(Protocol):
    """The log's leaves; tiles and checkpoints are published from here (design §7)."""

    def append(self, leaves: Sequence[Leaf]) -> int:
        """Append leaves (their `index` is given here); returns the index of the first."""
        ...

    def size(self) -> int:
        """Number of leaves."""
        ...

    def entries(self, start: int, stop: int) -> list[bytes]:
        """Entry data of leaves with `start <= index < stop`."""
        ...

    def leaves(self, start: int, stop: int) -> Iterator[Leaf]:
        """Leaves with their openings."""
        ...

    def frontier(self) -> bytes:
        """The stored right edge of the tree (protocol.log.Frontier), empty at the beginning."""
        ...

    def put_frontier(self, frontier: bytes) -> None:
        """Store it, in the transaction that appended."""
        ...

    def checkpoint(self) -> tuple[int, bytes] | None:
        """Size and signed note of the newest checkpoint."""
        ...

    def put_checkpoint(self, size: int, note: bytes) -> None:
        """Store a checkpoint before its files are written. A size is signed once: a second one is refused."""
        ...

    def partner_checkpoint(self, party: str) -> bytes | None:
        """The newest checkpoint a partner sent."""
        ...

    def put_partner_checkpoint(self, party: str, size: int, note: bytes) -> None:
        """Keep a partner's checkpoint; the newest by size, all kept as evidence."""
        ...


class Jobs(Protocol):
    """Work for later."""

    def enqueue(self, jobs: Sequence[Job]) -> None:
        """Add jobs; one whose `unique` is live already is not added again."""
        ...

    def claim(self, now: int, *, lease: int, limit: int) -> list[Job]:
        """Take due jobs for `lease` microseconds."""
        ...

    def finish(self, id: bytes) -> None:
        """Done."""
        ...

    def fail(self, id: bytes, error: str, again_at: int) -> None:
        """Not done: kept with its error and tried again then."""
        ...

    def waiting(self) -> int:
        """Live jobs."""
        ...
