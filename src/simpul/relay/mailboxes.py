"""The relay's rules, without sockets or disk: classes and limits, refusals, and which requests count.

A mailbox belongs to an account (the reader) and takes envelopes signed by one put key (the writer). The relay can
tell those apart and nothing else. Each check below has one refusal in `REASONS`; what an outsider could learn from
telling two cases apart is answered alike: an unknown mailbox and a wrong signature are both "refused".
PROTOCOL §6; spec/relay.md.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from msgspec import Struct

from simpul.errors import Refusal
from simpul.protocol.mailboxes import CLASSES, CONTACT

KIB: Final = 1024
MIB: Final = 1024 * KIB
GIB: Final = 1024 * MIB
SECOND: Final = 1_000_000
DAY: Final = 86_400 * SECOND

URGENT: Final = "urgent"
NONCE_LENGTH: Final = 24
"""16 random bytes, then the sender's time as 8 bytes, big-endian, in microseconds UTC."""

WINDOW: Final = 600 * SECOND
"""How far a request's time may lie from the relay's, in microseconds either way."""

REQUEST_LIMIT: Final = 256 * KIB
"""The longest body of a signed request, in bytes."""

RECORDS_KEPT: Final = 90 * DAY
MAILBOX_KEPT: Final = 400 * DAY
"""An empty mailbox that nobody registered or wrote to for so long is dropped."""


class Reason(Struct, frozen=True):
    """How a refusal is said: HTTP status, one sentence, and what to do."""

    status: int
    message: str
    do: str


REASONS: Final = {
    "malformed": Reason(400, "the request is not of the form of this interface", "see spec/relay.md"),
    "refused": Reason(403, "no such mailbox, or not with this key", "ask the reader for a newer key package"),
    "clock": Reason(
        401, "the request's time is too far from the relay's", "use the relay's time and try again"
    ),
    "replayed": Reason(401, "this request was made before", "sign it with a fresh nonce"),
    "not-found": Reason(404, "no such path", "see spec/relay.md"),
    "too-large": Reason(413, "longer than this mailbox takes", "send it in parts"),
    "mailbox-full": Reason(429, "the mailbox is full", "try again when its reader has fetched"),
    "account-full": Reason(429, "the reader's account is full", "try again when the reader has fetched"),
    "too-many": Reason(
        429, "the account or relay has no room for more mailboxes", "ask the relay's operator"
    ),
    "busy": Reason(503, "too much at once", "try again in some seconds"),
    "disk-full": Reason(507, "the relay has no room", "try again later, or use another relay"),
    "fault": Reason(500, "the relay failed", "try again; if it stays so, tell the relay's operator"),
}
"""Every refusal, by the word that a client gets."""


class Refused(Refusal):
    """The relay says no, with one of `REASONS`."""

    def __init__(self, reason: str, *, where: str | None = None) -> None:
        self.reason = reason
        super().__init__(REASONS[reason].message, where=where, do=REASONS[reason].do)


class ClassLimits(Struct, frozen=True, forbid_unknown_fields=True):
    """What a mailbox of one class takes.

    Attributes:
        envelope_bytes: the longest envelope.
        mailbox_bytes: of all envelopes that wait in one mailbox.
        mailbox_envelopes: how many may wait in it.
        account_bytes: a put may fill the reader's account up to here; 0: it does not count towards the account.
    """

    envelope_bytes: int
    mailbox_bytes: int
    mailbox_envelopes: int
    account_bytes: int


class Limits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a relay allows: bytes, counts, seconds for `wait`, microseconds for `expiry`.

    The contact class stands apart: anyone who holds a card can write there, so its small quota is its own and does
    not count towards the account's. The urgent lane may use the last eighth of an account, which the others may not.
    """

    contact: ClassLimits = ClassLimits(48 * KIB, 2 * MIB, 64, 0)
    urgent: ClassLimits = ClassLimits(4 * MIB, 256 * MIB, 20_000, 4 * GIB)
    normal: ClassLimits = ClassLimits(4 * MIB, 1 * GIB, 100_000, 7 * GIB // 2)
    bulk: ClassLimits = ClassLimits(32 * MIB, 2 * GIB, 100_000, 7 * GIB // 2)
    account_mailboxes: int = 20_000
    account_contacts: int = 8
    accounts: int = 10_000
    list_length: int = 1_000
    fetch_bytes: int = 32 * MIB
    wait: int = 30
    waiters: int = 8
    uploading_bytes: int = 256 * MIB
    disk_reserve: int = 256 * MIB
    expiry: int = 28 * DAY

    def of(self, kind: str) -> ClassLimits:
        """The limits of a class of mailbox."""
        limits = {CONTACT: self.contact, URGENT: self.urgent, "normal": self.normal, "bulk": self.bulk}
        return limits[kind]


class Mailbox(Struct, frozen=True, kw_only=True):
    """A mailbox as the relay sees it, with what waits in it and in the whole account (contact mailboxes left out)."""

    id: int
    tag: bytes
    account: int
    put_key: bytes
    kind: str
    bytes_held: int
    envelopes_held: int
    account_bytes: int


def check_envelope_length(limits: Limits, kind: str, length: int) -> None:
    """An envelope that this class takes. Raises `Refused`: too-large, or malformed when empty."""
    if length < 1:
        raise Refused("malformed", where="content-length")
    if length > limits.of(kind).envelope_bytes:
        raise Refused("too-large", where=f"{length} bytes; {kind} takes {limits.of(kind).envelope_bytes}")


def check_room(limits: Limits, box: Mailbox, length: int, free_disk: int) -> None:
    """Whether one more envelope of this length may wait. The first check that fails names the refusal.

    Raises:
        Refused: mailbox-full, account-full or disk-full.
    """
    own = limits.of(box.kind)
    # 1. The writer's own quota, which hangs on its put key: one mailbox has one.
    if box.envelopes_held >= own.mailbox_envelopes or box.bytes_held + length > own.mailbox_bytes:
        raise Refused("mailbox-full")
    # 2. The reader's account.
    if own.account_bytes and box.account_bytes + length > own.account_bytes:
        raise Refused("account-full")
    # 3. The disk: a relay that fills it could not even delete.
    if free_disk - length < limits.disk_reserve:
        raise Refused("disk-full")


def check_registration(limits: Limits, kinds_held: dict[str, int], kinds_wanted: dict[str, int]) -> None:
    """Whether an account may have so many mailboxes more. Raises `Refused`: malformed or too-many."""
    if not set(kinds_wanted) <= set(CLASSES):
        raise Refused("malformed", where="class")
    if kinds_held.get(CONTACT, 0) + kinds_wanted.get(CONTACT, 0) > limits.account_contacts:
        raise Refused("too-many", where=CONTACT)
    if sum(kinds_held.values()) + sum(kinds_wanted.values()) > limits.account_mailboxes:
        raise Refused("too-many", where="mailboxes")


def stamp(nonce: bytes) -> int:
    """The time that a nonce carries, microseconds UTC. Raises `Refused` (malformed) at another length."""
    if len(nonce) != NONCE_LENGTH:
        raise Refused("malformed", where="nonce")
    return int.from_bytes(nonce[16:], "big")


class Replays:
    """Which signed requests count: each nonce once, and none from outside the window.

    Nonces are kept in memory until their time leaves the window. So that a restart forgets nothing that matters,
    requests stamped before `started` are refused, and the few stamped ahead of the relay's time are stored by the
    caller (`ahead`) and given back in `known`.

    Args:
        started: when this process started, microseconds UTC.
        known: nonces of an earlier process that still lie ahead.
    """

    PER_ACCOUNT: Final = 20_000

    def __init__(self, started: int, known: set[bytes]) -> None:
        self._started = started
        self._ahead = known
        self._seen: dict[bytes, deque[tuple[int, bytes]]] = {}
        self._nonces: dict[bytes, set[bytes]] = {}

    def check_time(self, nonce: bytes, now: int) -> None:
        """Raises `Refused` (clock) when the nonce's time lies outside the window or before the start."""
        at = stamp(nonce)
        if not max(now - WINDOW, self._started) <= at <= now + WINDOW:
            raise Refused("clock")

    def accept(self, account: bytes, nonce: bytes, now: int) -> bool:
        """Take a nonce whose signature holds. Returns whether it lies ahead, and so must be stored.

        Raises:
            Refused: replayed; or busy, when one account made more requests than are remembered.
        """
        times = self._seen.setdefault(account, deque())
        nonces = self._nonces.setdefault(account, set())
        while times and times[0][0] < now - WINDOW:
            nonces.discard(times.popleft()[1])
        if nonce in nonces or nonce in self._ahead:
            raise Refused("replayed")
        if len(nonces) >= self.PER_ACCOUNT:
            raise Refused("busy")
        # Kept by arrival or by its own time, whichever is later, so that the queue stays in order.
        kept = max(now, stamp(nonce), times[-1][0] if times else 0)
        times.append((kept, nonce))
        nonces.add(nonce)
        return stamp(nonce) > now
