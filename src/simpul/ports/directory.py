"""Parties, cards, key packages, signed documents, users, settings of the home. The promises that hold for all of it stand in `simpul.ports`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from simpul.domain.parties import Party, User


class Mailbox(Struct, frozen=True, kw_only=True):
    """A mailbox that this node reads: made for one writer, epoch and lane. `party` is empty for the contact mailbox.

    `put_seed` is the 32-byte seed of the put key. `epoch` selects the prekey; 0 is the contact key.
    """

    tag: bytes
    relay: str
    party: str
    epoch: int
    lane: str
    put_seed: bytes
    registered: bool


class SignedRow(Struct, frozen=True, kw_only=True):
    """One version of a document that parties sign: the document as it stands and what is derived from it.

    Attributes:
        kind: of the document: "agreement", "agreement-act", "charter", "charter-leave", "enrolment", "pseudonym", "exclusion", "overlay", "consent-request", "grant", "recall".
        id, version: its name among those of its kind.
        hash: of the payload; further signatures do not change it.
        document: with the signatures it has so far.
        signed_by: fingerprints whose signature is on it.
        proposed_by: who made it.
        at: when it was first known here, microseconds UTC.
        party: the one party it is about (the beneficiary of a grant), by which it is found; empty for none.
    """

    kind: str
    id: str
    version: int
    hash: bytes
    document: bytes
    signed_by: tuple[str, ...]
    proposed_by: str
    at: int
    party: str = ""


class Directory(Protocol):
    """Parties, cards, key packages, signed documents, users, settings of the home."""

    def get(self, name: str) -> bytes | None:
        """A setting of this home by name, or None where it was never set."""
        ...

    def put(self, name: str, value: bytes) -> None:
        """Set it; what it was before is gone."""
        ...

    def add_card(self, party: Party, version: int, document: bytes) -> None:
        """Keep a verified card and make it the party's newest; older ones stay."""
        ...

    def card(self, party: str, version: int | None = None) -> bytes | None:
        """A party's card document, the newest by default."""
        ...

    def parties(self) -> list[Party]:
        """Every party with a card, this node first."""
        ...

    def add_introduction(self, party: str, message: bytes, at: int) -> None:
        """Keep a hello of a party without a card, the newest only and at most 64 in all, until its card is added."""
        ...

    def take_introduction(self, party: str) -> bytes | None:
        """Give it out and forget it."""
        ...

    def introductions(self) -> list[tuple[str, int]]:
        """Parties that said hello and have no card here, with the time."""
        ...

    def add_package(self, party: str, *, ours: bool, version: int, document: bytes) -> None:
        """Keep a key package: `ours` was issued by us to the party, else by the party to us."""
        ...

    def package(self, party: str, *, ours: bool) -> tuple[int, bytes] | None:
        """The newest key package and its version."""
        ...

    def add_mailboxes(self, boxes: Sequence[Mailbox]) -> None:
        """Record mailboxes that this node reads."""
        ...

    def mailboxes(self, *, unregistered: bool = False) -> list[Mailbox]:
        """Mailboxes that this node reads."""
        ...

    def mailbox(self, tag: bytes) -> Mailbox | None:
        """One by its tag."""
        ...

    def registered(self, relay: str, tags: Sequence[bytes]) -> None:
        """The relay knows these."""
        ...

    def drop_mailboxes(self, tags: Sequence[bytes]) -> None:
        """They are no longer read."""
        ...

    def put_signed(self, row: SignedRow) -> None:
        """Insert or replace one version of a document that parties sign (it gains signatures)."""
        ...

    def signed(self, kind: str, *, id: str | None = None, party: str | None = None) -> list[SignedRow]:
        """Every version of every document of a kind, newest first; of one id, or about one party, if stated."""
        ...

    def signed_by_hash(self, kind: str, hash: bytes) -> SignedRow | None:
        """The one document of a kind with this hash."""
        ...

    def put_user(self, user: User) -> None:
        """Insert or replace (a changed passphrase)."""
        ...

    def users(self) -> list[User]:
        """All users by name."""
        ...

    def count(self, name: str, by: int) -> None:
        """Add to one of the home's counters ("imported", "sent", "received", "refused", "admitted" …)."""
        ...

    def counters(self) -> dict[str, int]:
        """All counters."""
        ...
