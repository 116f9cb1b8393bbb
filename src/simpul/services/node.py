"""What every service needs of the node it works for. Built in `app`, handed down, never reached for."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from msgspec import Struct

from simpul.ports import Clock, Entropy, Keyring, LogFiles, Store, Transport


class Limits(Struct, frozen=True, kw_only=True):
    """Settings that services read; the defaults of `config` say why each is what it is.

    Attributes:
        batch: objects a transaction (no write lasts over 100 ms, design §7).
        part: objects a message of a release, at most 1,000.
        stream_bytes: what `import -` reads at most.
        message_days: days until a message expires.
        prekey_hold_days: days after which a prekey dies even undrained.
        poll_ms: how often `serve` looks for what other processes changed.
        ack_delay_ms: how long acks wait for company before they go alone.
        relay_wait_seconds: how long a relay may hold a request open until something comes.
        retry_first_seconds, retry_most_seconds: pause after a relay could not be reached; it doubles.
        resend_seconds: how long a carried message waits for its ack before it is sealed and put again.
        tick_seconds: the checkpoint tick.
        quantum: leaves a checkpoint is padded to a multiple of.
        backup_days: how long a backup of this home may live; 0 where it is not stated.
    """

    batch: int = 750
    part: int = 1000
    stream_bytes: int = 1 << 30
    message_days: int = 90
    prekey_hold_days: int = 28
    poll_ms: int = 50
    ack_delay_ms: int = 200
    relay_wait_seconds: int = 25
    retry_first_seconds: int = 2
    retry_most_seconds: int = 300
    resend_seconds: int = 900
    tick_seconds: int = 600
    quantum: int = 64
    backup_days: int = 0


class Node(Struct, frozen=True, kw_only=True):
    """One party's installation in one realm.

    `connect` opens the way to a relay by its URL; `lock` is the home's lock, held by whichever process numbers and
    signs messages (`serve`, or `sync --once`).
    """

    home: Path
    party: str
    name: str
    country: str
    realm: str
    store: Store
    keyring: Keyring
    log_files: LogFiles
    clock: Clock
    entropy: Entropy
    connect: Callable[[str], Transport]
    lock: Callable[[], AbstractContextManager[None]]
    limits: Limits = Limits()
