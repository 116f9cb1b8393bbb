"""The tables of recalls, on the same `metadata` as tables.py, and the indexes by which what is destroyed is found.

recall  recall_party  tombstone     what was taken back, who was told, what is refused from now on
doomed  doomed_entry                out of every reach already, and not yet erased
legal_hold  held                    what is kept apart instead of being destroyed
arrival_given                       the highest arrival number that was ever destroyed: none is given out twice
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, Table, Text
from sqlalchemy import text as sql

from simpul.storage import tables as t


def _int(name: str, *rest: Any, **more: Any) -> Column[int]:
    return Column(name, Integer, *rest, nullable=more.pop("nullable", False), **more)


def _text(name: str, **more: Any) -> Column[str]:
    return Column(name, Text, nullable=False, **more)


def _blob(name: str, **more: Any) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=False, **more)


recall: Final = Table(
    "recall",
    t.metadata,
    _int("number", primary_key=True),
    _blob("hash", unique=True),
    _text("state"),
    _blob("document"),
)
# `role` is "asker" for whom an answer is owed to, "holder" for who may hold it, "sent" for whom it was sent to.
recall_party: Final = Table(
    "recall_party",
    t.metadata,
    _int("recall", ForeignKey("recall.number"), primary_key=True),
    _int("party", ForeignKey("party.number"), primary_key=True),
    _text("role", primary_key=True),
    _int("told_at"),
    _blob("answer"),
    _int("answered_at", nullable=True),
    Index("recall_party_by_party", "party", "role"),
)
# `scope` is 0 for all of the originator's.
tombstone: Final = Table(
    "tombstone",
    t.metadata,
    _int("number", primary_key=True),
    _int("recall", ForeignKey("recall.number")),
    _int("originator"),
    _int("scope"),
    _text("kind"),
    _text("name"),
    _int("version", nullable=True),
    _blob("sha256"),
    Index("tombstone_by_name", "name"),
    Index("tombstone_by_recall", "recall", "number"),
)
# `recall` is 0 where retention ended; `hold` is 0 where nothing is kept; `forgotten` says that its words are deleted.
doomed: Final = Table(
    "doomed",
    t.metadata,
    _int("arrival", primary_key=True),
    _int("recall"),
    _int("hold"),
    _int("forgotten"),
    _int("originator"),
    _int("type"),
    _blob("uuid"),
    _int("version"),
    _blob("sha256"),
)
doomed_entry: Final = Table(
    "doomed_entry",
    t.metadata,
    _int("hash", primary_key=True),
    _int("place", primary_key=True),
    sqlite_with_rowid=False,
)
legal_hold: Final = Table(
    "legal_hold",
    t.metadata,
    _int("number", primary_key=True),
    _blob("id", unique=True),
    _int("until"),
    _blob("document"),
)
held: Final = Table(
    "held",
    t.metadata,
    _int("number", primary_key=True),
    _int("recall"),
    _int("hold", ForeignKey("legal_hold.number")),
    _int("originator"),
    _text("id"),
    _int("version"),
    _blob("sha256"),
    _blob("raw"),
    Index("held_by_recall", "recall", "hold"),
    Index("held_by_hold", "hold"),
)
arrival_given: Final = Table("arrival_given", t.metadata, _int("number", primary_key=True), _int("last"))

Index("product_member_by_object", t.product_member.c.arrival)
Index("quarantined_object_by_id", t.quarantined_object.c.id)
Index("match_by_indicator", t.match.c.indicator)
Index("outbox_by_release", t.outbox.c.release, sqlite_where=sql("release != x''"))
Index("inbox_proof_by_manifest", t.inbox_proof.c.manifest)
