"""What a command prints, and where.

Standard output carries the result: with `--json` exactly one JSON document, otherwise tables and lines for a person.
Standard error carries everything else: progress, notes, the sentences of errors. A person's rendering shows control
and direction-changing characters as escapes, since names and titles come from partners; JSON escapes what JSON must.
"""

from __future__ import annotations

import json as json_library
import sys
import time
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import PurePath
from typing import Any, Final, NoReturn

import click

from simpul.errors import Ambiguous, SimpulError

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

PROGRESS_SECONDS: Final = 0.5
"""The least time between two progress lines of one piece of work."""


def instant(microseconds: int) -> str:
    """A time as people and documents write it: RFC 3339, UTC, milliseconds.

    Args:
        microseconds: since 1970-01-01T00:00:00Z.
    """
    moment = _EPOCH + timedelta(microseconds=microseconds)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def plain(value: Any) -> Any:
    """The value in JSON's own types: bytes become lower-case hex, structs become objects, paths become text."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, Iterable):
        return [plain(one) for one in value]
    return plain({name: getattr(value, name) for name in value.__struct_fields__})


def printable(text: str) -> str:
    """The text with every character that could steer a terminal or reverse its reading shown as an escape."""
    return "".join(
        character
        if character in "\n\t" or unicodedata.category(character) not in ("Cc", "Cf", "Cs")
        else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


class Output:
    """Prints the result of one command. At most one document is printed.

    Args:
        json: whether standard output must hold one JSON document.
    """

    def __init__(self, *, json: bool) -> None:
        self.json = json

    def document(self, data: Any, human: Callable[[], Iterable[str]] | None = None) -> None:
        """Prints the command's one document.

        Args:
            data: what `--json` prints, see `plain`.
            human: the lines for a person; without it the document is shown as names and tables.
        """
        value = plain(data)
        if self.json:
            _write(_encode(value))
        else:
            for line in _lines(value) if human is None else human():
                _write(printable(line))

    def finish(self, data: Any, human: Callable[[], Iterable[str]] | None = None, *, ok: bool) -> None:
        """Prints the document, and ends with exit 1 if not `ok`. The document stands alone in both cases."""
        self.document(data, human)
        if not ok:
            raise click.exceptions.Exit(1)

    def line(self, data: Any) -> None:
        """Prints one compact JSON line at once, with or without `--json`; for what another program waits for."""
        _write(_encode(plain(data)))
        sys.stdout.flush()

    def raw(self, data: bytes) -> None:
        """Writes bytes to standard output as they are."""
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    def note(self, text: str) -> None:
        """One sentence for a person, on standard error."""
        sys.stderr.write(printable(text) + "\n")

    def progress(self, text: str) -> None:
        """What is being done now, on standard error, at once."""
        self.note(text)
        sys.stderr.flush()

    def counting(self, what: str, total: int | None = None) -> Callable[[int], None]:
        """A function that takes the count reached and shows it, at most every `PROGRESS_SECONDS`."""
        shown = time.monotonic()

        def reached(count: int) -> None:
            nonlocal shown
            if time.monotonic() - shown >= PROGRESS_SECONDS:
                shown = time.monotonic()
                self.progress(f"{what}: {count}" + ("" if total is None else f" of {total}"))

        return reached

    def failure(self, error: SimpulError) -> None:
        """The error: with `--json` its document on standard output, otherwise sentences on standard error."""
        document: dict[str, Any] = dict(error.document())
        candidates = error.candidates if isinstance(error, Ambiguous) else ()
        if self.json:
            if candidates:
                document["candidates"] = list(candidates)
            _write(_encode(document))
            return
        place = ", ".join(part for part in (error.input, error.where) if part)
        self.note(f"simpul: {error.message}" + (f" ({place})" if place else ""))
        for candidate in candidates:
            self.note(f"  {candidate}")
        if error.do:
            self.note(f"  What to do: {error.do}.")


def table(headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    """Lines of a table. On a terminal cells wrap to its width; elsewhere each row is one line."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for heading in headings:
        drawn.add_column(Text(heading), overflow="fold", no_wrap=not sys.stdout.isatty())
    for row in rows:
        drawn.add_row(*(Text(printable(_cell(cell))) for cell in row))
    console = Console(width=None if sys.stdout.isatty() else 1 << 14, color_system=None)
    with console.capture() as capture:
        console.print(drawn)
    return [line.rstrip() for line in capture.get().splitlines()]


def _lines(value: Any) -> list[str]:
    """A document for a person: scalars as names and values, lists of objects as tables."""
    if isinstance(value, list):
        return _rows(value)
    if not isinstance(value, dict):
        return [_cell(value)]
    flat = {name: one for name, one in value.items() if not _nested(one)}
    width = max((len(name) for name in flat), default=0)
    lines = [f"{name.ljust(width)}  {_cell(one)}".rstrip() for name, one in flat.items()]
    for name, one in value.items():
        if _nested(one):
            lines += [f"{name}:", *(f"  {line}" for line in _lines(one))]
    return lines


def _rows(rows: list[Any]) -> list[str]:
    if not rows or not all(isinstance(row, dict) for row in rows):
        return [_cell(row) for row in rows]
    names = list(dict.fromkeys(name for row in rows for name in row))
    return table(names, ([row.get(name) for name in names] for row in rows))


def _nested(value: Any) -> bool:
    return isinstance(value, dict) or (
        isinstance(value, list) and any(isinstance(one, dict) for one in value)
    )


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_cell(one) for one in value) or "-"
    if isinstance(value, dict):
        return _encode(value) if value else "-"
    return str(value)


def _encode(value: Any) -> str:
    return json_library.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _write(text: str) -> None:
    """One line to standard output. A lone surrogate from the command line becomes an escape, which JSON allows."""
    sys.stdout.write(text.encode("utf-8", "backslashreplace").decode() + "\n")


def leave(code: int) -> NoReturn:
    """Ends the program with everything written."""
    sys.stdout.flush()
    raise SystemExit(code)
