"""Rows of the log and of the job table."""

from __future__ import annotations

from msgspec import Struct


class Leaf(Struct, frozen=True, kw_only=True):
    """One step of procedure, committed to by its entry (PROTOCOL §8).

    Attributes:
        index: position in the log, from 0.
        kind: "import", "mark", "approval", "release", "sent", "received", "admitted", "agreement", "card" …
        at: microseconds UTC.
        entry: the 32 bytes of entry data that the tree hashes.
        salt: 32 bytes; the first salt of the commitment (the leaf salt of the message for "sent" and "received").
        content_salt: the second salt, empty once a recall has destroyed it.
        content: canonical JSON of what was done (for "sent" and "received" it names the message hash).
    """

    index: int
    kind: str
    at: int
    entry: bytes
    salt: bytes
    content_salt: bytes
    content: bytes


class ClosedLog(Struct, frozen=True, kw_only=True):
    """A log that is not gone on with since this home was restored from an old copy (spec/log.md).

    Attributes:
        incarnation: the 16 bytes in its name.
        size: its leaves, signed or not.
        checkpoint: the newest signed note of it that is here, empty for none.
    """

    incarnation: bytes
    size: int
    checkpoint: bytes


class Job(Struct, frozen=True, kw_only=True):
    """Work to be done later, in the transaction that made it necessary.

    `unique` names the work: two live jobs never share it. `lease_until` passes when a worker died: claim it again.
    """

    id: bytes
    kind: str
    args: bytes
    unique: str
    run_at: int
    attempts: int
    lease_until: int | None
    error: str
