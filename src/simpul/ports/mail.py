"""Outbox, inbox, acks, receipts, quarantine, matches. The promises that hold for all of it stand in `simpul.ports`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from simpul.domain.mail import (
    AckState,
    Apart,
    Evidence,
    InboxItem,
    Incoming,
    MatchRow,
    Outgoing,
    QuarantinedItem,
    Receipt,
)
from simpul.domain.objects import Marked, ObjectKey
from simpul.domain.releases import Proof, ReceivedLeaf


class Mail(Protocol):
    """Outbox, inbox, acks, receipts, quarantine, matches."""

    def queue(self, messages: Sequence[Outgoing]) -> None:
        """Put unnumbered messages into the outbox."""
        ...

    def waiting(self, limit: int) -> list[Outgoing]:
        """Unnumbered messages, urgent lane first, then in the order they were queued."""
        ...

    def number(self, message: Outgoing) -> None:
        """Store the numbered form: stream, number, message, name, state."""
        ...

    def due(self, now: int, limit: int) -> list[Outgoing]:
        """Numbered and carried messages whose `next_at` has come: urgent lane first, then by number."""
        ...

    def carried(
        self, id: bytes, *, attempt: int, envelope: bytes, tag: bytes, length: int, next_at: int
    ) -> None:
        """A relay took an envelope of this message (hash, mailbox tag, length in bytes)."""
        ...

    def postpone(self, id: bytes, next_at: int) -> None:
        """Try again at that time."""
        ...

    def acked(self, party: str, ack: AckState) -> list[Outgoing]:
        """Close what the party acknowledges and drop its payload. Returns what was closed by this call."""
        ...

    def merge(self, message: Outgoing, others: Sequence[bytes]) -> None:
        """Give a waiting message the content of this one, and drop the other waiting messages that it now carries.

        Raises `Refusal`: one of them waits no more.
        """
        ...

    def is_open(self, id: bytes) -> bool:
        """Whether a message has its number and waits for its partner's ack."""
        ...

    def outgoing(self, id: bytes) -> Outgoing | None:
        """One message of the outbox by its id."""
        ...

    def by_name(self, name: bytes) -> Outgoing | None:
        """One message of the outbox by the hash of its message."""
        ...

    def by_envelope(self, envelope: bytes) -> Outgoing | None:
        """The message that an envelope (by hash) carried."""
        ...

    def carrying(self, release: bytes) -> list[Outgoing]:
        """The messages of a release that are not acknowledged yet, by part."""
        ...

    def drop(self, id: bytes) -> None:
        """Forget a message that has no number yet."""
        ...

    def void(self, id: bytes) -> None:
        """Mark as void: its number is filled, its payload dropped."""
        ...

    def pending(self) -> dict[str, dict[str, int]]:
        """Messages not yet acked, by party and state; pure acks, which nobody acknowledges, are left out."""
        ...

    def next_number(self, party: str, stream: bytes) -> int:
        """Give out the next number of a stream to a party, counting from 1. Only inside `write()`."""
        ...

    def highest_number(self, party: str, stream: bytes) -> int:
        """The highest number of a stream that was given out to a party; 0 for a stream that is not ours."""
        ...

    def last_numbers(self, party: str) -> tuple[bytes, int] | None:
        """The last (stream, number) that was given out to a party, by whichever process."""
        ...

    def outcome(self, sender: str, name: bytes) -> str | None:
        """What became of a message that came in before, or None."""
        ...

    def numbered(self, sender: str, stream: bytes, number: int) -> bytes | None:
        """The message hash already known under a number, or None: another one is evidence (PROTOCOL §7)."""
        ...

    def receive(self, message: Incoming) -> None:
        """Record a verified message, its number and its outcome."""
        ...

    def acks_for(self, sender: str) -> list[AckState]:
        """What to acknowledge to a party: its streams that moved most recently."""
        ...

    def owed_acks(self) -> list[str]:
        """Parties whose messages came in since an ack was last queued to them."""
        ...

    def owe_ack(self, sender: str, stream: bytes) -> None:
        """A message of this stream came in again: its ack may have been lost, so the next one is about it too."""
        ...

    def fill(self, sender: str, stream: bytes, first: int, last: int) -> None:
        """Count numbers that will never come as received (`void`), first to last inclusive."""
        ...

    def ack_queued(self, sender: str) -> None:
        """Nothing is owed to this party any more."""
        ...

    def incoming(self, name: bytes) -> Incoming | None:
        """A recorded message by its hash."""
        ...

    def incoming_of(self, kind: str) -> Iterator[Incoming]:
        """Recorded messages of one kind, oldest first."""
        ...

    def add_receipts(self, receipts: Sequence[Receipt]) -> None:
        """Record a partner's receipts; the same one twice is kept once."""
        ...

    def receipts(self) -> Iterator[Receipt]:
        """All receipts that came in, oldest first."""
        ...

    def add_part(
        self,
        item: InboxItem,
        part: int,
        leaves: Sequence[ReceivedLeaf],
        path: Sequence[bytes],
    ) -> InboxItem:
        """Record one part of a product that came in: its leaves, by position and without a gap, and its range path.

        Creates the inbox item with the first part; a sheet or portions are filled in when their part comes. Returns
        the item as it now stands; `whole_at` is the `first_arrived` of the part that made it whole.
        """
        ...

    def put_item(self, item: InboxItem) -> None:
        """Replace what is kept of a product that came in, as its sender, id, version and root name it. Raises `NotFound`."""
        ...

    def tie(self, item: InboxItem, leaves: Sequence[tuple[int, ObjectKey]]) -> None:
        """Say which stored object stands at which position of a product that came in. Raises `NotFound`."""
        ...

    def tied(self, item: InboxItem) -> list[tuple[int, ObjectKey]]:
        """The stored objects of a product that came in, each with its position. Raises `NotFound`."""
        ...

    def text_labels(self, item: InboxItem) -> set[bytes]:
        """Hashes of the labels that the cover sheet and the narrative of a product came under. Raises `NotFound`."""
        ...

    def proofs(self, key: ObjectKey) -> list[Proof]:
        """What shows that a stored object is its originator's, of what came last first; none of this node's own."""
        ...

    def came_with(self, item: InboxItem, positions: Sequence[int]) -> list[Proof]:
        """The proofs with which entries of a product came that its sender had not originated. Raises `NotFound`."""
        ...

    def inbox(self) -> list[InboxItem]:
        """What came in, most urgent and newest first."""
        ...

    def inbox_item(self, product: str) -> InboxItem:
        """The newest version of a received product, from the first party that used this id. Raises `NotFound`."""
        ...

    def opened(self, product: str, at: int) -> None:
        """An officer opened it."""
        ...

    def quarantine(self, item: QuarantinedItem, objects: Sequence[Marked], extra: bytes) -> None:
        """Keep a group apart: its objects under their label views, and `extra` (canonical JSON) for the reviewer."""
        ...

    def quarantined(self, *, state: str | None = "waiting") -> list[QuarantinedItem]:
        """Groups, newest first; None lists every state."""
        ...

    def quarantined_objects(self, id: bytes) -> list[Apart]:
        """The objects of a group that are still there."""
        ...

    def quarantine_extra(self, id: bytes) -> bytes:
        """What was kept for the reviewer beside the objects."""
        ...

    def settle(self, id: bytes, *, state: str, by: str) -> None:
        """A reviewer decided; a refused group's bytes are destroyed."""
        ...

    def add_evidence(self, evidence: Evidence) -> bool:
        """Keep what a party contradicted itself by: once, and at most 64 of one party. Whether it was kept by this call."""
        ...

    def evidence(self) -> list[Evidence]:
        """All evidence, oldest first."""
        ...

    def add_matches(self, matches: Sequence[MatchRow]) -> int:
        """Record matches; the same one twice is kept once. Returns how many were new."""
        ...

    def name_observations(self, names: Sequence[tuple[str, str]]) -> None:
        """Give the matches of an observation (first id) another one (second id): the observed-data that came after it."""
        ...

    def matches(self) -> list[MatchRow]:
        """All matches, oldest first."""
        ...
