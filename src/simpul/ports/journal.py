"""The log's leaves, and work for later. The promises that hold for all of it stand in `simpul.ports`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from simpul.domain.journal import ClosedLog, Job, Leaf


class Journal(Protocol):
    """The log's leaves; tiles and checkpoints are published from here (design §7).

    All but the methods that name another one are about the present log, whose indices count from 0.
    """

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

    def signed(self, size: int) -> bytes | None:
        """The checkpoint that was signed at a size."""
        ...

    def put_checkpoint(self, size: int, note: bytes) -> None:
        """Store a checkpoint before its files are written. A size is signed once: a second one is refused."""
        ...

    def close(self, incarnation: bytes) -> None:
        """Close the present log under its name and begin an empty one; leaves and checkpoints stay. Refused twice."""
        ...

    def closed(self) -> list[ClosedLog]:
        """Every closed log, the oldest first."""
        ...

    def closed_leaves(self, incarnation: bytes) -> Iterator[Leaf]:
        """The leaves of a closed log with their openings. Raises `NotFound`."""
        ...

    def partner_checkpoints(self, party: str) -> list[tuple[str, int, bytes]]:
        """The highest checkpoint (origin, size, note) of each of a party's logs, in the order they became known.

        For this node's own fingerprint: what partners returned to it.
        """
        ...

    def partner_notes(self, party: str, origin: str, size: int) -> list[bytes]:
        """Every note of one size of a party's log, in the order they became known."""
        ...

    def put_partner_checkpoint(self, party: str, origin: str, size: int, note: bytes) -> None:
        """Keep a party's checkpoint; all are kept, since two that contradict each other are evidence."""
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

    def drop(self, unique: str) -> bool:
        """Forget work that is no longer wanted. Whether it was waiting."""
        ...

    def fail(self, id: bytes, error: str, again_at: int) -> None:
        """Not done: kept with its error and tried again then."""
        ...

    def waiting(self) -> int:
        """Live jobs."""
        ...
