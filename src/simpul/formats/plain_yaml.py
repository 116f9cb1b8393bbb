"""YAML read plainly: tables, lists, texts, numbers, true, false and null; one document, nothing hidden.

Refused beyond YAML's own grammar is what two readers could understand differently or what hides more than it shows: a
key twice in one table, a key that is no text, anchors and aliases, tags, several documents. A plain word is a number,
`true`, `false` or `null` as JSON writes them, else a text: `no` is the country and `2027-01-01` is a text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import yaml

from simpul.errors import SyntaxFault, TooLarge

YAML_LIMIT: Final = 1 << 20
"""Bytes of one file, at most: 1 MiB."""

DEPTH_LIMIT: Final = 32
"""Tables and lists inside each other."""

_WHOLE: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,15})", re.ASCII)
_BROKEN: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,15})\.[0-9]{1,15}", re.ASCII)
_WORDS: Final[dict[str, bool | None]] = {"true": True, "false": False, "null": None, "~": None, "": None}
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(data: bytes, *, input: str) -> Any:
    """The one value of a YAML document.

    Raises:
        TooLarge: over `YAML_LIMIT`.
        SyntaxFault: not UTF-8, not YAML, or one of the things above; names the line.
    """
    if len(data) > YAML_LIMIT:
        raise TooLarge(f"the file is larger than {YAML_LIMIT} bytes", input=input)
    try:
        return _Reader(input).value(yaml.parse(data.decode("utf-8-sig"), Loader=_LOADER))
    except UnicodeDecodeError as error:
        raise SyntaxFault("the file is not UTF-8 text", input=input, where=f"byte {error.start}") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise SyntaxFault(
            f"the file is not YAML: {getattr(error, 'problem', None) or 'a character that YAML does not allow'}",
            input=input,
            where=None if mark is None else f"line {mark.line + 1}",
        ) from error


class _Reader:
    """Builds the value from the parser's events, without recursion."""

    def __init__(self, input: str) -> None:
        self._input = input
        self._open: list[dict[str, Any] | list[Any]] = []
        self._keys: list[str | None] = []
        self._documents: list[Any] = []

    def value(self, events: Iterator[Any]) -> Any:
        for event in events:
            self._check(event)
            if isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
                self._begin(event)
            elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                self._keys.pop()
                self._open.pop()
            elif isinstance(event, yaml.ScalarEvent):
                self._add(_scalar(event), event)
        return self._documents[0] if self._documents else None

    def _check(self, event: Any) -> None:
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise self._fault("anchors and aliases (& and *) are not read here: write the value out", event)
        if isinstance(event, yaml.NodeEvent) and getattr(event, "tag", None) is not None:
            raise self._fault("tags (!) are not read here", event)
        if isinstance(event, yaml.DocumentStartEvent) and self._documents:
            raise self._fault("the file holds several documents", event)

    def _begin(self, event: Any) -> None:
        if len(self._open) == DEPTH_LIMIT:
            raise self._fault(f"more than {DEPTH_LIMIT} tables and lists stand inside each other", event)
        inner: dict[str, Any] | list[Any] = {} if isinstance(event, yaml.MappingStartEvent) else []
        self._add(inner, event)
        self._open.append(inner)
        self._keys.append(None)

    def _add(self, value: Any, event: Any) -> None:
        if not self._open:
            self._documents.append(value)
            return
        parent = self._open[-1]
        if isinstance(parent, list):
            parent.append(value)
        elif self._keys[-1] is None:
            self._keys[-1] = self._key(value, parent, event)
        else:
            parent[self._keys[-1]] = value
            self._keys[-1] = None

    def _key(self, value: Any, parent: dict[str, Any], event: Any) -> str:
        if not isinstance(value, str):
            raise self._fault("a key is no text: write it in quotes", event)
        if value in parent:
            raise self._fault(f"the key '{value}' stands twice in one table", event)
        return value

    def _fault(self, problem: str, event: Any) -> SyntaxFault:
        return SyntaxFault(problem, input=self._input, where=f"line {event.start_mark.line + 1}")


def _scalar(event: Any) -> Any:
    text: str = event.value
    if event.style:  # quoted, or a block of text
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _WHOLE.fullmatch(text):
        return int(text)
    return float(text) if _BROKEN.fullmatch(text) else text
