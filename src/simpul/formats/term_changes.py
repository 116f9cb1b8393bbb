"""What differs between two texts of an agreement, clause by clause, in the words of an agreement file.

A clause is a key of the file; a row of the equivalence table is one by itself, named by its level and the scheme that it
leads to, and so is a reservation, named by its party and what it is about.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any, Final

from msgspec import Struct

from simpul.domain.agreements import Agreement
from simpul.formats.terms import Name, agreement_values, reservation_values, row_values

Value = Any
"""A value of a file as JSON has it: moments are texts, RFC 3339; None is "not stated"."""

_OF_THE_TEXT: Final = frozenset({"version", "replaces"})
"""Keys that differ between any two texts."""


class Change(Struct, frozen=True, kw_only=True):
    """One clause that differs: before and after, None where it is not stated."""

    clause: str
    before: Value
    after: Value


def changes(before: Agreement, after: Agreement, *, name_of: Name = str) -> list[Change]:
    """Every clause that differs, in the order of a file: first those of the older text, then what is new.

    Args:
        before, after: the two texts.
        name_of: the name of a party by its fingerprint.
    """
    old, new = _clauses(before, name_of), _clauses(after, name_of)
    return [
        Change(clause=clause, before=old.get(clause), after=new.get(clause))
        for clause in dict.fromkeys([*old, *new])
        if old.get(clause) != new.get(clause)
    ]


def _clauses(terms: Agreement, name_of: Name) -> dict[str, Value]:
    head = {key: value for key, value in agreement_values(terms, name_of).items() if key not in _OF_THE_TEXT}
    rows = [
        (f"equivalence {row.given.scheme} {row.given.level} to {row.becomes.scheme}", row_values(row))
        for row in terms.equivalences
    ]
    kept_out = [
        (f"reservation {name_of(made.party)} {made.clause}".rstrip(), reservation_values(made, name_of))
        for made in terms.reservations
    ]
    return {key: _plain(value) for key, value in [*head.items(), *_numbered([*rows, *kept_out])]}


def _numbered(named: list[tuple[str, dict[str, Value]]]) -> list[tuple[str, dict[str, Value]]]:
    """Names made unique: the second row of one name, which has other dates, is `… (2)`."""
    seen: Counter[str] = Counter()
    found = []
    for name, values in named:
        seen[name] += 1
        found.append((name if seen[name] == 1 else f"{name} ({seen[name]})", values))
    return found


def _plain(value: Value) -> Value:
    if isinstance(value, dict):
        stated = {key: _plain(each) for key, each in value.items()}
        return {key: each for key, each in stated.items() if each is not None} or None
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value
