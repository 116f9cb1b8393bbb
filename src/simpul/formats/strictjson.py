"""JSON read strictly: what two readers could understand differently is a problem, named by its place.

Refused beyond the grammar of RFC 8259: a name twice in one object, a lone surrogate, nesting deeper than
`DEPTH_LIMIT`, an integer beyond ±(2^53-1), a number that a double cannot hold as written. `NaN` and `Infinity` are
outside the grammar already.

    decode(raw)      the value if nothing is wrong, else None: fast, for every object
    problems(raw)    everything wrong, with path and offset: slow, for what `decode` turned away
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any, Final

import msgspec
from msgspec import Struct

from simpul.domain.selectors import selector_of
from simpul.domain.stix_shapes import EXACT_INTEGER

DEPTH_LIMIT: Final = 64
"""Levels of objects and lists inside each other, the outermost counted."""

_MANY: Final = DEPTH_LIMIT // 2
"""With at most so many brackets of each sort, nesting cannot pass the limit."""
_PROBLEM_LIMIT: Final = 100
_TOKEN: Final = re.compile(
    rb"[ \t\n\r]*(?:"
    rb"(?P<mark>[{}\[\],:])"
    rb'|(?P<text>"[^"\\\x00-\x1f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*)*")'
    rb"|(?P<number>-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)(?![0-9A-Za-z.+-])"
    rb"|(?P<word>true|false|null)(?![0-9A-Za-z])"
    rb")"
)
_BLANK: Final = re.compile(rb"[ \t\n\r]*")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_DIGITS: Final = bytes(0x30 if chr(i) in "0123456789." else 0x20 for i in range(256))
_LONG_NUMBER: Final = b"0" * 16
_DECODER: Final = msgspec.json.Decoder()
_decode: Final = _DECODER.decode
_encode: Final = msgspec.json.Encoder().encode
_NOT_ZERO: Final = re.compile(r"[-0.]*[1-9]")
_BRACKETS: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[{\[]|[}\]]', re.DOTALL)


_UNREADABLE: Final = (msgspec.DecodeError, ValueError, RecursionError)
"""What msgspec raises: `ValueError` for bytes that are not UTF-8 and for integers of thousands of digits."""


class Problem(Struct, frozen=True, kw_only=True):
    """One thing wrong. `offset` counts bytes from the start of what was read; `syntax` says it is not JSON at all."""

    path: str
    text: str
    offset: int
    syntax: bool = False


def decode(raw: bytes) -> dict[str, Any] | None:
    """The object in `raw` if it is one and strict, else None (ask `problems` why)."""
    value = loose(raw)
    return value if value is not None and is_strict(raw, value) else None


def loose(raw: bytes) -> dict[str, Any] | None:
    """The object in `raw` by grammar alone, for `is_strict` to judge; None if it is no object."""
    try:
        value = _decode(raw)
    except _UNREADABLE:
        return None
    return value if value.__class__ is dict else None


def is_strict(raw: bytes, value: dict[str, Any], *, bounded: bool = False) -> bool:
    """Whether the bytes of an object are strict.

    The quick proof: if the value, written again, gives the same bytes, no name was there twice and no fraction
    changed. Otherwise names are counted against colons, and only what is still in doubt is read name by name.

    Args:
        bounded: whoever asks checks the size of every whole number and the depth by a table of his own.
    """
    if b'": ' in raw[:80] or _encode(value) != raw:
        return _plain(raw, value)
    if bounded:
        return True
    if raw.count(b"{") > _MANY or raw.count(b"[") > _MANY or _LONG_NUMBER in raw.translate(_DIGITS):
        survey = _Survey()
        survey.visit(value, 1)
        return not survey.odd or not problems(raw)
    return True


def scalar(raw: bytes) -> Any:
    """The value of a small JSON text, or None if it cannot be read."""
    try:
        return _decode(raw)
    except _UNREADABLE:
        return None


def is_syntax(raw: bytes | memoryview) -> bool:
    """Whether the bytes are JSON by grammar and UTF-8 (they may still have problems of meaning)."""
    try:
        _DECODER.decode(raw)
    except _UNREADABLE:
        return not any(problem.syntax for problem in problems(bytes(raw)))
    return True


def problems(raw: bytes) -> list[Problem]:
    """Everything wrong with one JSON text, in order; after a fault of syntax nothing more is read."""
    return _Reader(raw).read()


def too_deep(data: Any, limit: int) -> int | None:
    """Byte offset at which nesting first passes `limit`, or None. Takes anything with a buffer; needs no stack."""
    depth = 0
    for found in _BRACKETS.finditer(data):
        mark = found.group()[:1]
        if mark in b"{[":
            depth += 1
            if depth > limit:
                return found.start()
        elif mark in b"}]":
            depth -= 1
    return None


def _plain(raw: bytes, value: dict[str, Any]) -> bool:
    """Whether bytes that are not in msgspec's own spelling are strict all the same.

    With all blanks taken out, there are at least as many `":` as names were written; if there are exactly as many as
    the value has names, none was written twice.
    """
    survey = _Survey()
    survey.visit(value, 1)
    if survey.odd:
        return not problems(raw)
    return raw.translate(None, b" \n\t\r").count(b'":') == survey.names or _names_once(raw)


class _Survey:
    """Counts the names in a value and sees whether anything in it needs a closer look: depth, floats, big integers."""

    __slots__ = ("names", "odd")

    def __init__(self) -> None:
        self.names = 0
        self.odd = False

    def visit(self, value: Any, depth: int) -> None:
        if value.__class__ is dict:
            self.names += len(value)
            value = value.values()
        if depth > DEPTH_LIMIT:
            self.odd = True
            return
        for inner in value:
            kind = inner.__class__
            if kind is str:
                continue
            if kind is dict or kind is list:
                self.visit(inner, depth + 1)
            elif kind is float or (kind is int and not -EXACT_INTEGER <= inner <= EXACT_INTEGER):
                self.odd = True


def _names_once(raw: bytes) -> bool:
    try:
        json.loads(raw, object_pairs_hook=_all_different)
    except (ValueError, RecursionError):
        return False
    return True


def _all_different(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name stands twice")
    return made


def changes_value(token: str) -> str | None:
    """Why a JSON number does not survive reading, or None if it does."""
    if token.lstrip("-").isdigit():
        if abs(int(token[:400])) <= EXACT_INTEGER:
            return None
        return "the integer is beyond ±(2^53-1), so other programs would read another value"
    value = float(token)
    if value in (float("inf"), float("-inf")):
        return "the number is too large to be read"
    if _NOT_ZERO.match(token) is None if value == 0 else Decimal(token) == Decimal(repr(value)):
        return None
    return "the number has more digits than are kept, so its value would change"


class _Reader:
    """One pass over the tokens with an explicit stack, so that depth costs memory of ours and not the process's."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.at = 0
        self.found: list[Problem] = []
        self.path: list[str | int] = []
        self.names: list[set[str] | None] = []

    def read(self) -> list[Problem]:
        try:
            self.raw.decode("utf-8")
        except UnicodeDecodeError as error:
            self._add(f"not UTF-8: {error.reason}", error.start, syntax=True)
            return self.found
        expect = "value"
        while expect != "end" and not self._stopped():
            expect = self._step(expect)
        if not self._stopped():
            rest = _BLANK.match(self.raw, self.at)
            end = rest.end() if rest else self.at
            if end != len(self.raw):
                self._add("something follows the end of the JSON text", end, syntax=True)
        return self.found

    def _stopped(self) -> bool:
        return bool(self.found) and (self.found[-1].syntax or len(self.found) >= _PROBLEM_LIMIT)

    def _add(self, text: str, offset: int, *, syntax: bool = False) -> None:
        self.found.append(
            Problem(path=selector_of(tuple(self.path)), text=text, offset=offset, syntax=syntax)
        )

    def _step(self, expect: str) -> str:
        token = _TOKEN.match(self.raw, self.at)
        if token is None:
            self._unreadable()
            return "end"
        kind = token.lastgroup or ""
        start, text = token.start(kind), token.group(kind)
        self.at = token.end()
        if kind == "mark" and (expect, text) in _MOVES:
            return self._mark(text)
        if kind == "text" and expect in ("name", "first-name"):
            return self._name(text, start)
        if kind != "mark" and expect in ("value", "first-value"):
            return self._scalar(kind, text, start)
        self._add(f"{_EXPECTED[expect]} should stand here", start, syntax=True)
        return "end"

    def _unreadable(self) -> None:
        blank = _BLANK.match(self.raw, self.at)
        start = blank.end() if blank else self.at
        if start == len(self.raw):
            self._add("it ends in the middle", start, syntax=True)
            return
        word = re.compile(rb"[A-Za-z0-9_+.-]{1,20}|.", re.DOTALL).match(self.raw, start)
        shown = word.group().decode("utf-8", "replace") if word else ""
        if self.raw.startswith(b"\xef\xbb\xbf"):
            self._add("it begins with a byte order mark, which JSON does not allow", start, syntax=True)
        elif shown == '"':
            self._add(
                "a text that is not closed, or has a control character or a wrong escape in it",
                start,
                syntax=True,
            )
        else:
            self._add(f"{shown!r} is not JSON", start, syntax=True)

    def _mark(self, mark: bytes) -> str:
        if mark in b"{[":
            self.names.append(set() if mark == b"{" else None)
            if mark == b"[":
                self.path.append(0)
            if len(self.names) == DEPTH_LIMIT + 1:
                text = f"nested deeper than {DEPTH_LIMIT} levels"
                self.found.append(
                    Problem(path=selector_of(tuple(self.path[:1])), text=text, offset=self.at - 1)
                )
            return "first-name" if mark == b"{" else "first-value"
        if mark in b"}]":
            return self._after() if self._close(mark) else "end"
        if mark == b":":
            return "value"
        if self.names[-1] is None:
            last = self.path[-1]
            self.path[-1] = last + 1 if isinstance(last, int) else 0
            return "value"
        return "name"

    def _close(self, mark: bytes) -> bool:
        is_list = self.names[-1] is None
        if is_list != (mark == b"]"):
            self._add("brackets do not pair", self.at - 1, syntax=True)
            return False
        self.names.pop()
        if is_list:
            self.path.pop()
        return True

    def _after(self) -> str:
        """What follows a value that is now complete."""
        if not self.names:
            return "end"
        if self.names[-1] is None:
            return "next"
        self.path.pop()
        return "next"

    def _name(self, token: bytes, start: int) -> str:
        name = json.loads(token)
        names = self.names[-1]
        self.path.append(name.encode("utf-8", "replace").decode("utf-8"))
        self._check_text(name, start)
        if names is not None and name in names:
            self._add(f"the name '{self.path[-1]}' stands twice in one object", start)
        elif names is not None:
            names.add(name)
        return "colon"

    def _scalar(self, kind: str, token: bytes, start: int) -> str:
        if kind == "text":
            self._check_text(json.loads(token), start)
        elif kind == "number":
            why = changes_value(token.decode("ascii"))
            if why:
                self._add(why, start)
        return self._after()

    def _check_text(self, text: str, start: int) -> None:
        if _SURROGATE.search(text):
            self._add("half of a surrogate pair stands alone", start)


_EXPECTED: Final = {
    "value": "a value",
    "first-value": "a value or ']'",
    "name": "a name in quotes",
    "first-name": "a name in quotes or '}'",
    "colon": "':'",
    "next": "',' or the closing bracket",
}
_MOVES: Final = frozenset(
    {
        ("value", b"{"),
        ("value", b"["),
        ("first-value", b"{"),
        ("first-value", b"["),
        ("first-value", b"]"),
        ("first-name", b"}"),
        ("colon", b":"),
        ("next", b","),
        ("next", b"}"),
        ("next", b"]"),
    }
)
"""Which mark may stand where: the whole grammar of containers."""
