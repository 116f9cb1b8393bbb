"""Observations meet indicators of other parties, by indexed lookups of values; each match keeps its reason.

Both directions: what is observed here is looked up among the indicators that partners released to this node, and an
indicator that arrives is looked up among what was observed here. Observed are observables, observed-data, and what a
sighting says was seen.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from msgspec.structs import replace

from simpul.analysis.matching import Hit, keys_of, matches
from simpul.domain.mail import MatchRow
from simpul.domain.objects import Marked, Object, ObjectKey, Value
from simpul.domain.observables import covered_keys
from simpul.domain.queries import HOME
from simpul.domain.stix_observables import OBSERVABLES, OBSERVED_DATA, SIGHTING
from simpul.formats.stix import object_of
from simpul.ports import StoredHead, Unit, ValueHit
from simpul.services.node import Node

INDICATOR: Final = "indicator"

OBSERVED: Final = frozenset({*OBSERVABLES, OBSERVED_DATA})
"""Types whose own values were observed."""

FOREIGN_INDICATORS: Final = "foreign-indicators"
"""Counter of indicators admitted from partners: while it is zero, observing needs no lookup."""


def match_new(unit: Unit, node: Node, marked: Sequence[Marked]) -> list[MatchRow]:
    """Match what was just stored, inside the transaction that stored it; returns the matches."""
    if marked and marked[0].originator != node.party:
        found = _indicators_arrived(unit, node, marked)
    elif unit.directory.counters().get(FOREIGN_INDICATORS):
        found = _observed(unit, node, [m.object for m in marked])
    else:
        return []
    unit.mail.add_matches(found)
    return found


def sighted(unit: Unit, node: Node, sighting: str, target: str) -> list[MatchRow]:
    """The matches that a sighting of a stored object means; nothing is stored.

    What is a partner's indicator was seen as such: with its own values, or its id where it has none. What is this
    node's own was seen with its values, which may meet partners' indicators.
    """
    found: list[MatchRow] = []
    for originator, newest in _newest(unit, target).items():
        values = _values(unit, newest)
        if originator == node.party:
            found += observe(unit, node, values, sighting)
        elif newest.type == INDICATOR:
            found += [
                _match(node, value, newest.key, sighting, f"{sighting} is a sighting of {INDICATOR} {target}")
                for value in values or (Value(kind=INDICATOR, key=target),)
            ]
    return found


def observe(unit: Unit, node: Node, values: Sequence[Value], observation: str) -> list[MatchRow]:
    """The matches of values seen here with partners' indicators; nothing is stored."""
    hits = unit.objects.hits(HOME, keys_of(values))
    foreign = [_hit(h) for h in hits if h.type == INDICATOR and h.object.originator != node.party]
    return [_match(node, m.observed, m.hit.object, observation, m.reason) for m in matches(values, foreign)]


def _match(node: Node, value: Value, indicator: ObjectKey, observation: str, reason: str) -> MatchRow:
    return MatchRow(
        kind=value.kind,
        value=value.key,
        at=node.party,
        source=indicator.originator,
        indicator=indicator.id,
        observation=observation,
        reason=reason,
        found=node.clock(),
    )


# What is observed here.


def _observed(unit: Unit, node: Node, objects: Sequence[Object]) -> list[MatchRow]:
    """Look what this node observed up among partners' indicators."""
    alone = [
        row for each in objects if each.type in OBSERVED for row in observe(unit, node, each.values, each.id)
    ]
    found = _named(unit, node, alone)
    here = {each.id for each in objects}
    for each in objects:
        if each.type == OBSERVED_DATA:
            found += _taken_up(unit, node, each, [id for id in each.seen if id not in here])
        elif each.type == SIGHTING:
            found += sighted(unit, node, each.id, each.seen[0])
    return found


def _named(unit: Unit, node: Node, rows: list[MatchRow]) -> list[MatchRow]:
    """The same matches under the observed-data that tells of each observable, where there is one.

    An observable has no time and no place of its own: when and how often it was seen stands in the observed-data.
    """
    told: dict[str, list[str]] = defaultdict(list)
    if rows:
        for id, head in unit.objects.observations(HOME, sorted({row.observation for row in rows})):
            if head.type == OBSERVED_DATA and head.key.originator == node.party:
                told[id].append(head.key.id)
    unit.mail.name_observations([(id, names[0]) for id, names in told.items()])
    return [
        replace(row, observation=name)
        for row in rows
        for name in dict.fromkeys(told.get(row.observation, (row.observation,)))
    ]


def _taken_up(unit: Unit, node: Node, observation: Object, earlier: Sequence[str]) -> list[MatchRow]:
    """The matches of observables that were stored before the observed-data that tells of them."""
    found: list[MatchRow] = []
    for id in earlier:
        own = _newest(unit, id).get(node.party)
        if own is not None and own.type in OBSERVABLES:
            rows = observe(unit, node, _values(unit, own), observation.id)
            if rows:
                unit.mail.name_observations([(id, observation.id)])
            found += rows
    return found


def _newest(unit: Unit, id: str) -> dict[str, StoredHead]:
    """The newest version that each originator has of an id."""
    return {head.key.originator: head for head in reversed(unit.objects.find(HOME, id))}


def _values(unit: Unit, head: StoredHead) -> tuple[Value, ...]:
    return object_of(unit.objects.raw(HOME, head.key)).values


# What partners say.


def _indicators_arrived(unit: Unit, node: Node, marked: Iterable[Marked]) -> list[MatchRow]:
    """Look partners' new indicators up among what this node observed.

    A network too large to list address by address is met when the next address in it is observed.
    """
    indicators = [m.object for m in marked if m.object.type == INDICATOR]
    if not indicators:
        return []
    unit.directory.count(FOREIGN_INDICATORS, len(indicators))
    wanted = sorted(
        {key for i in indicators for v in i.values for key in (covered_keys(v.kind, v.key) or ())}
    )
    equal = [h for h in unit.objects.hits(HOME, wanted) if h.object.originator == node.party]
    below = [h for h in unit.objects.covered(HOME, wanted) if h.object.originator == node.party]
    alone = [
        row
        for h in equal
        if h.type in OBSERVED
        for row in observe(unit, node, [Value(kind=h.kind, key=h.key)], h.object.id)
    ]
    for key in dict.fromkeys(h.object for h in below):
        alone += observe(unit, node, object_of(unit.objects.raw(HOME, key)).values, key.id)
    found = _named(unit, node, alone)
    perhaps_sighted = {i.id for i in indicators} | {h.object.id for h in equal if h.type not in OBSERVED}
    for id, head in unit.objects.observations(HOME, sorted(perhaps_sighted)):
        if head.type == SIGHTING and head.key.originator == node.party:
            found += sighted(unit, node, head.key.id, id)
    return found


def _hit(row: ValueHit) -> Hit:
    return Hit(
        kind=row.kind, key=row.key, object=row.object, type=row.type, portion=row.portion, label=row.label
    )
