"""Recalls, tombstones, legal holds, and the destroying itself. The promises that hold for all of it stand in `simpul.ports`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from simpul.domain.objects import ObjectKey
from simpul.domain.recalls import Asked, KeptRecall, LegalHold, Retained, Struck, Tombstone


class Recalls(Protocol):
    """What was taken back, and what became of it here.

    What is destroyed is gone from every table, index and page, and from the write-ahead log once `is_clean` says so.
    """

    def add(self, recall: KeptRecall, tombstones: Sequence[Tombstone]) -> None:
        """Keep a recall with its tombstones, for ever. One that is here already changes nothing."""
        ...

    def widen(self, hash: bytes, tombstones: Sequence[Tombstone]) -> None:
        """Add the tombstones of one whose word reaches further now. Raises `NotFound`."""
        ...

    def put(self, recall: KeptRecall) -> None:
        """Store how far it is done. Raises `NotFound`, or `Refusal` for a move that there is none of."""
        ...

    def get(self, hash: bytes) -> KeptRecall | None:
        """One by its hash."""
        ...

    def all(self) -> list[KeptRecall]:
        """Every one, newest first."""
        ...

    def unfinished(self) -> list[KeptRecall]:
        """Those that are not done here, oldest first."""
        ...

    def standing(
        self, originator: str, sender: str, names: Sequence[str]
    ) -> list[tuple[Tombstone, KeptRecall]]:
        """Tombstones of an originator that bear one of these names and bind what this sender delivers."""
        ...

    def earlier(self, originator: str, names: Sequence[str]) -> list[bytes]:
        """Hashes of the recalls by which any of these names of an originator was taken back, by whomever."""
        ...

    def deliveries(self, tombstones: Sequence[Tombstone], party: str) -> tuple[int, int]:
        """How many of the named things are held here from this party, and how many from others alone."""
        ...

    def tell(self, hash: bytes, parties: Sequence[str], at: int) -> list[str]:
        """Note that these may hold what a recall names. Returns those that were not noted before."""
        ...

    def pass_to(self, hash: bytes, parties: Sequence[str], at: int) -> list[str]:
        """Note that these were sent a recall. Returns those that had not been."""
        ...

    def holders(self, hash: bytes) -> list[Asked]:
        """Whom this node told of a recall, with their newest answers."""
        ...

    def ask(self, hash: bytes, party: str, at: int) -> None:
        """Note that a party is owed an answer."""
        ...

    def askers(self, hash: bytes) -> list[Asked]:
        """Who is owed an answer, with the last one that was given."""
        ...

    def owed(self) -> list[bytes]:
        """Hashes of the recalls that are done here and of which somebody has no answer yet."""
        ...

    def put_said(self, hash: bytes, party: str, answer: bytes, at: int) -> None:
        """Keep the answer that was given to whoever told of it."""
        ...

    def put_answer(self, hash: bytes, party: str, answer: bytes, at: int) -> bool:
        """Keep a holder's newest answer; False if it was never told, or a newer one is here."""
        ...

    def told(self, party: str) -> list[bytes]:
        """Hashes of the recalls that this node told a party of."""
        ...

    def strike(self, hash: bytes, *, most: int, now: int) -> Struck:
        """Take the next things that a recall names out of every reach (or narrow them), at most so many.

        Of one that this node issued, its own record stays unless the recall says otherwise. Parties to which a
        release of this node carried any of it are noted as holders.
        """
        ...

    def strike_expired(self, keys: Sequence[ObjectKey], *, now: int) -> int:
        """Take objects out of every reach whose time is over. Returns how many."""
        ...

    def expired(self, label: bytes, before: int, *, own: str, most: int) -> list[ObjectKey]:
        """Objects under a label, on the whole or on a portion, that arrived before a time and are not this node's own."""
        ...

    def erase(self) -> bool:
        """Do the next short piece of erasing what is out of reach. Whether there was any left to do."""
        ...

    def empty_log(self) -> None:
        """See to it that the write-ahead log is emptied after this transaction."""
        ...

    def is_clean(self) -> bool:
        """Whether nothing waits to be erased, the write-ahead log included."""
        ...

    def add_hold(self, hold: LegalHold) -> None:
        """Keep what it names apart when it is to be destroyed, from now on."""
        ...

    def holds(self) -> list[LegalHold]:
        """Every legal hold, newest first."""
        ...

    def retained(self, hash: bytes | None) -> list[Retained]:
        """What is held of a recall, by ground; of None what is held of all of them and of retention."""
        ...

    def end_holds(self, now: int) -> list[bytes]:
        """Destroy what is held under holds that are over. Returns the hashes of the recalls that it concerns."""
        ...
