"""Finding objects: a query becomes streams of arrival numbers, all in one direction, which are intersected.

    words      one stream a word, from the full text        values   one a value, from the index
    ids        one stream, from the index                   none     the permitted arrivals, by label, type or all

What remains is read in chunks of heads and checked against the rest of the query and the audience. A word or value in
a portion that is not permitted does not count, and an object whose own label is not permitted does not exist. Memory
does not grow with what is stored: streams are read as they are asked for.

A filter must not make a search slow, whoever asks. Where much is permitted, it stands among the next matches: a word's
or a type's are read with their heads until enough do. Where that fails, the labels are asked how much is permitted: of
little, each object is looked at; of more, the database passes over the others.
"""

from __future__ import annotations

import heapq
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import islice
from typing import Any, Final

from simpul.domain.observables import classify
from simpul.domain.queries import Query
from simpul.storage import tables as t
from simpul.storage.connection import Session
from simpul.storage.heads import HeadRow, Heads, PortionRow, whole
from simpul.storage.interning import Interning
from simpul.storage.lookup import Lookup
from simpul.storage.naming import split_id
from simpul.storage.statements import Statement

_CHUNK: Final = 250
_NEAR: Final = 4
"""How many times as many heads as are wanted are looked through before the index by label is asked."""

_FEW: Final = 1500
"""How many permitted objects are looked at one by one, rather than all that bear a word or are of a type."""

_PORTION: Final = (1 << t.PORTION_BITS) - 1
_BEFORE_ALL: Final = 0
_AFTER_ALL: Final = (1 << 62) >> t.PORTION_BITS

_WORDS_DOWN: Final = Statement(
    "SELECT rowid, CASE WHEN :texts THEN text END FROM words"
    " WHERE words MATCH :match AND rowid > :low AND rowid < :high ORDER BY rowid DESC"
)
_WORDS_UP: Final = Statement(
    "SELECT rowid, CASE WHEN :texts THEN text END FROM words"
    " WHERE words MATCH :match AND rowid > :low AND rowid < :high ORDER BY rowid"
)
_OF_WORD: Final = (
    "SELECT head.*, words.rowid FROM words CROSS JOIN head ON head.arrival = words.rowid >> {bits}"
    " WHERE words MATCH :match AND words.rowid > :low AND words.rowid < :high{permitted}"
    " ORDER BY words.rowid{down} LIMIT :most"
)
_OF_TYPE: Final = (
    "SELECT *, arrival << {bits} FROM head WHERE type = :type AND arrival > :low >> {bits}"
    " AND arrival < (:high + {portion}) >> {bits}{permitted} ORDER BY arrival{down} LIMIT :most"
)
_PERMITTED: Final = " AND head.label IN (SELECT value FROM json_each(:labels))"


def _statements(text: str) -> dict[tuple[bool, bool], Statement]:
    """A statement by (newest first, filtered by the database)."""
    return {
        (down, filtered): Statement(
            text.format(
                bits=t.PORTION_BITS,
                portion=_PORTION,
                permitted=_PERMITTED if filtered else "",
                down=" DESC" if down else "",
            )
        )
        for down in (False, True)
        for filtered in (False, True)
    }


_HEADS_OF_WORD: Final = _statements(_OF_WORD)
_HEADS_OF_TYPE: Final = _statements(_OF_TYPE)
_TEXTS: Final = Statement("SELECT rowid, text FROM words WHERE rowid >= :low AND rowid <= :high")
_ANY_PORTION: Final = Statement("SELECT 1 FROM portion LIMIT 1")
_LABEL: Final = HeadRow._fields.index("label")
_PORTION_LABELS: Final = Statement(
    "SELECT arrival, number, label, markings FROM portion WHERE arrival = :arrival ORDER BY number"
)
_ALL_DOWN: Final = Statement(
    "SELECT * FROM head WHERE arrival > :low AND arrival < :high ORDER BY arrival DESC LIMIT :most"
)
_ALL_UP: Final = Statement(
    "SELECT * FROM head WHERE arrival > :low AND arrival < :high ORDER BY arrival LIMIT :most"
)
# Which labels lead: one step into the index a label, whatever the number of objects.
_FIRST_DOWN: Final = Statement(
    "SELECT label, arrival FROM (SELECT permitted.value AS label, (SELECT max(arrival) FROM head"
    " WHERE label = permitted.value AND arrival > :low AND arrival < :high) AS arrival"
    " FROM json_each(:labels) AS permitted) WHERE arrival IS NOT NULL ORDER BY arrival DESC LIMIT :most"
)
_FIRST_UP: Final = Statement(
    "SELECT label, arrival FROM (SELECT permitted.value AS label, (SELECT min(arrival) FROM head"
    " WHERE label = permitted.value AND arrival > :low AND arrival < :high) AS arrival"
    " FROM json_each(:labels) AS permitted) WHERE arrival IS NOT NULL ORDER BY arrival LIMIT :most"
)
_OF_LABEL_DOWN: Final = Statement(
    "SELECT arrival FROM head WHERE label = :label AND arrival >= :low AND arrival < :high"
    " ORDER BY arrival DESC LIMIT :most"
)
_OF_LABEL_UP: Final = Statement(
    "SELECT arrival FROM head WHERE label = :label AND arrival > :low AND arrival <= :high"
    " ORDER BY arrival LIMIT :most"
)
_OF_QUERY: Final = (
    " (:labels IS NULL OR label IN (SELECT value FROM json_each(:labels)))"
    " AND (:types IS NULL OR type IN (SELECT value FROM json_each(:types)))"
    " AND (:originators IS NULL OR originator IN (SELECT value FROM json_each(:originators)))"
    " AND (:since IS NULL OR arrived >= :since)"
)
_COUNT_ALL: Final = Statement(f"SELECT count(*) FROM head WHERE{_OF_QUERY}")  # noqa: S608
_COUNT_WITH_WORDS: Final = Statement(
    f"SELECT count(*) FROM words CROSS JOIN head ON head.arrival = words.rowid >> {t.PORTION_BITS}"  # noqa: S608
    f" WHERE words MATCH :match AND{_OF_QUERY}"
)
_COUNT_BEARERS: Final = Statement(
    "SELECT coalesce(sum(bearers), 0) FROM label"
    " WHERE :labels IS NULL OR number IN (SELECT value FROM json_each(:labels))"
)

Permitted = frozenset[int] | None
"""Numbers of the labels that the asker may see; None for all."""


class Search:
    """One query of one asker, in one unit."""

    def __init__(
        self,
        session: Session,
        interning: Interning,
        lookup: Lookup,
        query: Query,
        permitted: Permitted,
    ) -> None:
        self._session = session
        self._interning = interning
        self._lookup = lookup
        self._heads = Heads(session, interning)
        self._query = query
        self._permitted = permitted
        self._types = _numbers(interning.known_type(name) for name in query.types)
        self._originators = _numbers(interning.known_party(name) for name in query.originators)
        self._words = [_Word(word) for word in query.words]

    # -- answers ---------------------------------------------------------------------------------------------

    def rows(
        self,
        *,
        newest_first: bool,
        beyond: int | None = None,
        latest: bool = False,
        chunk: int = _CHUNK,
    ) -> Iterator[HeadRow]:
        """Heads that fit, in the order of arrival, of what lies beyond an arrival number.

        Args:
            newest_first: the direction.
            beyond: None begins at the end.
            latest: only the newest version per (originator, id) of what fits.
            chunk: heads that are read at a time.
        """
        low = _BEFORE_ALL if newest_first or beyond is None else beyond
        high = _AFTER_ALL if not newest_first or beyond is None else beyond
        for found in self._chunks(newest_first=newest_first, low=low, high=high, chunk=chunk):
            fitting = [row for row in found if self._fits_head(row)]
            yield from self._latest(fitting) if latest else fitting

    def shown(self, rows: Sequence[HeadRow]) -> list[HeadRow]:
        """Those of some heads whose bytes may be shown as a whole."""
        further = self._heads.portions(rows)
        return [row for row in rows if whole(row, further.get(row.arrival, ()), self._permitted)]

    def count(self) -> int:
        """How many renditions fit."""
        query = self._query
        if not (query.words or query.values or query.ids):
            return self._count_heads()
        if self._match and not self._session.one(_ANY_PORTION):
            return self._counted(_COUNT_WITH_WORDS, match=self._match)
        counted = 0
        arrivals = self._arrivals(newest_first=True, low=_BEFORE_ALL, high=_AFTER_ALL)
        while some := list(islice(arrivals, _CHUNK)):
            rows = [row for row in self._heads.rows(some) if self._fits_head(row)]
            counted += len(rows)
        return counted

    # -- the order of arrival --------------------------------------------------------------------------------

    def _chunks(self, *, newest_first: bool, low: int, high: int, chunk: int) -> Iterator[list[HeadRow]]:
        query = self._query
        if query.words or query.values or query.ids:
            if self._match:
                yield from self._once(self._matching(newest_first, low, high, chunk))
            elif query.words and self._are_few():
                yield from self._few(newest_first, low, high, chunk)
            else:
                arrivals = self._arrivals(newest_first=newest_first, low=low, high=high)
                while some := list(islice(arrivals, chunk)):
                    rows = self._heads.rows(some)
                    yield rows[::-1] if newest_first else rows
            return
        if query.types:
            yield from self._matching(newest_first, low, high, chunk)
            return
        read = self._all if self._permitted is None else self._by_label
        while rows := read(newest_first, low, high, chunk):
            yield rows
            low, high = (low, rows[-1].arrival) if newest_first else (rows[-1].arrival, high)

    def _all(self, newest_first: bool, low: int, high: int, most: int) -> list[HeadRow]:  # noqa: FBT001
        statement = _ALL_DOWN if newest_first else _ALL_UP
        return [HeadRow(*row) for row in self._session.all(statement, low=low, high=high, most=most)]

    @staticmethod
    def _once(chunks: Iterator[list[HeadRow]]) -> Iterator[list[HeadRow]]:
        """Each head once, though several of its portions bear the word: they follow each other."""
        last = None
        for rows in chunks:
            new = list({row.arrival: row for row in rows if row.arrival != last}.values())
            last = new[-1].arrival if new else last
            yield new

    # -- words asked for as one, or types: matches with their heads --------------------------------------------------------

    def _matching(self, newest_first: bool, low: int, high: int, chunk: int) -> Iterator[list[HeadRow]]:  # noqa: FBT001
        """Heads that bear the words or are of the types: first as they come, then as few of the others as can be."""
        bounds = (low << t.PORTION_BITS) | _PORTION, high << t.PORTION_BITS
        looked = found = 0
        most = chunk if self._permitted is None else chunk + chunk // 12
        filtered = False
        while True:
            rows, place = self._read(newest_first, *bounds, most, filtered=filtered)
            yield rows
            if place is None:
                return
            bounds = (bounds[0], place) if newest_first else (place, bounds[1])
            looked, found = looked + most, found + len(rows)
            most = _likely(chunk, looked, found)
            if self._permitted is not None and not filtered and looked >= _NEAR * chunk and found < chunk:
                if self._are_few():
                    arrival = place >> t.PORTION_BITS
                    low, high = (low, arrival + 1) if newest_first else (arrival - 1, high)
                    yield from self._few(newest_first, low, high, chunk)
                    return
                filtered = True

    def _read(
        self,
        newest_first: bool,  # noqa: FBT001
        low: int,
        high: int,
        most: int,
        *,
        filtered: bool,
    ) -> tuple[list[HeadRow], int | None]:
        """What fits of the next `most` between two places, and the last place looked at, or None at the end."""
        values = {"low": low, "high": high, "most": most} | ({"labels": self._labels} if filtered else {})
        if self._words:
            statement = _HEADS_OF_WORD[newest_first, filtered]
            found = self._session.all(statement, match=self._match, **values)
        else:
            statement = _HEADS_OF_TYPE[newest_first, filtered]
            streams = [self._session.all(statement, type=type, **values) for type in self._types]
            merged = streams[0] if len(streams) == 1 else heapq.merge(*streams, reverse=newest_first)
            found = list(islice(merged, most))
        permitted = self._permitted
        fitting = [
            HeadRow(*row[:-1])
            for row in found
            if (permitted is None or row[_LABEL] in permitted)
            and (not row[-1] & _PORTION or self._portion_permitted(row[-1]))
        ]
        return fitting, found[-1][-1] if len(found) == most else None

    @cached_property
    def _match(self) -> str:
        """All words as one question to the index, where its answer is exact; else empty.

        The index knows portions and not objects: it may be asked for several words at once only where no object has
        portions, for else two of them may stand in two portions of one object.
        """
        alone = all(word.is_token for word in self._words) and not (self._query.values or self._query.ids)
        if not alone or (len(self._words) > 1 and self._session.one(_ANY_PORTION)):
            return ""
        return " ".join(word.match for word in self._words)

    @cached_property
    def _labels(self) -> str:
        return json.dumps(sorted(self._permitted or ()))

    def _are_few(self) -> bool:
        """Whether so little is permitted that each object can be looked at."""
        if self._permitted is None:
            return False
        row = self._session.one(_COUNT_BEARERS, labels=self._labels)
        return row is not None and int(row[0]) <= _FEW

    def _few(self, newest_first: bool, low: int, high: int, chunk: int) -> Iterator[list[HeadRow]]:  # noqa: FBT001
        """Every permitted head in whose permitted portions all words stand; values and ids are looked up."""
        while rows := self._by_label(newest_first, low, high, chunk):
            yield [row for row in rows if self._fits_head(row) and self._bears_all(row)]
            low, high = (low, rows[-1].arrival) if newest_first else (rows[-1].arrival, high)

    def _bears_all(self, row: HeadRow) -> bool:
        low = row.arrival << t.PORTION_BITS
        texts = [
            text
            for place, text in self._session.all(_TEXTS, low=low, high=low | _PORTION)
            if self._portion_permitted(place)
        ]
        if not all(any(word.stands_in(text) for text in texts) for word in self._words):
            return False
        return not (self._query.values or self._query.ids) or self._has_every(row.arrival)

    def _by_label(self, newest_first: bool, low: int, high: int, most: int) -> list[HeadRow]:  # noqa: FBT001
        """The next `most` heads under permitted labels.

        Where many labels are permitted, enough of them stand among the very next heads. If not, only the `most` labels
        whose first head comes first can contribute, and of those nothing that lies behind the last one's first head: so
        the work depends on labels and page, never on the number of objects.
        """
        permitted = self._permitted or frozenset()
        next_heads = self._all(newest_first, low, high, _NEAR * most)
        near = [row for row in next_heads if row.label in permitted][:most]
        if len(near) == most or len(next_heads) < _NEAR * most:
            return near
        labels = json.dumps(sorted(permitted))
        first = self._session.all(
            _FIRST_DOWN if newest_first else _FIRST_UP, labels=labels, low=low, high=high, most=most
        )
        if not first:
            return []
        if len(first) == most:
            low, high = (first[-1][1], high) if newest_first else (low, first[-1][1])
        elif newest_first:
            low += 1
        else:
            high -= 1
        statement = _OF_LABEL_DOWN if newest_first else _OF_LABEL_UP
        streams = [self._session.all(statement, label=n, low=low, high=high, most=most) for n, _ in first]
        merged = heapq.merge(*streams, reverse=newest_first)
        rows = self._heads.rows(arrival for (arrival,) in islice(merged, most))
        return rows[::-1] if newest_first else rows

    # -- streams ---------------------------------------------------------------------------------------------

    def _arrivals(self, *, newest_first: bool, low: int, high: int) -> Iterator[int]:
        """Arrival numbers in which every word, every value and one of the ids occurs."""
        streams: list[Iterator[int]] = []
        if self._query.ids:
            streams.append(iter(_ordered(self._of_ids(), low, high, newest_first)))
        streams.extend(
            iter(_ordered(self._of_value(value), low, high, newest_first)) for value in self._query.values
        )
        streams.extend(self._of_word(word, newest_first, low, high) for word in self._words)
        return _common(streams, newest_first)

    def _of_ids(self) -> set[int]:
        wanted = {split_id(name): self._lookup.of_id(name) for name in self._query.ids}
        arrivals = {place >> t.PORTION_BITS for _, place in self._lookup.places(wanted.values())}
        return {
            row.arrival
            for row in self._heads.rows(arrivals)
            if (self._interning.type_name(row.type), row.uuid) in wanted
        }

    def _of_value(self, text: str) -> set[int]:
        hashes = [self._lookup.of_value(kind, key) for kind, key in classify(text)]
        return {
            place >> t.PORTION_BITS
            for _, place in self._lookup.places(hashes)
            if self._portion_permitted(place)
        }

    def _of_word(self, word: _Word, newest_first: bool, low: int, high: int) -> Iterator[int]:  # noqa: FBT001
        """Arrivals with a permitted portion that holds a word, each once."""
        if not word.tokens:
            return
        low, high = (low + 1 << t.PORTION_BITS) - 1, high << t.PORTION_BITS
        last = None
        statement = _WORDS_DOWN if newest_first else _WORDS_UP
        for place, text in self._session.each(
            statement, match=word.match, texts=word.is_phrase, low=low, high=high
        ):
            arrival = place >> t.PORTION_BITS
            if arrival != last and word.holds(text) and self._portion_permitted(place):
                last = arrival
                yield arrival

    def _portion_permitted(self, place: int) -> bool:
        number = place & _PORTION
        if self._permitted is None or not number:
            return True  # portion 0 has the object's own label, which is checked with its head
        found = self._session.all(_PORTION_LABELS, arrival=place >> t.PORTION_BITS)
        return any(PortionRow(*row).number == number and row[2] in self._permitted for row in found)

    # -- checks ----------------------------------------------------------------------------------------------

    def _fits_head(self, row: HeadRow) -> bool:
        query = self._query
        return (
            (self._permitted is None or row.label in self._permitted)
            and (not query.types or row.type in self._types)
            and (not query.originators or row.originator in self._originators)
            and (query.since is None or row.arrived >= query.since)
        )

    def _latest(self, rows: list[HeadRow]) -> list[HeadRow]:
        """Those of some heads of which no newer version fits as well. Most were never superseded: they cost nothing."""
        doubtful = [row for row in rows if row.superseded]
        if not doubtful:
            return rows
        older = {row.arrival for row in doubtful if self._newer_fits(row)}
        return [row for row in rows if row.arrival not in older]

    def _newer_fits(self, row: HeadRow) -> bool:
        places = self._lookup.places([self._lookup.of_id(self._heads.id(row))])
        newer = [
            other
            for other in self._heads.rows(place >> t.PORTION_BITS for _, place in places)
            if (other.originator, other.type, other.uuid) == (row.originator, row.type, row.uuid)
            and other.version > row.version
            and self._fits_head(other)
        ]
        return any(self._has_all(other.arrival) for other in newer)

    def _has_all(self, arrival: int) -> bool:
        query = self._query
        if not (query.words or query.values):
            return True  # of the same id, so the ids fit too
        return self._has_every(arrival)

    def _has_every(self, arrival: int) -> bool:
        low, high = arrival - 1, arrival + 1
        return arrival in set(self._arrivals(newest_first=True, low=low, high=high))

    def _count_heads(self) -> int:
        query = self._query
        if query.types or query.originators or query.since is not None:
            return self._counted(_COUNT_ALL)
        row = self._session.one(_COUNT_BEARERS, labels=None if self._permitted is None else self._labels)
        return int(row[0]) if row else 0

    def _counted(self, statement: Statement, **values: Any) -> int:
        query = self._query
        row = self._session.one(
            statement,
            labels=None if self._permitted is None else self._labels,
            types=json.dumps(sorted(self._types)) if query.types else None,
            originators=json.dumps(sorted(self._originators)) if query.originators else None,
            since=query.since,
            **values,
        )
        return int(row[0]) if row else 0


class _Word:
    """A word of a query, or a quoted phrase, as the full text knows it.

    The index keeps no positions (they cost a third of an import), so the tokens of a phrase are found together and their
    order is checked against the text.
    """

    def __init__(self, word: str) -> None:
        self.tokens = _tokens(word)
        self.is_phrase = len(self.tokens) > 1
        self.is_token = len(self.tokens) == 1
        self.match = " ".join(f'"{token}"' for token in self.tokens)

    def stands_in(self, text: str) -> bool:
        """Whether a text holds it; the same question asked without the index."""
        return bool(self.tokens) and set(self.tokens) <= set(_tokens(text)) and self.holds(text)

    def holds(self, text: str | None) -> bool:
        """Whether the tokens stand in this text one after the other."""
        if not self.is_phrase:
            return True
        found = _tokens(text or "")
        span = len(self.tokens)
        return any(found[at : at + span] == self.tokens for at in range(len(found) - span + 1))


def _likely(wanted: int, looked: int, found: int) -> int:
    """How many more to look at so that, as things went so far, what is wanted is likely found."""
    rest = max(wanted - found, wanted // 8)
    return max(8, min(_NEAR * wanted, rest * looked * 9 // (8 * max(found, 1))))


def _tokens(text: str) -> list[str]:
    plain = "".join(c for c in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(c))
    return re.findall(r"[^\W_]+", plain)


def _numbers(found: Iterable[int | None]) -> frozenset[int]:
    return frozenset(number for number in found if number is not None)


def _ordered(arrivals: set[int], low: int, high: int, newest_first: bool) -> list[int]:  # noqa: FBT001
    return sorted((n for n in arrivals if low < n < high), reverse=newest_first)


def _common(streams: Sequence[Iterator[int]], newest_first: bool) -> Iterator[int]:  # noqa: FBT001
    """What occurs in every one of several ordered streams, in their order."""
    current: list[Any] = [next(stream, None) for stream in streams]
    while None not in current:
        goal = min(current) if newest_first else max(current)
        if all(arrival == goal for arrival in current):
            yield goal
            current = [next(stream, None) for stream in streams]
            continue
        for at, stream in enumerate(streams):
            while current[at] is not None and current[at] != goal and (current[at] > goal) == newest_first:
                current[at] = next(stream, None)
