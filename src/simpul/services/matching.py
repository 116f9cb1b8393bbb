"""Observations meet indicators of other parties, by indexed lookups of values; each match keeps its reason.

Both directions: what is observed here is looked up among the indicators that partners released to this node, and an
indicator that arrives is looked up among what was observed here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from simpul.analysis.matching import Hit, keys_of, matches
from simpul.domain.mail import MatchRow
from simpul.domain.objects import Marked, Value
from simpul.domain.observables import covered_keys
from simpul.domain.queries import HOME
from simpul.domain.stix_observables import OBSERVABLES
from simpul.ports import Unit, ValueHit
from simpul.services.node import Node

INDICATOR: Final = "indicator"

FOREIGN_INDICATORS: Final = "foreign-indicators"
"""Counter of indicators admitted from partners: while it is zero, observing needs no lookup."""


def match_new(unit: Unit, node: Node, marked: Sequence[Marked]) -> list[MatchRow]:
    """Match what was just stored, inside the transaction that stored it; returns what is new."""
    if marked and marked[0].originator != node.party:
        return _indicators_arrived(unit, node, marked)
    if not unit.directory.counters().get(FOREIGN_INDICATORS):
        return []
    found: list[MatchRow] = []
    for each in marked:
        if each.object.type in OBSERVABLES and each.object.values:
            found += observe(unit, node, each.object.values, each.object.id)
    unit.mail.add_matches(found)
    return found


def observe(unit: Unit, node: Node, values: Sequence[Value], observation: str) -> list[MatchRow]:
    """The matches of values seen here with partners' indicators; nothing is stored."""
    hits = unit.objects.hits(HOME, keys_of(values))
    foreign = [_hit(h) for h in hits if h.type == INDICATOR and h.object.originator != node.party]
    return [
        MatchRow(
            kind=m.observed.kind,
            value=m.observed.key,
            at=node.party,
            source=m.hit.object.originator,
            indicator=m.hit.object.id,
            observation=observation,
            reason=m.reason,
            found=node.clock(),
        )
        for m in matches(values, foreign)
    ]


def _indicators_arrived(unit: Unit, node: Node, marked: Iterable[Marked]) -> list[MatchRow]:
    """Look partners' new indicators up among what this node observed.

    A network too large to list address by address is met when the next address in it is observed.
    """
    indicators = [m for m in marked if m.object.type == INDICATOR]
    if indicators:
        unit.directory.count(FOREIGN_INDICATORS, len(indicators))
    wanted = {key for m in indicators for v in m.object.values for key in (covered_keys(v.kind, v.key) or ())}
    seen = [
        h
        for h in unit.objects.hits(HOME, sorted(wanted))
        if h.type in OBSERVABLES and h.object.originator == node.party
    ]
    found = [row for h in seen for row in observe(unit, node, [Value(kind=h.kind, key=h.key)], h.object.id)]
    unit.mail.add_matches(found)
    return found


def _hit(row: ValueHit) -> Hit:
    return Hit(
        kind=row.kind, key=row.key, object=row.object, type=row.type, portion=row.portion, label=row.label
    )
