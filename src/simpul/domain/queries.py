"""The small search language of the CLI and the API, and who is asking.

Q = words and `type: id: value: from: since:` terms; all must hold.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from simpul.errors import InputFault

_STIX_ID = re.compile(r"[a-z][a-z0-9-]*--[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_UNITS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}


class Audience(Struct, frozen=True, kw_only=True):
    """What the asker may see, by label. The store applies it to every query, count, match and feed (design §6).

    Attributes:
        labels: hashes of labels that may be seen on whatever bears them; None stands for the home itself, whose own
            officers see what it holds.
        of: (label hash, originator) of labels that may be seen on what that party originated. What one may pass on
            is another question than what one may release of one's own under the same words.
    """

    labels: frozenset[bytes] | None
    of: frozenset[tuple[bytes, str]] = frozenset()


HOME = Audience(labels=None)
"""The officers of this node."""


class Query(Struct, frozen=True, kw_only=True):
    """A parsed Q: every stated term must hold. `since` is microseconds UTC against the time of arrival."""

    words: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    originators: tuple[str, ...] = ()
    since: int | None = None


EVERYTHING = Query()


def parse_query(text: str, *, now: int, party: Callable[[str], str]) -> Query:
    """Read Q.

    Args:
        text: words and terms, separated by white space; a term's value may be quoted. A bare word that is a whole
            STIX id means `id:`; quoted, it is a word.
        now: microseconds UTC, for `since:30d`.
        party: resolves the P of `from:P` to a fingerprint.

    Raises:
        InputFault: an unknown term or a `since:` that is neither an age nor a date.
    """
    found: dict[str, list[str]] = {"": [], "type": [], "id": [], "value": [], "from": [], "since": []}
    for name, quoted, bare in re.findall(r'(?:(\w+):(?!//))?(?:"([^"]*)"|(\S+))', text):
        if name not in found:
            raise InputFault(
                f"the search has no term '{name}:'",
                input="query",
                do="use type: id: value: from: since:, or quote the word",
            )
        term = "id" if not name and _STIX_ID.fullmatch(bare) else name
        found[term].append(quoted or bare)
    return Query(
        words=tuple(found[""]),
        types=tuple(found["type"]),
        ids=tuple(found["id"]),
        values=tuple(found["value"]),
        originators=tuple(party(p) for p in found["from"]),
        since=max((_since(s, now) for s in found["since"]), default=None),
    )


def _since(text: str, now: int) -> int:
    age = re.fullmatch(r"(\d{1,6})([mhdw])", text)
    if age:
        span = timedelta(seconds=int(age[1]) * _UNITS[age[2]])
        return now - span // timedelta(microseconds=1)
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise InputFault(
            f"'{text}' is neither an age nor a date",
            input="since",
            do="write 30d, 12h, or 2026-11-24",
        ) from None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return (when - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
