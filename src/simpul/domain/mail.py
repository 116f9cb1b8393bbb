"""What waits to go out and what came in: rows of the outbox, the inbox, receipts and quarantine.

A message's life at its sender is a table; nothing else moves it:

    waiting --number--> numbered --put at a relay--> carried --partner's ack--> acked
                            ^                            |
                            +------- sealed again -------+            numbered, carried --void--> void
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

from msgspec import Struct

from simpul.domain.labels import Label

ADMITTED: Final = "admitted"
QUARANTINED: Final = "quarantined"
REFUSED: Final = "refused"
"""What became of a message, or of an object in it; a receipt counts objects under the same names."""

TEXTS_QUARANTINED: Final = "texts_quarantined"
TEXTS_REFUSED: Final = "texts_refused"
"""Under these a receipt counts the narrative that was not taken in, its cover sheet included."""


class MailState(StrEnum):
    """Where an outgoing message stands. Only the partner's signed ack makes it `acked` (design §7)."""

    WAITING = "waiting"
    NUMBERED = "numbered"
    CARRIED = "carried"
    ACKED = "acked"
    VOID = "void"


OPEN_STATES: Final = frozenset({MailState.NUMBERED, MailState.CARRIED})
"""Numbered, and neither acknowledged nor given up: it is sealed and put until one of the two happens."""


class Outgoing(Struct, frozen=True, kw_only=True):
    """One message to one party, before and after it is numbered.

    Attributes:
        id: 16 random bytes, the message's own id; the key of the outbox.
        to: recipient.
        kind: message kind (protocol.message).
        lane: "contact", "urgent", "normal" or "bulk".
        payload: the bytes as carried.
        length: length of the payload before its encoding was applied.
        encoding: "identity" or "simpul-release".
        created, decided_at, expires: microseconds UTC.
        agreement: hash of the agreement's payload, or empty.
        decision: salted commitment to the whole decision, or empty.
        release: id of the release this is a part of, or empty; `part` counts from 0.
        objects: how many objects it carries.
        leaf_salt: 32 random bytes drawn when it was queued.
        state: see the table above.
        stream, number, message, name: empty until numbered; `message` is the canonical message, `name` its SHA-256.
        attempt: how many times it was sealed.
        next_at: not before this time is it (again) to be put at a relay.
    """

    id: bytes
    to: str
    kind: str
    lane: str
    payload: bytes
    length: int
    encoding: str
    created: int
    decided_at: int
    expires: int
    leaf_salt: bytes
    agreement: bytes = b""
    decision: bytes = b""
    release: bytes = b""
    part: int = 0
    objects: int = 0
    state: MailState = MailState.WAITING
    stream: bytes = b""
    number: int = 0
    message: bytes = b""
    name: bytes = b""
    attempt: int = 0
    next_at: int = 0


class Incoming(Struct, frozen=True, kw_only=True):
    """One verified message that came in, with all that is needed to verify it again years later.

    `outcome` is "admitted", "quarantined", "refused", or "done" for procedure messages.
    """

    sender: str
    name: bytes
    stream: bytes
    number: int
    kind: str
    message: bytes
    seal: bytes
    signatures: tuple[bytes, bytes]
    payload: bytes
    card_version: int
    outcome: str
    objects: int
    arrived: int


class AckState(Struct, frozen=True, kw_only=True):
    """What was received of one stream of one sender: all up to `up_to`, and the ranges beyond it (inclusive)."""

    stream: bytes
    up_to: int
    ranges: tuple[tuple[int, int], ...]


class Receipt(Struct, frozen=True, kw_only=True):
    """A partner's signed word on one of our messages. `carrier` names the message that brought the receipt."""

    sender: str
    message: bytes
    outcome: str
    at: int
    counts: dict[str, int]
    carrier: bytes


class InboxItem(Struct, frozen=True, kw_only=True):
    """A product that came in, whole or in parts.

    `sheet` is the cover sheet as it was sent (canonical JSON) or empty while its part is outstanding; `portions` are
    (number, text) pairs that this node was given. `message` is the hash of the message that carried part 0, or of the
    first that came while that is outstanding. Of what was `recalled`, or kept as long as it may be, nothing readable is
    left.
    """

    sender: str
    product: str
    version: int
    root: bytes
    manifest: bytes
    title: str
    purpose: str
    precedence: str
    grade: str
    handling: str
    sheet: bytes
    portions: tuple[tuple[int, str], ...]
    parts: int
    parts_here: int
    objects: int
    created: int
    first_arrived: int
    whole_at: int | None
    opened_at: int | None
    message: bytes
    recalled: bool = False


class QuarantinedItem(Struct, frozen=True, kw_only=True):
    """What is kept apart until a reviewer decides: one group of one message, under one label view.

    `id` is 16 random bytes; `originator` is who wrote it, where that is not the sender a third party whose words were
    passed on; `state` is "waiting", "admitted" or "refused". `portions` counts portions of narrative;
    `sheet` says whether the product's cover sheet is in it too.
    """

    id: bytes
    sender: str
    message: bytes
    kind: str
    reasons: tuple[tuple[str, str], ...]
    label: bytes
    objects: int
    arrived: int
    state: str
    decided_by: str
    portions: int = 0
    sheet: bool = False
    originator: str = ""

    @property
    def texts(self) -> int:
        """Portions and cover sheet."""
        return self.portions + self.sheet


class Apart(NamedTuple):
    """One object of a group in quarantine. `place` counts from 0 in the group as it came, also if others are gone."""

    id: str
    version: int
    raw: bytes
    label: Label
    place: int


class MatchRow(Struct, frozen=True, kw_only=True):
    """An observation that met an indicator: the value, who observed, whose indicator, and why they meet."""

    kind: str
    value: str
    at: str
    source: str
    indicator: str
    observation: str
    reason: str
    found: int


class Evidence(Struct, frozen=True, kw_only=True):
    """Signed words by which a party contradicted itself, as they came: whoever has its card can check them.

    `id` names the contradiction (SHA-256), `at` is when it was noticed, microseconds UTC. `pieces` are file names and
    raw bytes, such as ("first/message", …).
    """

    id: bytes
    party: str
    kind: str
    at: int
    pieces: tuple[tuple[str, bytes], ...]
