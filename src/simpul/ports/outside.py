"""What a node stands on besides its database: secrets, relays, files, time, chance. The promises that hold for all of it stand in `simpul.ports`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

Clock = Callable[[], int]
"""Now, in microseconds since 1970 UTC."""

Entropy = Callable[[int], bytes]
"""That many random bytes."""


class Keyring(Protocol):
    """The secrets of this home. Long-lived ones are sealed under the key-encryption key; prekeys can be destroyed."""

    def secret(self, name: str) -> bytes:
        """A long-lived secret: "signing", "log", "account", "contact", "contact-put". Raises `NotFound`."""
        ...

    def put_secret(self, name: str, value: bytes) -> None:
        """Keep one; durable when it returns."""
        ...

    def prekeys(self, party: str, epochs: Sequence[int], make: Callable[[], bytes]) -> dict[int, bytes]:
        """The prekey seeds that this node made for a party, made now where absent; durable when it returns."""
        ...

    def prekey(self, party: str, epoch: int) -> bytes | None:
        """One seed, or None when it was never made or is destroyed."""
        ...

    def destroy_before(self, epoch: int) -> int:
        """Destroy every prekey of an earlier epoch beyond recovery from the file. Returns how many."""
        ...

    def close(self) -> None:
        """Let go."""
        ...


class LogFiles(Protocol):
    """The log's projection onto files, in C2SP's tlog-tiles layout: what a verifier or a cosigner is given."""

    def publish(
        self, *, size: int, entries: Callable[[int, int], list[bytes]], note: bytes, keys: Sequence[str]
    ) -> None:
        """Bring the files up to a checkpoint that the store holds already; the checkpoint itself is written last.

        Writes only what changed, each file whole or not at all, and goes on where a killed process stopped.
        `entries(start, stop)` reads entry data; `keys` are the verifier key lines.
        """
        ...


class Waiting(Protocol):
    """One envelope that waits at a relay."""

    id: int
    tag: bytes
    length: int


class Transport(Protocol):
    """One relay, as one account. Raises `RelayFault`; never anything of a library's own."""

    def register(self, boxes: Sequence[tuple[str, bytes]]) -> list[bytes]:
        """Make mailboxes of (class, put public key); returns their tags. Idempotent."""
        ...

    def put(self, tag: bytes, put_seed: bytes, envelope: bytes) -> None:
        """Hand over an envelope. Idempotent by the envelope's hash."""
        ...

    def list(self, *, wait: int = 0) -> Sequence[Waiting]:
        """What waits in this account's mailboxes, urgent first; waits up to `wait` seconds (≤ 30) if nothing does."""
        ...

    def fetch(self, ids: Sequence[int]) -> Sequence[tuple[int, bytes]]:
        """Envelopes by id; a relay may answer with fewer than asked for."""
        ...

    def delete(self, ids: Sequence[int]) -> None:
        """They are durable here; the relay may forget them."""
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...
