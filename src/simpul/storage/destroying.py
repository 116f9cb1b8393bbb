"""Destroying objects: first out of every reach, then, in short transactions, out of every page.

    hide    the heads go, and with them every way to what hung on them: no search, page, count or export shows it
    erase   bytes, originals, words, values, leaves, members, matches; then the index entries, in their own order

What is hidden and not yet erased stands in `doomed`, so that a killed process goes on where it was. The full text
forgets a word for good either row by row, which costs some microseconds a word, or by merging all of it anew, which
costs a pass over it: the cheaper one is taken. The caller sees to it that the write-ahead log is emptied at the end.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from simpul.domain.recalls import Undelivered
from simpul.errors import InputFault
from simpul.formats.stix import object_of
from simpul.storage import tables as t
from simpul.storage.adding import bear, file_values
from simpul.storage.connection import Session
from simpul.storage.heads import HeadRow
from simpul.storage.interning import Interning
from simpul.storage.lookup import Lookup
from simpul.storage.naming import join_id
from simpul.storage.statements import Statement

DELETED_AT_ONCE: Final = 500
"""Objects whose words one transaction deletes while the full text is to be merged anew."""

ERASED_AT_ONCE: Final = 400
"""Objects whose rows one transaction erases, their words being deleted already."""

FORGOTTEN_AT_ONCE: Final = 100
"""The same while the full text forgets row by row: it costs about a millisecond an object."""

ENTRIES_AT_ONCE: Final = 2_000
"""Index entries that one transaction erases: each stands on a page of its own, at worst."""

MERGED_PAGES: Final = 700
"""Pages of the full text that one transaction merges."""

MERGE_BELOW: Final = 256
"""The full text is merged anew where more than one object in so many is destroyed, and at least `MERGE_LEAST`."""

MERGE_LEAST: Final = 1_000

_DOOM: Final = Statement(
    "INSERT INTO doomed SELECT arrival, :recall, 0, 0, originator, type, uuid, version, sha256 FROM head"
    " WHERE arrival IN (SELECT value FROM json_each(:arrivals))"
)
_HOLD: Final = "UPDATE doomed SET hold = ? WHERE arrival = ?"
_OF_PORTIONS: Final = Statement(
    "SELECT label, count(*) FROM portion WHERE arrival IN (SELECT value FROM json_each(:arrivals)) GROUP BY label"
)
_HIDE: Final = tuple(
    Statement(f"DELETE FROM {table} WHERE arrival IN (SELECT value FROM json_each(:arrivals))")  # noqa: S608
    for table in ("portion", "head")
)
_GIVEN: Final = Statement(
    "INSERT INTO arrival_given VALUES (0, :last) ON CONFLICT DO UPDATE SET last = max(last, excluded.last)"
)
_NEWEST: Final = "UPDATE head SET superseded = ? WHERE arrival = ?"
_HOLDERS: Final = Statement(
    "SELECT DISTINCT release.recipient FROM release_leaf AS leaf JOIN release ON release.number = leaf.release"
    " WHERE leaf.arrival IN (SELECT value FROM json_each(:arrivals)) AND release.state = 'released'"
)
_UNDELIVERED: Final = Statement(
    "SELECT DISTINCT release.id, leaf.position FROM release_leaf AS leaf"
    " JOIN release ON release.number = leaf.release"
    " WHERE leaf.arrival IN (SELECT value FROM json_each(:arrivals)) AND release.state = 'released'"
    " AND (EXISTS (SELECT 1 FROM outbox WHERE outbox.release = release.id AND outbox.release != x''"
    " AND outbox.state IN ('waiting', 'numbered', 'carried')) OR EXISTS (SELECT 1 FROM job WHERE kind = 'pack'))"
)

_NEXT: Final = Statement(
    "SELECT doomed.*, body.raw FROM doomed LEFT JOIN body ON body.arrival = doomed.arrival"
    " ORDER BY doomed.arrival LIMIT :most"
)
KEEP: Final = Statement(
    "INSERT INTO held (recall, hold, originator, id, version, sha256, raw)"
    " VALUES (:recall, :hold, :originator, :id, :version, :sha256, :raw)"
)
_NOT_FORGOTTEN: Final = Statement(
    "SELECT arrival FROM doomed WHERE forgotten = 0 ORDER BY arrival LIMIT :most"
)
_FORGOTTEN: Final = Statement(
    "UPDATE doomed SET forgotten = 1 WHERE arrival IN (SELECT value FROM json_each(:arrivals))"
)
_ADD_ENTRY: Final = "INSERT OR IGNORE INTO doomed_entry VALUES (?, ?)"
_FORGET_WORDS: Final = "DELETE FROM words WHERE rowid >= ? AND rowid < ?"
_ORIGINALS: Final = Statement(
    "SELECT DISTINCT original FROM conversion WHERE arrival IN (SELECT value FROM json_each(:arrivals))"
)
_DROP_ORIGINALS: Final = Statement(
    "DELETE FROM original WHERE number IN (SELECT value FROM json_each(:numbers))"
    " AND NOT EXISTS (SELECT 1 FROM conversion WHERE conversion.original = original.number)"
)
_GONE: Final = "arrival IN (SELECT value FROM json_each(:arrivals))"
_ERASE: Final = tuple(
    Statement(text.replace("GONE", _GONE))
    for text in (
        # A leaf's hash stays: the proofs of the others need it. Without its salt nobody can test a guess by it.
        "DELETE FROM inbox_proof WHERE (inbox, position) IN (SELECT inbox, position FROM inbox_leaf WHERE GONE)",
        "UPDATE inbox_leaf SET salt = x'', arrival = NULL WHERE GONE",
        "DELETE FROM release_proof WHERE (release, position) IN (SELECT release, position FROM release_leaf WHERE GONE)",
        "UPDATE release_leaf SET salt = x'', body = NULL WHERE GONE",
        "DELETE FROM product_member WHERE GONE",
        "DELETE FROM conversion WHERE GONE",
        "DELETE FROM body WHERE GONE",
        "DELETE FROM doomed WHERE GONE",
    )
)
_FORGET_MATCHES: Final = (
    "DELETE FROM match WHERE source = ? AND indicator = ?",
    "DELETE FROM match WHERE at = ? AND observation = ?",
)
_COUNT: Final = Statement("SELECT (SELECT count(*) FROM doomed), (SELECT total(bearers) FROM label)")
_FORGETS: Final = Statement("SELECT v FROM words_config WHERE k = 'secure-delete'")
_SET_FORGETS: Final = Statement("INSERT INTO words(words, rank) VALUES ('secure-delete', :by_row)")
_SET_AUTOMERGE: Final = Statement("INSERT INTO words(words, rank) VALUES ('automerge', :segments)")
_MERGE: Final = Statement("INSERT INTO words(words, rank) VALUES ('merge', :pages)")
_LEFT: Final = Statement("SELECT EXISTS (SELECT 1 FROM doomed), EXISTS (SELECT 1 FROM doomed_entry)")
_MARKED: Final = Statement("SELECT 1 FROM identity WHERE name = 'destroyed'")


class Destroyer:
    """Hides and erases objects in one unit."""

    def __init__(self, session: Session, interning: Interning, lookup: Lookup) -> None:
        self._session = session
        self._interning = interning
        self._lookup = lookup

    # -- out of reach ----------------------------------------------------------------------------------------

    def hide(
        self, rows: Sequence[HeadRow], related: Sequence[HeadRow], *, recall: int, holds: Mapping[int, int]
    ) -> None:
        """Take objects out of every reach.

        Args:
            rows: their heads.
            related: all heads of the same ids: of what stays, the newest is to be known as such.
            recall: number of the recall, 0 where retention ended.
            holds: number of the legal hold by arrival, of those that are kept apart.
        """
        if not rows:
            return
        arrivals = _listed(rows)
        self._session.change(_DOOM, recall=recall, arrivals=arrivals)
        self._session.change_many(_HOLD, [(hold, arrival) for arrival, hold in holds.items()])
        bearers, portions = Counter(row.label for row in rows), Counter[int]()
        portions.update(dict(self._session.all(_OF_PORTIONS, arrivals=arrivals)))
        bear(
            self._session,
            Counter({label: -count for label, count in bearers.items()}),
            Counter({label: -count for label, count in portions.items()}),
        )
        for statement in _HIDE:
            self._session.change(statement, arrivals=arrivals)
        self._session.change(_GIVEN, last=max(row.arrival for row in rows))
        gone = {row.arrival for row in rows}
        self._mark_newest(row for row in related if row.arrival not in gone)

    def _mark_newest(self, kept: Iterable[HeadRow]) -> None:
        by_object: dict[tuple[int, int, bytes], list[HeadRow]] = defaultdict(list)
        for row in kept:
            by_object[row.originator, row.type, row.uuid].append(row)
        changes = []
        for versions in by_object.values():
            newest = max(row.version for row in versions)
            changes += [
                (int(row.version < newest), row.arrival)
                for row in versions
                if row.superseded != (row.version < newest)
            ]
        self._session.change_many(_NEWEST, changes)

    def holders(self, arrivals: Iterable[int]) -> list[int]:
        """Numbers of the parties to which a release of this node carried any of these."""
        listed = json.dumps(list(arrivals))
        return [party for (party,) in self._session.all(_HOLDERS, arrivals=listed)]

    def undelivered(self, arrivals: Iterable[int]) -> list[Undelivered]:
        """Leaves of released releases that hold any of these and may still be on their way."""
        listed = json.dumps(list(arrivals))
        return [
            Undelivered(release=release, position=position)
            for release, position in self._session.all(_UNDELIVERED, arrivals=listed)
        ]

    # -- out of every page -----------------------------------------------------------------------------------

    def erase(self) -> bool:
        """Do the next short piece of erasing. Returns whether there was any left to do.

        The piece after which nothing is left has the write-ahead log emptied.
        """
        worked = self._erase()
        if worked and self._forgets_by_row() and not any(self._session.all(_LEFT)[0]):
            self._session.destroyed = True
        return worked

    def _erase(self) -> bool:
        doomed, entries = self._session.all(_LEFT)[0]
        merging = not self._forgets_by_row()
        if doomed:
            if not merging and self._is_worth_merging():
                self._set_forgets(0)
            elif not (merging and self._forget_many()):
                self._erase_objects(ERASED_AT_ONCE if merging else FORGOTTEN_AT_ONCE)
            return True
        if entries:
            self._lookup.erase_fresh()
            return self._lookup.erase_settled(ENTRIES_AT_ONCE)
        if merging:
            if not self._merge():
                self._set_forgets(1)
            return True
        return False

    def is_clean(self) -> bool:
        """Whether nothing waits to be erased, in the tables or in the write-ahead log."""
        return not any(self._session.all(_LEFT)[0]) and self._session.one(_MARKED) is None

    def _is_worth_merging(self) -> bool:
        doomed, stored = self._session.all(_COUNT)[0]
        return bool(doomed >= MERGE_LEAST and doomed * MERGE_BELOW > stored)

    def _forgets_by_row(self) -> bool:
        row = self._session.one(_FORGETS)
        return row is not None and int(row[0]) == 1

    def _set_forgets(self, by_row: int) -> None:
        self._session.change(_SET_FORGETS, by_row=by_row)
        # Until all is merged anew, merging a little with each flush would be for nothing.
        self._session.change(_SET_AUTOMERGE, segments=t.AUTOMERGE if by_row else 0)

    def _merge(self) -> bool:
        """Merge some pages of the full text into one tree, in which nothing deleted is left; whether there were any."""
        before = self._session.connection.changes
        self._session.change(_MERGE, pages=-MERGED_PAGES)
        return self._session.connection.changes - before >= 2

    def _forget_many(self) -> bool:
        """Delete the words of many objects at once: each flush of the full text costs, and all is merged anew later."""
        found = [arrival for (arrival,) in self._session.all(_NOT_FORGOTTEN, most=DELETED_AT_ONCE)]
        self._forget_words(found)
        self._session.change(_FORGOTTEN, arrivals=json.dumps(found))
        return bool(found)

    def _forget_words(self, arrivals: Iterable[int]) -> None:
        bits = t.PORTION_BITS
        self._session.change_many(_FORGET_WORDS, [(a << bits, (a + 1) << bits) for a in arrivals])

    def _erase_objects(self, most: int) -> None:
        found = [_Doomed(*row) for row in self._session.all(_NEXT, most=most)]
        arrivals = json.dumps([row.arrival for row in found])
        names = {row.arrival: join_id(self._interning.type_name(row.type), row.uuid) for row in found}
        self._keep_held(found, names)
        entries = [entry for row in found for entry in self._entries(names[row.arrival], row)]
        self._session.change_many(_ADD_ENTRY, entries)
        self._forget_words(row.arrival for row in found if not row.forgotten)
        originals = [number for (number,) in self._session.all(_ORIGINALS, arrivals=arrivals)]
        self._forget_matches(found, names)
        for statement in _ERASE:
            self._session.change(statement, arrivals=arrivals)
        self._session.change(_DROP_ORIGINALS, numbers=json.dumps(originals))

    def _keep_held(self, found: Sequence[_Doomed], names: Mapping[int, str]) -> None:
        for row in found:
            if row.hold and row.raw is not None:
                self._session.change(
                    KEEP,
                    recall=row.recall,
                    hold=row.hold,
                    originator=row.originator,
                    id=names[row.arrival],
                    version=row.version,
                    sha256=row.sha256,
                    raw=row.raw,
                )

    def _entries(self, id: str, row: _Doomed) -> list[tuple[int, int]]:
        """The index entries of an object, as `Adder` made them."""
        place = row.arrival << t.PORTION_BITS
        entries = [(self._lookup.of_id(id), place)]
        if row.raw is not None:
            try:
                file_values(entries, self._lookup, object_of(row.raw), place)
            except InputFault:
                return (
                    entries  # stored under other rules: what it left in the index leads to no head any more
                )
        return entries

    def _forget_matches(self, found: Sequence[_Doomed], names: Mapping[int, str]) -> None:
        """Matches hold values: those that name what is destroyed go, also where another version of it stays."""
        named = [(self._interning.fingerprint(row.originator), names[row.arrival]) for row in found]
        for text in _FORGET_MATCHES:
            self._session.change_many(text, named)


class _Doomed(NamedTuple):
    """One row of `doomed`, with the bytes."""

    arrival: int
    recall: int
    hold: int
    forgotten: int
    originator: int
    type: int
    uuid: bytes
    version: int
    sha256: bytes
    raw: bytes | None


def _listed(rows: Iterable[HeadRow]) -> str:
    return json.dumps([row.arrival for row in rows])
