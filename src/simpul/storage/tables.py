"""Every table of a realm's database, in SQLAlchemy Core: the one source of the schema.

    party  object_type  label  markings        interned: a small integer stands for each inside the store
    head  body  portion                        objects: a narrow row, the verbatim bytes, labels of further portions
    original  conversion                       the bytes that a conversion was made from, and what it lost
    fresh  lookup  settled  words              the indexes by id and value, and the full text
    product … approval                         products and their releases
    outbox … match                             mail
    setting … counter                          the directory
    leaf … partner_checkpoint                  the log
    job                                        work for later

Integers that only this store knows (arrival, label, party …) never leave it. Times are microseconds UTC. Changing
anything here takes a migration beside it; a test compares what both make.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy import text as sql

metadata: Final = MetaData()


def _int(name: str, *rest: Any, **more: Any) -> Column[int]:
    return Column(name, Integer, *rest, nullable=more.pop("nullable", False), **more)


def _text(name: str, **more: Any) -> Column[str]:
    return Column(name, Text, nullable=False, **more)


def _blob(name: str, *rest: Any, **more: Any) -> Column[bytes]:
    return Column(name, LargeBinary, *rest, nullable=more.pop("nullable", False), **more)


def _number(name: str = "number") -> Column[int]:
    return Column(name, Integer, primary_key=True)


def _proof() -> list[Column[Any]]:
    """The columns of a proof (`domain.releases.Proof`): `consent` (the grant) is empty where there is none; paths are concatenated."""
    return [
        _blob("manifest", ForeignKey("attached.sha256")),
        _int("kind"),
        _int("leaf"),
        _blob("salt"),
        _blob("label"),
        _blob("path"),
        _blob("consent"),
    ]


# Who and what this file is: its realm, the compatibility number, the key of its hashes.
identity: Final = Table("identity", metadata, _text("name", primary_key=True), _blob("value"))

# -- interned ------------------------------------------------------------------------------------------------
party: Final = Table("party", metadata, _number(), _text("fingerprint", unique=True))
object_type: Final = Table("object_type", metadata, _number(), _text("name", unique=True))
markings: Final = Table("markings", metadata, _number(), _text("refs", unique=True))
# A label of one originator: who may see what bears it is one answer. `bearers` counts objects under it, `portions`
# further portions: a count never walks the objects.
label: Final = Table(
    "label",
    metadata,
    _number(),
    _blob("hash"),
    _int("originator"),
    _blob("canonical"),
    _int("bearers"),
    _int("portions"),
    UniqueConstraint("hash", "originator"),
)

# -- objects -------------------------------------------------------------------------------------------------
# No foreign keys in the tables that a bulk import fills: each would cost a look-up a row.
head: Final = Table(
    "head",
    metadata,
    _number("arrival"),
    _int("originator"),
    _int("type"),
    _blob("uuid"),
    _int("version"),
    _blob("sha256"),
    _int("label"),
    _int("source"),
    _int("arrived"),
    _int("revoked"),
    _int("markings"),
    _int("portions"),
    _int("superseded"),
    Index("head_by_label", "label", "arrival"),
    Index("head_by_type", "type", "arrival"),
)
body: Final = Table("body", metadata, _number("arrival"), _blob("raw"))
# What was converted: the bytes before, once however many objects were made of them, and how each was made.
original: Final = Table("original", metadata, _number(), _blob("sha256", unique=True), _blob("raw"))
conversion: Final = Table(
    "conversion",
    metadata,
    _int("arrival", primary_key=True),
    _int("original", primary_key=True),
    _text("format"),
    _text("made_by"),
    _blob("losses"),
    Index("conversion_by_original", "original"),
    sqlite_with_rowid=False,
)
portion: Final = Table(
    "portion",
    metadata,
    _int("arrival", primary_key=True),
    _int("number", primary_key=True),
    _int("label"),
    _int("markings"),
    sqlite_with_rowid=False,
)
# The index by id and by value. Its keys are random, and a random insert dirties a page each; so entries are first
# appended to `fresh` (a copy of which is in each connection's memory) and settled into `lookup` in bulk and in order.
fresh: Final = Table("fresh", metadata, _number("seq"), _int("hash"), _int("place"))
lookup: Final = Table(
    "lookup",
    metadata,
    _int("hash", primary_key=True),
    _int("place", primary_key=True),
    sqlite_with_rowid=False,
)
settled: Final = Table("settled", metadata, _number(), _int("seq"))

# -- products ------------------------------------------------------------------------------------------------
product: Final = Table(
    "product",
    metadata,
    _number(),
    _int("originator", ForeignKey("party.number")),
    _text("id"),
    _int("version"),
    _blob("document"),
    UniqueConstraint("originator", "id", "version"),
    Index("product_by_id", "id", "version"),
)
product_member: Final = Table(
    "product_member",
    metadata,
    _int("product", ForeignKey("product.number"), primary_key=True),
    _int("arrival", primary_key=True),
    sqlite_with_rowid=False,
)
release: Final = Table(
    "release",
    metadata,
    _number(),
    _blob("id", unique=True),
    _text("product"),
    _int("version"),
    _int("recipient", ForeignKey("party.number")),
    _text("state"),
    _blob("document"),
    Index("release_by_recipient", "recipient", "product", "version"),
)
release_tree: Final = Table(
    "release_tree", metadata, _int("release", ForeignKey("release.number"), primary_key=True), _blob("hashes")
)
release_leaf: Final = Table(
    "release_leaf",
    metadata,
    _int("release", ForeignKey("release.number"), primary_key=True),
    _int("position", primary_key=True),
    _int("kind"),
    _int("arrival", nullable=True),
    _int("portion"),
    _blob("label"),
    _blob("salt"),
    _blob("hash"),
    _blob("body", nullable=True),
    Index("release_leaf_by_object", "arrival", "release", sqlite_where=sql("arrival IS NOT NULL")),
    sqlite_with_rowid=False,
)
# Signed documents of others that go, or came, with what is passed on; named by the SHA-256 of their bytes.
attached: Final = Table("attached", metadata, _blob("sha256", primary_key=True), _blob("document"))
release_proof: Final = Table(
    "release_proof",
    metadata,
    _int("release", ForeignKey("release.number"), primary_key=True),
    _int("position", primary_key=True),
    *_proof(),
    sqlite_with_rowid=False,
)
approval: Final = Table(
    "approval",
    metadata,
    _number(),
    _int("release", ForeignKey("release.number")),
    _text("user"),
    _blob("document"),
    UniqueConstraint("release", "user"),
)

# -- mail ----------------------------------------------------------------------------------------------------
outbox: Final = Table(
    "outbox",
    metadata,
    _number(),
    _int("recipient", ForeignKey("party.number")),
    _blob("id", unique=True),
    _text("kind"),
    _text("lane"),
    _int("urgent"),
    _int("length"),
    _text("encoding"),
    _int("created"),
    _int("decided_at"),
    _int("expires"),
    _blob("leaf_salt"),
    _blob("agreement"),
    _blob("decision"),
    _blob("release"),
    _int("part"),
    _int("objects"),
    _text("state"),
    _blob("stream"),
    _int("stream_number"),
    _blob("name"),
    _int("attempt"),
    _int("next_at"),
    Index("outbox_waiting", "urgent", "number", sqlite_where=sql("state = 'waiting'")),
    Index("outbox_due", "next_at", sqlite_where=sql("state IN ('numbered', 'carried')")),
    Index(
        "outbox_by_number",
        "recipient",
        "stream",
        "stream_number",
        unique=True,
        sqlite_where=sql("stream_number > 0"),
    ),
    Index("outbox_by_name", "name", sqlite_where=sql("stream_number > 0")),
)
outbox_content: Final = Table(
    "outbox_content",
    metadata,
    _int("outbox", ForeignKey("outbox.number"), primary_key=True),
    _blob("message"),
    _blob("payload"),
)
envelope: Final = Table(
    "envelope",
    metadata,
    _blob("hash", primary_key=True),
    _int("outbox", ForeignKey("outbox.number")),
    _int("attempt"),
    _blob("tag"),
    _int("length"),
)
# `turn` orders the streams of a party by when they last moved.
outgoing_stream: Final = Table(
    "outgoing_stream",
    metadata,
    _int("recipient", ForeignKey("party.number"), primary_key=True),
    _blob("stream", primary_key=True),
    _int("last"),
    _int("turn"),
    sqlite_with_rowid=False,
)
incoming_stream: Final = Table(
    "incoming_stream",
    metadata,
    _int("sender", ForeignKey("party.number"), primary_key=True),
    _blob("stream", primary_key=True),
    _int("up_to"),
    _int("turn"),
    sqlite_with_rowid=False,
)
incoming_beyond: Final = Table(
    "incoming_beyond",
    metadata,
    _int("sender", ForeignKey("party.number"), primary_key=True),
    _blob("stream", primary_key=True),
    _int("first", primary_key=True),
    _int("last"),
    sqlite_with_rowid=False,
)
received: Final = Table(
    "received",
    metadata,
    _number(),
    _int("sender", ForeignKey("party.number")),
    _blob("name", unique=True),
    _blob("stream"),
    _int("stream_number"),
    _text("kind"),
    _text("outcome"),
    _int("objects"),
    _int("arrived"),
    _int("card_version"),
    _blob("message"),
    _blob("seal"),
    _blob("signature"),
    _blob("second_signature"),
    _blob("payload"),
    UniqueConstraint("sender", "stream", "stream_number"),
    Index("received_by_kind", "kind", "number"),
)
owed_ack: Final = Table("owed_ack", metadata, _int("sender", ForeignKey("party.number"), primary_key=True))
receipt: Final = Table(
    "receipt",
    metadata,
    _number(),
    _int("sender", ForeignKey("party.number")),
    _blob("message"),
    _text("outcome"),
    _int("at"),
    _blob("counts"),
    _blob("carrier"),
    UniqueConstraint("sender", "message", "outcome", "at"),
)
inbox: Final = Table(
    "inbox",
    metadata,
    _number(),
    _int("sender", ForeignKey("party.number")),
    _text("product"),
    _int("version"),
    _blob("root"),
    _blob("document"),
    UniqueConstraint("sender", "product", "version", "root"),
    Index("inbox_by_product", "product", "version"),
)
inbox_part: Final = Table(
    "inbox_part",
    metadata,
    _int("inbox", ForeignKey("inbox.number"), primary_key=True),
    _int("part", primary_key=True),
    _int("start"),
    _blob("path"),
)
inbox_leaf: Final = Table(
    "inbox_leaf",
    metadata,
    _int("inbox", ForeignKey("inbox.number"), primary_key=True),
    _int("position", primary_key=True),
    _int("part"),
    _int("kind"),
    _blob("salt"),
    _blob("label"),
    _blob("hash"),
    _int("arrival", nullable=True),
    Index("inbox_leaf_by_object", "arrival", sqlite_where=sql("arrival IS NOT NULL")),
    sqlite_with_rowid=False,
)
inbox_proof: Final = Table(
    "inbox_proof",
    metadata,
    _int("inbox", ForeignKey("inbox.number"), primary_key=True),
    _int("position", primary_key=True),
    *_proof(),
    sqlite_with_rowid=False,
)
quarantined: Final = Table(
    "quarantined",
    metadata,
    _number(),
    _int("sender", ForeignKey("party.number")),
    _blob("id", unique=True),
    _text("state"),
    _blob("document"),
    _blob("extra"),
)
quarantined_object: Final = Table(
    "quarantined_object",
    metadata,
    _int("quarantined", ForeignKey("quarantined.number"), primary_key=True),
    _int("position", primary_key=True),
    _text("id"),
    _int("version"),
    _blob("label"),
    _blob("raw"),
)
# What a party contradicted itself by; `id` is the SHA-256 that names the contradiction.
evidence: Final = Table(
    "evidence",
    metadata,
    _number(),
    _int("party", ForeignKey("party.number")),
    _blob("id", unique=True),
    _text("kind"),
    _int("at"),
    _blob("pieces"),
)
match: Final = Table(
    "match",
    metadata,
    _number(),
    _text("kind"),
    _text("value"),
    _text("at"),
    _text("source"),
    _text("indicator"),
    _text("observation"),
    _text("reason"),
    _int("found"),
    UniqueConstraint("source", "at", "kind", "value", "indicator", "observation"),
    Index("match_by_observation", "observation"),
)

# -- directory -----------------------------------------------------------------------------------------------
setting: Final = Table("setting", metadata, _text("name", primary_key=True), _blob("value"))
partner: Final = Table(
    "partner",
    metadata,
    _int("party", ForeignKey("party.number"), primary_key=True),
    _int("rank", unique=True),
    _text("name"),
    _text("country"),
    _int("card_version"),
    _int("trusted"),
)
card: Final = Table(
    "card",
    metadata,
    _int("party", ForeignKey("party.number"), primary_key=True),
    _int("version", primary_key=True),
    _blob("document"),
)
introduction: Final = Table(
    "introduction", metadata, _text("party", primary_key=True), _int("at"), _blob("message")
)
key_package: Final = Table(
    "key_package",
    metadata,
    _int("party", ForeignKey("party.number"), primary_key=True),
    _int("ours", primary_key=True),
    _int("version", primary_key=True),
    _blob("document"),
)
mailbox: Final = Table(
    "mailbox",
    metadata,
    _blob("tag", primary_key=True),
    _text("relay"),
    _text("party"),
    _int("epoch"),
    _text("lane"),
    _blob("put_seed"),
    _int("registered"),
)
signed_document: Final = Table(
    "signed_document",
    metadata,
    _text("kind", primary_key=True),
    _text("id", primary_key=True),
    _int("version", primary_key=True),
    _blob("hash"),
    _blob("document"),
    _text("signed_by"),
    _text("proposed_by"),
    _int("at"),
    _text("party"),
    Index("signed_document_by_hash", "hash"),
    Index("signed_document_by_party", "kind", "party"),
)
user: Final = Table(
    "user",
    metadata,
    _text("name", primary_key=True),
    _text("role"),
    _blob("public"),
    _blob("sealed"),
    _int("created"),
)
counter: Final = Table("counter", metadata, _text("name", primary_key=True), _int("value"))

# -- the log -------------------------------------------------------------------------------------------------
leaf: Final = Table(
    "leaf",
    metadata,
    _number("position"),
    _text("kind"),
    _int("at"),
    _blob("entry"),
    _blob("salt"),
    _blob("content_salt"),
    _blob("content"),
)
# Positions count on through every log of this home: the present one begins where the last closed one ends.
closed_log: Final = Table(
    "closed_log", metadata, _number(), _blob("incarnation", unique=True), _int("first"), _int("size")
)
frontier: Final = Table("frontier", metadata, _number(), _blob("value"))
# `log` is the number of the closed log it was signed for, or of the next to be closed.
checkpoint: Final = Table(
    "checkpoint",
    metadata,
    _int("log", primary_key=True),
    _int("size", primary_key=True),
    _blob("note"),
)
partner_checkpoint: Final = Table(
    "partner_checkpoint",
    metadata,
    _number(),
    _int("party", ForeignKey("party.number")),
    _text("origin"),
    _int("size"),
    _blob("note"),
    UniqueConstraint("party", "origin", "size", "note"),
)

# -- jobs ----------------------------------------------------------------------------------------------------
job: Final = Table(
    "job",
    metadata,
    _number(),
    _blob("id", unique=True),
    _text("kind"),
    _blob("args"),
    _text("unique_name", unique=True),
    _int("run_at"),
    _int("attempts"),
    _int("lease_until", nullable=True),
    _text("error"),
    Index("job_by_time", "run_at"),
)

AUTOMERGE: Final = 8
"""Segments of one level at which the full text begins to merge them."""

WORDS: Final = (
    # It owns its text, because a contentless index keeps deleted words (measured); without positions, because they
    # cost a third of an import: a phrase is checked against the text.
    (
        "CREATE VIRTUAL TABLE words USING fts5"
        '(text, detail=none, columnsize=0, tokenize="unicode61 remove_diacritics 2")'
    ),
    "INSERT INTO words(words, rank) VALUES ('secure-delete', 1)",
    # Segments are merged later than by default, since merging is the part of an import that grows with what is stored;
    # in exchange a search reads more of them.
    "INSERT INTO words(words, rank) VALUES ('automerge', N)".replace("N)", f"{AUTOMERGE})"),
    "INSERT INTO words(words, rank) VALUES ('crisismerge', 32)",
)

PORTION_BITS: Final = 10
"""A place is `arrival << PORTION_BITS | portion`: the row of `words`, and what `lookup` points to."""
