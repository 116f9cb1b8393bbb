"""The small text files that people write: labels, agreements, portions."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from simpul.errors import InputFault, TooLarge

TEXT_LIMIT: Final = 4 << 20
"""Bytes of such a file, at most: 4 MiB."""


def read_small(path: Path) -> bytes:
    """The bytes of such a file.

    Raises:
        InputFault: it cannot be read.
        TooLarge: over `TEXT_LIMIT`.
    """
    try:
        with path.open("rb") as file:
            data = file.read(TEXT_LIMIT + 1)
    except OSError as fault:
        raise InputFault(f"the file cannot be read: {fault.strerror}", input=str(path)) from fault
    if len(data) > TEXT_LIMIT:
        raise TooLarge(f"the file is larger than {TEXT_LIMIT} bytes", input=str(path))
    return data
