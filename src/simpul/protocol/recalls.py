"""Recalls: taking back, or narrowing, what was released (spec/recall.md).

A recall is a *document*: its author signs it, it names no recipient, and it is passed on as it is to everybody who may
hold what it names. Its answer is a message, so that each is signed by who gives it; a later answer replaces an earlier.
"""

from __future__ import annotations

import re
from typing import Annotated, Final

from msgspec import Meta

from simpul.domain.parties import is_fingerprint
from simpul.domain.recalls import CODES
from simpul.errors import Malformed
from simpul.protocol.canonical import Bytes32, Hex, Wire, decode, encode
from simpul.protocol.documents import Document, parse_document, require
from simpul.protocol.labels import WireLabel, from_wire

KIND: Final = "recall"
RECALL_LIMIT: Final = 1 << 20
"""Bytes of a recall's payload, at most."""

DOCUMENT_LIMIT: Final = RECALL_LIMIT + 32 * 1024
"""The same with its container and signatures."""

OBJECTS_LIMIT: Final = 10_000
"""Objects that one document names by id."""

ROOTS_LIMIT: Final = 1_000
REASON_LIMIT: Final = 2_000
"""Characters of the reason."""

REPLAY_LIMIT: Final = 15_000
"""Recalls that one notice lists."""

COUNT_LIMIT: Final = 1 << 40
"""What no count in an answer reaches: sums of them stay within what a message can say."""

RETAINED_LIMIT, NAMED_LIMIT = 100, 1_000
"""Grounds and names that one answer gives."""


_ID: Final = re.compile(
    r"[a-z0-9][a-z0-9-]{0,249}--[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
)


class RecalledObject(Wire, frozen=True, kw_only=True):
    """One object by its id; without `version` (microseconds UTC) every version, without `sha256` every rendition."""

    id: str
    version: int | None = None
    sha256: Hex = b""


class Recall(Wire, frozen=True, kw_only=True):
    """The payload of a recall document.

    Attributes:
        author: who takes it back: the originator, or whoever delivered it.
        originator: whose words are taken back.
        action: "recall" destroys, "restrict" joins `label` onto what is held.
        product, version: this product with its narrative, one version or every one (None).
        roots: these deliveries, by the root of their manifests.
        objects: these objects, in whatever product they came.
        label: of a restriction; it names no party, since every holder gets it.
        code: one of `CODES`.
        reason: in words.
        issued, deadline: microseconds UTC; by the deadline every holder is to have answered.
    """

    author: str
    originator: str
    action: Annotated[str, Meta(pattern="^(recall|restrict)$")]
    code: Annotated[str, Meta(pattern=f"^({'|'.join(CODES)})$")]
    reason: Annotated[str, Meta(max_length=REASON_LIMIT)]
    issued: int
    deadline: int
    product: Annotated[str, Meta(max_length=200)] = ""
    version: int | None = None
    roots: Annotated[tuple[Bytes32, ...], Meta(max_length=ROOTS_LIMIT)] = ()
    objects: Annotated[tuple[RecalledObject, ...], Meta(max_length=OBJECTS_LIMIT)] = ()
    label: WireLabel | None = None


class RecallNotice(Wire, frozen=True, kw_only=True):
    """With one document attached: that recall. Without: `recalls` are all that the sender has in force for the recipient.

    The second form answers a `hello` that asks for it: a node that was restored from a copy counts by it.
    """

    recalls: Annotated[tuple[Bytes32, ...], Meta(max_length=REPLAY_LIMIT)] = ()


class RetainedPart(Wire, frozen=True, kw_only=True):
    """How many objects are kept out of reach under a legal ground, and until when (microseconds UTC)."""

    ground: Annotated[str, Meta(min_length=1, max_length=200)]
    count: int
    until: int


class RecallAnswer(Wire, frozen=True, kw_only=True):
    """What a holder says of one recall. It is a signed statement, not proof of deletion.

    Attributes:
        recall: hash of the document.
        destroyed: objects destroyed here; `restricted`: objects whose label was narrowed.
        not_held: named things of which nothing was here that this party may hear of.
        retained: what is kept under a legal ground.
        backups_until: when the last backup that may hold it is gone; None where the holder states nothing.
        named: parties that it was passed on to, where a grant disclosed them; `others` counts the rest.
        pending: of all those, and of those beyond them, how many have not answered; `overdue` after the deadline.
        at: when this was so, microseconds UTC.
    """

    recall: Bytes32
    at: int
    destroyed: int = 0
    restricted: int = 0
    not_held: int = 0
    retained: Annotated[tuple[RetainedPart, ...], Meta(max_length=RETAINED_LIMIT)] = ()
    backups_until: int | None = None
    named: Annotated[tuple[str, ...], Meta(max_length=NAMED_LIMIT)] = ()
    others: int = 0
    pending: int = 0
    overdue: int = 0


def encode_recall(recall: Recall) -> bytes:
    """The payload of the document."""
    return encode(recall)


def read_recall(data: bytes, realm: str) -> tuple[Document, Recall]:
    """A recall document and what it says; its signature is not verified here.

    Raises:
        Misdirected: of another kind or realm.
        Malformed, NotUnderstood, WrongSuite: outside the format.
    """
    document = parse_document(data, DOCUMENT_LIMIT)
    require(document, KIND, realm)
    return document, decode_recall(document.payload)


def decode_recall(payload: bytes) -> Recall:
    """The recall of a payload. Raises `Malformed` or `NotUnderstood`."""
    recall = decode(payload, Recall, RECALL_LIMIT)
    named = sum(map(bool, (recall.product, recall.roots, recall.objects))) == 1
    parties = is_fingerprint(recall.author) and is_fingerprint(recall.originator)
    numbers = recall.version is None or (recall.version >= 1 and bool(recall.product))
    if not (named and parties and numbers and 0 <= recall.issued < recall.deadline):
        raise Malformed(
            "it does not name one kind of thing, or a party, version or time is out of range", input="recall"
        )
    if (recall.label is not None) != (recall.action == "restrict"):
        raise Malformed("a restriction has a label, and a recall has none", input="recall", where="label")
    if recall.label is not None:
        _check_label(recall.label)
    for each in recall.objects:
        if _ID.fullmatch(each.id) is None or len(each.sha256) not in (0, 32):
            raise Malformed("an object is not named by a STIX id", input="recall", where="objects")
    return recall


def _check_label(label: WireLabel) -> None:
    from_wire(label)
    if label.releasable_to or label.not_releasable_to:
        raise Malformed(
            "a restriction goes to every holder and names no party", input="recall", where="label"
        )


def check_answer(answer: RecallAnswer) -> None:
    """Refuse an answer whose numbers or names are none. Raises `Malformed`."""
    counts = (
        answer.destroyed,
        answer.restricted,
        answer.not_held,
        answer.others,
        answer.pending,
        answer.overdue,
    )
    held = [each.count for each in answer.retained]
    times = [answer.at, answer.backups_until or 0, *(each.until for each in answer.retained)]
    sound = (
        all(0 <= count < COUNT_LIMIT for count in (*counts, *held))
        and min(times) >= 0
        and all(map(is_fingerprint, answer.named))
    )
    if not sound:
        raise Malformed("a count, time or name is out of range", input="recall-answer")
