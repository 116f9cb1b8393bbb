"""STIX patterns (STIX 2.1 §9): parsed in full, so that a malformed one is named, and read for the values to match.

    parse_pattern("[ipv4-addr:value = '203.0.113.7' AND file:name IN ('a.exe', 'b.exe')]")
    -> three `Comparison`s: equality of an address and of two file names

Only what a single value decides is taken for matching: `=`, `IN` and `ISSUBSET` that are not negated. Whether the
whole expression holds (AND, FOLLOWEDBY, WITHIN …) is not evaluated here; a match says which value met which pattern.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

PATTERN_DEPTH: Final = 50
"""Parentheses inside each other, at most."""


class PatternFault(ValueError):
    """Why a text is not a STIX pattern, with the position (counted from 1)."""


class Comparison(Struct, frozen=True, kw_only=True, gc=False):
    """One comparison of a pattern: `type:path operator values`, with `group` counting the `[…]` it stands in."""

    type: str
    path: str
    operator: str
    values: tuple[str, ...]
    negated: bool = False
    group: int = 0


_NAME: Final = "[A-Za-z_][A-Za-z0-9_-]*"
_SIMPLE: Final = re.compile(rf"\[({_NAME}):({_NAME}(?:\.(?:{_NAME}|'[^'\\]*'))*) *= *'([^'\\]*)'\]")
"""What most indicators are, one comparison with a text, read at a glance."""
_TOKEN: Final = re.compile(
    r"\s*(?:"
    r"(?P<time>t'[^'\\]*')|(?P<binary>[hb]'[^'\\]*')|(?P<text>'(?:[^'\\]|\\['\\])*')"
    r"|(?P<number>[+-]?(?:\d+\.\d*|\.\d+|\d+)(?![\w]))"
    r"|(?P<path>[A-Za-z_][A-Za-z0-9_-]*:(?:'(?:[^'\\]|\\['\\])*'|[A-Za-z_][A-Za-z0-9_-]*)"
    r"(?:\.(?:'(?:[^'\\]|\\['\\])*'|[A-Za-z_][A-Za-z0-9_-]*)|\[(?:\d+|\*|-\d+)\])*)"
    r"|(?P<word>[A-Za-z]+)|(?P<mark>==|!=|<>|<=|>=|[=<>\[\](),])"
    r")"
)
_COMPARISONS: Final = frozenset({"=", "==", "!=", "<>", "<", ">", "<=", ">="})
_LITERALS: Final = frozenset({"text", "number", "time", "binary"})
_TIMESTAMP: Final = re.compile(r"t'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z'", re.ASCII)


def parse_pattern(pattern: str) -> list[Comparison]:
    """Every comparison in a pattern, in order.

    Raises:
        PatternFault: it is not a STIX pattern; says where and what should stand there.
    """
    simple = _SIMPLE.fullmatch(pattern)
    if simple is not None:
        kind, path, value = simple.groups()
        return [Comparison(type=kind, path=path.replace("'", ""), operator="=", values=(value,))]
    return _Parser(pattern).parse()


class _Parser:
    """Recursive descent over the grammar of STIX 2.1 §9.2; keywords are taken in upper case only, as there."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0
        self.start = 0
        self.kind = ""
        self.token = ""
        self.depth = 0
        self.group = 0
        self.found: list[Comparison] = []
        self._next()

    def parse(self) -> list[Comparison]:
        self._observations()
        if self.kind:
            raise self._fault("an operator, a qualifier or the end")
        return self.found

    def _next(self) -> None:
        match = _TOKEN.match(self.pattern, self.at)
        if match is None:
            rest = self.pattern[self.at :].lstrip()
            self.start = len(self.pattern) - len(rest)
            if rest:
                raise PatternFault(f"at character {self.start + 1}: '{rest[:20]}' cannot be read")
            self.kind = self.token = ""
            return
        self.kind = match.lastgroup or ""
        self.token = match.group(self.kind)
        self.start = match.start(self.kind)
        self.at = match.end()

    def _fault(self, wanted: str) -> PatternFault:
        shown = f"not '{self.token[:20]}'" if self.kind else "but it ends"
        return PatternFault(f"at character {self.start + 1}: {wanted} should stand here, {shown}")

    def _take(self, *tokens: str) -> bool:
        if self.token in tokens and self.kind in ("word", "mark"):
            self._next()
            return True
        return False

    def _need(self, token: str) -> None:
        if not self._take(token):
            raise self._fault(f"'{token}'")

    def _enter(self) -> None:
        self.depth += 1
        if self.depth > PATTERN_DEPTH:
            raise PatternFault(
                f"at character {self.start + 1}: more than {PATTERN_DEPTH} parentheses inside each other"
            )

    def _observations(self) -> None:
        self._observation()
        while self._take("AND", "OR", "FOLLOWEDBY"):
            self._observation()

    def _observation(self) -> None:
        if self._take("("):
            self._enter()
            self._observations()
            self._need(")")
            self.depth -= 1
        else:
            self._need("[")
            self._comparisons()
            self._need("]")
            self.group += 1
        while self._qualifier():
            pass

    def _qualifier(self) -> bool:
        if self._take("WITHIN"):
            self._number()
            self._need("SECONDS")
        elif self._take("REPEATS"):
            self._number()
            self._need("TIMES")
        elif self._take("START"):
            self._time()
            self._need("STOP")
            self._time()
        else:
            return False
        return True

    def _number(self) -> None:
        if self.kind != "number":
            raise self._fault("a number")
        self._next()

    def _time(self) -> None:
        if self.kind != "time" or _TIMESTAMP.fullmatch(self.token) is None:
            raise self._fault("a time such as t'2026-01-31T12:00:00Z'")
        self._next()

    def _comparisons(self) -> None:
        self._comparison()
        while self._take("AND", "OR"):
            self._comparison()

    def _comparison(self) -> None:
        if self._take("("):
            self._enter()
            self._comparisons()
            self._need(")")
            self.depth -= 1
            return
        negated = self._take("NOT")
        if self._take("EXISTS"):
            kind, path = self._path()
            self.found.append(
                Comparison(
                    type=kind, path=path, operator="EXISTS", values=(), negated=negated, group=self.group
                )
            )
            return
        if negated:
            raise self._fault("'EXISTS'")
        kind, path = self._path()
        negated = self._take("NOT")
        operator, values = self._operator()
        self.found.append(
            Comparison(
                type=kind,
                path=path,
                operator=operator,
                values=values,
                negated=negated or operator in ("!=", "<>"),
                group=self.group,
            )
        )

    def _path(self) -> tuple[str, str]:
        if self.kind != "path":
            raise self._fault("an object path such as ipv4-addr:value")
        kind, _, path = self.token.partition(":")
        self._next()
        return kind, path.replace("'", "") if "\\" not in path else path

    def _operator(self) -> tuple[str, tuple[str, ...]]:
        operator = self.token
        if self._take("IN"):
            return "IN", self._set()
        if self._take("LIKE", "MATCHES", "ISSUBSET", "ISSUPERSET"):
            if self.kind != "text":
                raise self._fault("a text in quotes")
            return operator, (self._literal(),)
        if self.kind == "mark" and operator in _COMPARISONS:
            self._next()
            return "=" if operator == "==" else operator, (self._literal(),)
        raise self._fault("a comparison operator")

    def _set(self) -> tuple[str, ...]:
        self._need("(")
        if self._take(")"):
            return ()
        values = [self._literal()]
        while self._take(","):
            values.append(self._literal())
        self._need(")")
        return tuple(values)

    def _literal(self) -> str:
        if self.kind not in _LITERALS and self.token not in ("true", "false"):
            raise self._fault("a value")
        token, kind = self.token, self.kind
        if kind == "time" and _TIMESTAMP.fullmatch(token) is None:
            raise self._fault("a time such as t'2026-01-31T12:00:00Z'")
        self._next()
        if kind == "text":
            return token[1:-1].replace("\\'", "'").replace("\\\\", "\\")
        return token[2:-1] if kind in ("time", "binary") else token
