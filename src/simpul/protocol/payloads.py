"""What messages carry: a fixed schema for each kind (spec/message.md, "Kinds").

A payload is a sequence of blobs: the canonical JSON of its struct, then the documents or verbatim objects that go
with it. A release has its own form (protocol.release). Procedure payloads have no place for a free object; the two
small content payloads, sighting and feedback, carry a label and leave only by a decision (protocol.message).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final, TypeVar

from msgspec import Meta

from simpul.protocol.blind import BlindStep
from simpul.protocol.canonical import Bytes16, Bytes32, Wire, decode, encode
from simpul.protocol.charters import CharterStep
from simpul.protocol.framing import Reader, blobs
from simpul.protocol.grants import ConsentAnswer, ConsentRequest
from simpul.protocol.labels import WireLabel
from simpul.protocol.packages import KeyPackage
from simpul.protocol.recalls import RecallAnswer, RecallNotice
from simpul.protocol.receipts import RECEIPTS_LIMIT, ReceiptLine

W = TypeVar("W", bound=Wire)

ATTACHMENTS_LIMIT: Final = 1024


class Hello(Wire, frozen=True, kw_only=True):
    """The sender exists. Attached: its newest card.

    `package` is the version of the recipient's key package that the sender holds, 0 for none: the answer is `keys`.
    `replay` asks for every recall that the recipient has in force for the sender: it was restored from a copy.
    """

    package: int = 0
    replay: bool = False


class Acks(Wire, frozen=True, kw_only=True):
    """Nothing but the acks in the message itself."""


class Void(Wire, frozen=True, kw_only=True):
    """Numbers of one stream that will never come, as inclusive ranges; the recipient counts them as settled."""

    stream: Bytes16
    ranges: tuple[tuple[int, int], ...]
    reason: str


class Sealed(Wire, frozen=True, kw_only=True):
    """One envelope by its mailbox tag and SHA-256."""

    tag: Bytes16
    envelope: Bytes32


class UnopenableNotice(Wire, frozen=True, kw_only=True):
    """Envelopes that came and could not be opened: the sender decides again, and seals anew or voids."""

    envelopes: tuple[Sealed, ...]


class NotUnderstoodNotice(Wire, frozen=True, kw_only=True):
    """A verified message whose kind or a critical field is unknown here; `what` names it."""

    message: Bytes32
    stream: Bytes16
    number: int
    kind: str
    what: str


class AgreementStep(Wire, frozen=True, kw_only=True):
    """One step of an agreement: a proposal (`propose`, `counter`), a counter-signature (`sign`), or acts.

    Attached: the agreement documents that are meant, with the signatures they have so far; behind them, for `act` and
    `acknowledge`, the acts, oldest first. `at` is when the step was taken (microseconds UTC).
    """

    step: Annotated[str, Meta(pattern="^(propose|counter|sign|act|acknowledge)$")]
    id: str
    version: int
    at: int = 0


class CardNotice(Wire, frozen=True, kw_only=True):
    """The sender's newer card. Attached: every card after the one the recipient stated, newest last."""

    version: int


class ReceiptList(Wire, frozen=True, kw_only=True):
    """What became of messages: many receipts in one."""

    receipts: Annotated[tuple[ReceiptLine, ...], Meta(max_length=RECEIPTS_LIMIT)]


class CheckpointNotice(Wire, frozen=True, kw_only=True):
    """A signed note (spec/log.md): the sender's newest checkpoint, or one of the recipient's own that it gives back."""

    note: str


class SightingReport(Wire, frozen=True, kw_only=True):
    """What the sender saw. Attached: the verbatim STIX objects (sightings, observed data and what they need).

    `label` is the view of the label that all of them bear, `purpose` the agreed one.
    """

    purpose: str
    label: WireLabel
    objects: int


class FeedbackReport(Wire, frozen=True, kw_only=True):
    """What a product was worth to its recipient.

    Attributes:
        product, version, root: which product, and the root of its manifest.
        useful: "yes", "partly", "no" or "unknown".
        acted: whether something was done on it.
        at: microseconds UTC.
        note: for a person; `label` is the view of the label that it bears.
    """

    purpose: str
    label: WireLabel
    product: str
    version: int
    root: Bytes32
    useful: Annotated[str, Meta(pattern="^(yes|partly|no|unknown)$")]
    acted: bool
    at: int
    note: str = ""


Procedure = (
    Hello
    | KeyPackage
    | Acks
    | Void
    | UnopenableNotice
    | NotUnderstoodNotice
    | AgreementStep
    | CharterStep
    | BlindStep
    | CardNotice
    | ReceiptList
    | RecallNotice
    | RecallAnswer
    | CheckpointNotice
    | ConsentRequest
    | ConsentAnswer
)
"""Payloads of procedure messages: they need a known card and no decision."""

Content = SightingReport | FeedbackReport
"""Payloads of the small content messages: they need a decision."""


def encode_payload(payload: Wire, attachments: Sequence[bytes] = ()) -> bytes:
    """A payload's bytes."""
    return blobs(encode(payload), *attachments)


def decode_payload(data: bytes, schema: type[W]) -> tuple[W, tuple[bytes, ...]]:
    """A payload of one schema, and what is attached to it.

    Raises:
        Malformed: not in the format.
        NotUnderstood: a field that the schema does not have.
    """
    reader = Reader(data, "payload")
    payload = decode(reader.blob(), schema)
    attachments: list[bytes] = []
    while reader.left:
        if len(attachments) == ATTACHMENTS_LIMIT:
            raise reader.fault(f"more than {ATTACHMENTS_LIMIT} attachments")
        attachments.append(reader.blob())
    return payload, tuple(attachments)
