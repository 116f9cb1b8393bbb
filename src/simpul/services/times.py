"""Times as people and JSON documents see them: RFC 3339 in UTC; inside they are microseconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from simpul.domain.objects import NO_VERSION
from simpul.errors import InputFault

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
SECOND: Final = 1_000_000
HOUR: Final = 3_600 * SECOND
DAY: Final = 24 * HOUR

SKEW: Final = "skew:"
"""Setting for each party: in words, how far it is ahead; empty since a message of it was not held."""


def rfc3339(at: int) -> str:
    """Microseconds UTC as text, with milliseconds, or microseconds where there are any."""
    text = (EPOCH + timedelta(microseconds=at)).replace(tzinfo=None).isoformat(timespec="microseconds")
    return text.removesuffix("000") + "Z"


def version_text(version: int) -> str | None:
    """An object's version as text, or None where it has none."""
    return None if version == NO_VERSION else rfc3339(version)


def microseconds(text: str, *, input: str) -> int:
    """Text as microseconds UTC; digits below a microsecond are dropped.

    Raises:
        InputFault: not a time, or without a time zone.
    """
    try:
        when = datetime.fromisoformat(text)
        if when.tzinfo is None:
            raise ValueError
    except ValueError:
        raise InputFault(
            f"'{text}' is not a time", input=input, do="write it as 2026-11-24T10:00:00Z"
        ) from None
    return (when - EPOCH) // timedelta(microseconds=1)
