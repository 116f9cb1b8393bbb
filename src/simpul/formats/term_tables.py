"""Reading tables of terms: every value is asked for by key and kind, every fault is noted with its path.

    table = Table({"tlp": "amber", "topic": "x"}, input="label.toml")
    table.tlp("tlp")         Tlp.AMBER
    table.finish("label")    InputFault: 'topic' is not a key of a label

A value that is missing or of the wrong kind is read as the emptiest one; `finish` raises before anybody can use it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time, timedelta
from difflib import get_close_matches
from typing import Any, ClassVar, Final, Self

from simpul.domain.labels import LAST_INSTANT, Tlp, parse_tlp
from simpul.errors import InputFault, SimpulError

LONGEST_TEXT: Final = 10_000
"""Characters of a text; a word has at most 200."""

_LONGEST_WORD: Final = 200
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


class Table:
    """One TOML table while it is read. Inner tables share the list of faults with the outermost one."""

    rows_are: ClassVar = "must be written as [[{key}]] tables"

    def __init__(
        self,
        values: dict[str, Any],
        *,
        input: str,
        path: str = "",
        faults: list[str] | None = None,
    ) -> None:
        self._left = dict(values)
        self._asked: list[str] = []
        self._input = input
        self._path = path
        self._faults: list[str] = [] if faults is None else faults
        self._inner: list[Table] = []

    def states(self, key: str) -> bool:
        """Whether the key is there and was not asked for yet."""
        self._asked.append(key)
        return key in self._left

    def left(self) -> list[str]:
        """Keys that were not asked for yet."""
        return list(self._left)

    @property
    def faulty(self) -> bool:
        """Whether anything was noted."""
        return bool(self._faults)

    def path(self, key: str) -> str:
        """Where a key of this table stands in the whole input."""
        return f"{self._path}{key}"

    def faulted(self, path: str) -> bool:
        """Whether anything was noted about the value at a path, or about one inside it."""
        return any(fault.startswith((f"{path}:", f"{path}.", f"{path}[")) for fault in self._faults)

    def fault(self, key: str, problem: str) -> None:
        """Note what is wrong with a value."""
        self._faults.append(f"{self._path}{key}: {problem}")

    def finish(self, what: str) -> None:
        """Note every key that nobody asked for, and refuse the input if anything was noted.

        Raises:
            InputFault: lists every fault.
        """
        self.fault_unknown()
        if self._faults:
            count = f"{len(self._faults)} faults" if len(self._faults) > 1 else "a fault"
            raise InputFault(
                f"the {what} has {count}: {'; '.join(self._faults)}",
                input=self._input,
                where=self._faults[0].partition(":")[0],
                do="mend the file; the examples folder has a complete one",
            )

    def fault_unknown(self) -> None:
        """Note every key that nobody asked for, here and in inner tables."""
        for key in self._left:
            near = get_close_matches(key, self._asked, n=1)
            self.fault(key, f"is not known here{f'; did you mean {near[0]}?' if near else ''}")
        for inner in self._inner:
            inner.fault_unknown()

    def take(self, key: str, *, required: bool = False) -> Any:
        """The raw value, or None."""
        self._asked.append(key)
        if required and key not in self._left:
            self.fault(key, "is missing")
        return self._left.pop(key, None)

    def text(self, key: str, *, required: bool = False, longest: int = LONGEST_TEXT) -> str:
        """A text that is not blank, else empty."""
        return self._text(key, self.take(key, required=required), longest)

    def word(self, key: str, *, required: bool = False) -> str:
        """A short text."""
        return self.text(key, required=required, longest=_LONGEST_WORD)

    def words(self, key: str, *, required: bool = False) -> frozenset[str]:
        """A list of short texts, each once."""
        return self._many(key, self.take(key, required=required), _LONGEST_WORD)

    def texts(self, key: str) -> frozenset[str]:
        """A list of texts, each once."""
        return self._many(key, self.take(key), LONGEST_TEXT)

    def one_or_more(self, key: str) -> frozenset[str]:
        """A short text or a list of them."""
        value = self.take(key)
        return self._many(key, value if isinstance(value, list) else [value], _LONGEST_WORD)

    def chosen(self, key: str, allowed: Iterable[str]) -> frozenset[str]:
        """A list of words of a closed vocabulary."""
        known = tuple(allowed)
        found = self.words(key)
        for word in sorted(found.difference(known)):
            self.fault(key, f"'{word}' is not one of {', '.join(known)}")
        return found.intersection(known)

    def names(self, key: str, party: Callable[[str], str], *, required: bool = False) -> frozenset[str]:
        """A list of parties as people call them, resolved to fingerprints."""
        value = self.take(key, required=required)
        return frozenset() if value is None else self.resolved(key, value, party)

    def resolved(self, path: str, value: Any, party: Callable[[str], str]) -> frozenset[str]:
        """Fingerprints of the parties in a list that was taken before."""
        found = set()
        for name in sorted(self._many(path, value, _LONGEST_WORD)):
            try:
                found.add(party(name))
            except SimpulError as error:
                self.fault(path, error.message)
        return frozenset(found)

    def integer(self, key: str, *, low: int) -> int | None:
        """A whole number not below `low`, or None."""
        value = self.take(key)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value < 1 << 53:
            self.fault(key, f"must be a whole number from {low} on")
            return None
        return value

    def boolean(self, key: str) -> bool:
        """True or false; false if it is not there."""
        value = self.take(key)
        if value is not None and not isinstance(value, bool):
            self.fault(key, "must be true or false")
        return value is True

    def tlp(self, key: str, *, required: bool = False) -> Tlp | None:
        """A TLP level, or None."""
        word = self.word(key, required=required)
        if not word:
            return None
        try:
            return parse_tlp(word)
        except InputFault as error:
            self.fault(key, f"{error.message}; {error.do}")
            return None

    def instant(self, key: str, *, required: bool = False) -> int | None:
        """A moment in microseconds UTC. A day alone means its beginning in UTC."""
        value = self.take(key, required=required)
        if value is None:
            return None
        if isinstance(value, date) and not isinstance(value, datetime):
            value = datetime.combine(value, time(), UTC)
        if not isinstance(value, datetime) or value.tzinfo is None:
            self.fault(key, "must be a moment with its zone, such as 2027-01-31T00:00:00Z, or a day")
            return None
        at = (value - _EPOCH) // timedelta(microseconds=1)
        if not 0 <= at <= LAST_INSTANT:
            self.fault(key, "must lie between the years 1970 and 2255")
            return None
        return at

    def holds_table(self, key: str) -> bool:
        """Whether the value under a key is a table."""
        return isinstance(self._left.get(key), dict)

    def table(self, key: str, *, required: bool = False) -> Self | None:
        """An inner table, or None."""
        value = self.take(key, required=required)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.fault(key, "must be a table")
            return None
        return self._below(value, key)

    def tables(self, key: str) -> list[Self]:
        """A list of inner tables, written [[key]]."""
        value = self.take(key)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
            self.fault(key, self.rows_are.format(key=key))
            return []
        return [self._below(each, f"{key}[{index}]") for index, each in enumerate(value)]

    def _below(self, values: dict[str, Any], key: str) -> Self:
        inner = type(self)(values, input=self._input, path=f"{self._path}{key}.", faults=self._faults)
        self._inner.append(inner)
        return inner

    def _many(self, path: str, value: Any, longest: int) -> frozenset[str]:
        if value is None:
            return frozenset()
        if not isinstance(value, list):
            self.fault(path, "must be a list, written in [ ]")
            return frozenset()
        found = [self._text(f"{path}[{index}]", each, longest) for index, each in enumerate(value)]
        return frozenset(text for text in found if text)

    def _text(self, path: str, value: Any, longest: int) -> str:
        if value is None:
            return ""
        if not isinstance(value, str):
            self.fault(path, "must be text, written in quotes")
            return ""
        if not value.strip():
            self.fault(path, "is empty")
        elif len(value) > longest:
            self.fault(path, f"is longer than {longest:,} characters")
        return value.strip() if longest == _LONGEST_WORD else value


class TextTable(Table):
    """A table of a format in which moments are texts, as in JSON and YAML: RFC 3339, or a day."""

    rows_are: ClassVar = "must be a list of tables"

    def default(self, key: str, value: Any) -> None:
        """What holds where the key is not there."""
        self._left.setdefault(key, value)

    def holds(self, key: str) -> bool:
        """Whether there is a value under a key, other than null."""
        return self._left.get(key) is not None

    def take_list(self, key: str, *, required: bool = False) -> list[str]:
        """A list of short texts in its order; one that stands twice is noted."""
        value = self.take(key, required=required)
        if value is None:
            return []
        if not isinstance(value, list):
            self.fault(key, "must be a list, written in [ ]")
            return []
        found = [self._text(f"{key}[{index}]", each, _LONGEST_WORD) for index, each in enumerate(value)]
        if len(set(found)) < len(found):
            self.fault(key, "a name stands twice")
        return list(dict.fromkeys(found))

    def rows_or_names(self, key: str, named: str) -> list[Self]:
        """A list of inner tables; a text alone stands for a table with that text under `named`."""
        value = self._left.get(key)
        if isinstance(value, list):
            self._left[key] = [{named: each} if isinstance(each, str) else each for each in value]
        return self.tables(key)

    def table_or_empty(self, key: str) -> Self:
        """An inner table, or one without keys."""
        return self.table(key) or self._below({}, key)

    def instant(self, key: str, *, required: bool = False) -> int | None:
        """A moment in microseconds UTC, as `Table.instant`; what is no moment is noted there."""
        value = self._left.get(key)
        if isinstance(value, str):
            self._left[key] = _moment(value)
        return super().instant(key, required=required)


def _moment(text: str) -> date | str:
    """The text as a day or a moment; itself where it is neither, which its reader says."""
    try:
        return date.fromisoformat(text) if _DAY.fullmatch(text) else datetime.fromisoformat(text)
    except ValueError:
        return text
