"""What people write and hand over: labels, agreements, portions. A small file, or the bytes of a request."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from simpul.errors import InputFault, TooLarge

TEXT_LIMIT: Final = 4 << 20
"""Bytes of such a text, at most: 4 MiB."""

Written = Path | bytes
"""A file that is read here, or the text itself where it came in a request."""


def read_small(written: Written) -> bytes:
    """The bytes of such a text.

    Raises:
        InputFault: the file cannot be read.
        TooLarge: over `TEXT_LIMIT`.
    """
    data = written if isinstance(written, bytes) else _read(written)
    if len(data) > TEXT_LIMIT:
        raise TooLarge(f"it is larger than {TEXT_LIMIT} bytes", input=called(written))
    return data


def called(written: Written) -> str:
    """What messages call it: the file's name, or `the request`."""
    return "the request" if isinstance(written, bytes) else str(written)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(TEXT_LIMIT + 1)
    except OSError as fault:
        raise InputFault(f"the file cannot be read: {fault.strerror}", input=str(path)) from fault
