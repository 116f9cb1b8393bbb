"""Sightings and observations meet indicators: pure comparison of value keys, with the reason in words.

The store answers an indexed equality lookup of `keys_of(observation)`; `matches` says which hits are matches:

    keys = keys_of(observed.values)            # 203.0.113.7 -> itself and each network that contains it
    hits = store.values(keys, …)               # one row a stored value, filtered by label
    for match in matches(observed.values, hits): match.reason
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct

from simpul.domain.objects import ObjectKey, Value
from simpul.domain.observables import ANY_COUNTRY, describe, search_keys

_VERBS: Final = {
    "ipv4-net": "lies in",
    "ipv6-net": "lies in",
    "domain": "lies under",
}


class Hit(Struct, frozen=True, kw_only=True):
    """One row of the value index that a lookup brought: the indicator's value, where it stands and its label."""

    kind: str
    key: str
    object: ObjectKey
    type: str
    portion: int
    label: bytes


class Match(Struct, frozen=True, kw_only=True):
    """An observed value that meets a stored one.

    Attributes:
        observed: the value seen.
        hit: the row it meets.
        exact: whether both are the same value (otherwise the hit's value covers the observed one).
        reason: one sentence for a person: "203.0.113.7 lies in 203.0.113.0/24, indicator indicator--…".
    """

    observed: Value
    hit: Hit
    exact: bool
    reason: str


def keys_of(values: Iterable[Value]) -> list[tuple[str, str]]:
    """Every (kind, key) to look up for these observed values, without repeats, in order."""
    return list(
        dict.fromkeys(pair for value in _meant(values) for pair in search_keys(value.kind, value.key))
    )


def matches(values: Sequence[Value], hits: Iterable[Hit]) -> list[Match]:
    """The hits that the observed values meet, exact ones first, then by key; each (value, object, key) once."""
    rows: dict[tuple[str, str], list[Hit]] = {}
    for hit in hits:
        rows.setdefault((hit.kind, hit.key), []).append(hit)
    found: dict[tuple[str, str, str, ObjectKey], Match] = {}
    for value in _meant(values):
        for kind, key in search_keys(value.kind, value.key):
            for hit in rows.get((kind, key), ()):
                made = _match(value, hit)
                found.setdefault((value.key, kind, key, hit.object), made)
    return sorted(found.values(), key=_order)


def _meant(values: Iterable[Value]) -> list[Value]:
    """The values without bare passport numbers whose country is known: the number alone is another passport."""
    listed = list(values)
    issued = {
        value.key.rpartition(":")[2]
        for value in listed
        if value.kind == "passport" and value.key.partition(":")[0] not in (ANY_COUNTRY, value.key)
    }
    return [value for value in listed if value.kind != "passport" or value.key not in issued]


def _match(value: Value, hit: Hit) -> Match:
    exact = (value.kind, value.key) == (hit.kind, hit.key)
    where = f"{hit.type} {hit.object.id}"
    if exact:
        reason = f"{describe(value.kind)} {value.key} stands in {where}"
    else:
        reason = f"{value.key} {_verb(value, hit)} {hit.key}, {where}"
    return Match(observed=value, hit=hit, exact=exact, reason=reason)


def _verb(value: Value, hit: Hit) -> str:
    if value.kind in ("url", "email") and hit.kind in ("domain", "ipv4", "ipv6"):
        host = value.key.partition("://")[2].partition("/")[0] if value.kind == "url" else value.key
        return "is at" if hit.key in host else "is at an address in"
    if value.kind == "passport":
        return "may be the passport"
    if value.kind == "ipv6" and hit.kind == "ipv4":
        return "is the IPv6 form of"
    return _VERBS.get(hit.kind, "is covered by")


def _order(match: Match) -> tuple[bool, str, str, ObjectKey]:
    return not match.exact, match.observed.key, match.hit.key, match.hit.object
