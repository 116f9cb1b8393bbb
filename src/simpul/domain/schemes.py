"""Classification schemes: the levels of a nation or body, in order, with their names over time.

A scheme says which levels there are and which is above which *inside one scheme*. What a level is called elsewhere is
never worked out from that order: it is a dated row of an agreement's equivalence table (`domain.agreements`), and a level
without a row is refused. What can be said of rows without knowing any scheme is here too: `loops` finds rows that lead
a level back to another level of its own scheme. docs/reference/classification.md says it for people.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Protocol

from msgspec import Struct

from simpul.domain.labels import Classification

ROWS_LIMIT: Final = 1000
"""Rows of one equivalence table. Beyond the tables that nations publish, and what `loops` checks within a second."""


class FormerName(Struct, frozen=True, kw_only=True):
    """A name that a level bore before. `since` and `until` are microseconds UTC, `until` exclusive; None is open."""

    name: str
    since: int | None = None
    until: int | None = None


class Level(Struct, frozen=True, kw_only=True):
    """One level of a scheme.

    Attributes:
        name: what it is called now.
        former: what it was called before: a document marked then still bears that name.
        classified: false for a level that is protected and yet no classification by its nation's law.
        note: what a reader must know.
    """

    name: str
    former: tuple[FormerName, ...] = ()
    classified: bool = True
    note: str = ""


class Scheme(Struct, frozen=True, kw_only=True):
    """A classification scheme. `levels` stand from open to closed; `id` is what labels write (XA)."""

    id: str
    name: str
    levels: tuple[Level, ...]
    note: str = ""


class Row(Protocol):
    """What `loops` reads of a row of an equivalence table (`domain.agreements.Equivalence`)."""

    @property
    def given(self) -> Classification:
        """The level as its owner writes it."""
        ...

    @property
    def becomes(self) -> Classification:
        """What the other side calls it."""
        ...

    @property
    def since(self) -> int | None:
        """From when on (microseconds UTC), or always."""
        ...

    @property
    def until(self) -> int | None:
        """Until when, exclusive, or for ever."""
        ...

    @property
    def footnote(self) -> str:
        """What a reader must know, such as that a level is missing at the other side."""
        ...


def level_of(scheme: Scheme, name: str, at: int | None = None) -> Level | None:
    """The level that a name means, or None for a name that the scheme does not know.

    Args:
        scheme: whose level.
        name: as a document writes it, exactly.
        at: when the document was marked (microseconds UTC); a former name outside its dates is then not known. None
            takes every name that a level ever bore.
    """
    for level in scheme.levels:
        if level.name == name or any(f.name == name and _held(f, at) for f in level.former):
            return level
    return None


def is_above(scheme: Scheme, one: str, other: str) -> bool | None:
    """Whether the first level is above the second in the scheme's order; None if it does not know one of them."""
    a, b = level_of(scheme, one), level_of(scheme, other)
    if a is None or b is None:
        return None
    return scheme.levels.index(a) > scheme.levels.index(b)


def scheme_faults(schemes: Sequence[Scheme]) -> list[str]:
    """What is wrong with schemes, each as `<path>: <what>`: an id twice, no level, one name for two levels at a time."""
    found = []
    for index, scheme in enumerate(schemes):
        path = f"schemes[{index}]"
        if any(scheme.id == other.id for other in schemes[:index]):
            found.append(f"{path}.id: {scheme.id} is stated twice")
        if not scheme.levels:
            found.append(f"{path}.levels: none is stated")
        found += [f"{path}.levels: {fault}" for fault in _name_faults(scheme)]
    return found


def unknown_levels(levels: Iterable[tuple[str, Classification]], schemes: Sequence[Scheme]) -> list[str]:
    """Each level, by the path where it stands, whose scheme is not stated or does not know it."""
    known = {scheme.id: scheme for scheme in schemes}
    found = []
    for path, level in levels:
        scheme = known.get(level.scheme)
        if scheme is None:
            found.append(f"{path}: '{level.scheme}' is not a scheme that is stated")
        elif level_of(scheme, level.level) is None:
            found.append(f"{path}: {level.scheme} has no level '{level.level}'")
    return found


def loops(rows: Sequence[Row]) -> Iterator[str]:
    """Rows that contradict each other by leading a level back to another level of its own scheme.

    Two are refused, each only where its rows are valid at one moment:

    - *there and back*: A.X becomes B.Y and B.Y becomes A.Z. A row with a footnote may do so: that is how a nation says
      that it lacks a level and handles it as another;
    - *a cycle*: A.X leads to A.Z and A.Z leads back to A.X, whatever the footnotes say.

    Yields:
        `equivalence[<index>]: <what>` by the row that closes it.
    """
    if len(rows) > ROWS_LIMIT:
        yield f"equivalence: more than {ROWS_LIMIT} rows"
        return
    yield from _returns(rows)
    yield from _cycles(rows)


def _returns(rows: Sequence[Row]) -> Iterator[str]:
    from_level: dict[Classification, list[int]] = {}
    for index, row in enumerate(rows):
        from_level.setdefault(row.given, []).append(index)
    for row in rows:
        for index in from_level.get(row.becomes, ()):
            back = rows[index]
            other = (
                back.becomes.scheme == row.given.scheme != row.becomes.scheme and back.becomes != row.given
            )
            if other and not row.footnote and not back.footnote and _meet(row, back):
                yield (
                    f"equivalence[{index}]: {_words(row.given)} becomes {_words(row.becomes)}, and that becomes "
                    f"{_words(back.becomes)}"
                )


def _cycles(rows: Sequence[Row]) -> Iterator[str]:
    """Rows that hold at one moment all hold when the last of them begins: only beginnings need to be looked at."""
    told = set()
    for at in sorted({row.since for row in rows if row.since is not None} | {_BEFORE_ALL}):
        valid = {i: row for i, row in enumerate(rows) if _holds(row, at)}
        for group in _components([(row.given, row.becomes) for row in valid.values()]):
            twice = _same_scheme(group)
            if twice is None or frozenset(group) in told:
                continue
            told.add(frozenset(group))
            index = max(i for i, row in valid.items() if row.given in group and row.becomes in group)
            yield f"equivalence[{index}]: closes a cycle in which {_words(twice[0])} becomes {_words(twice[1])} and back"


_BEFORE_ALL: Final = -1


def _same_scheme(group: set[Classification]) -> tuple[Classification, Classification] | None:
    seen: dict[str, Classification] = {}
    for level in sorted(group):
        if level.scheme in seen:
            return seen[level.scheme], level
        seen[level.scheme] = level
    return None


def _components(edges: Iterable[tuple[Classification, Classification]]) -> Iterator[set[Classification]]:
    """Groups of levels that all lead to one another (Kosaraju: last finished first, against the arrows)."""
    ahead: dict[Classification, list[Classification]] = {}
    behind: dict[Classification, list[Classification]] = {}
    for one, other in edges:
        for graph, start, end in ((ahead, one, other), (behind, other, one)):
            graph.setdefault(start, []).append(end)
            graph.setdefault(end, [])
    done: set[Classification] = set()
    finished = [level for start in ahead for level in _finishing(ahead, start, done)]
    done.clear()
    for level in reversed(finished):
        group = set(_finishing(behind, level, done))
        if len(group) > 1:
            yield group


def _finishing(
    graph: dict[Classification, list[Classification]], start: Classification, done: set[Classification]
) -> Iterator[Classification]:
    """Levels reached from a start that are not done yet, each after all that it leads to."""
    if start in done:
        return
    done.add(start)
    path = [(start, iter(graph[start]))]
    while path:
        level, rest = path[-1]
        following = next((each for each in rest if each not in done), None)
        if following is None:
            path.pop()
            yield level
        else:
            done.add(following)
            path.append((following, iter(graph[following])))


def _name_faults(scheme: Scheme) -> Iterator[str]:
    names = [
        (index, FormerName(name=level.name)) if former is None else (index, former)
        for index, level in enumerate(scheme.levels)
        for former in (None, *level.former)
    ]
    for at, (index, one) in enumerate(names):
        for earlier, other in names[:at]:
            if index != earlier and one.name == other.name and _meet(one, other):
                yield f"'{one.name}' means two levels at one time"


def _held(former: FormerName, at: int | None) -> bool:
    return at is None or _holds(former, at)


def _holds(dated: Row | FormerName, at: int) -> bool:
    return (dated.since is None or dated.since <= at) and (dated.until is None or at < dated.until)


def _meet(a: Row | FormerName, b: Row | FormerName) -> bool:
    starts_before_end = a.since is None or b.until is None or a.since < b.until
    return starts_before_end and (b.since is None or a.until is None or b.since < a.until)


def _words(level: Classification) -> str:
    return f"{level.scheme} {level.level}"
