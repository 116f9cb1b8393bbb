"""What was seen here: recorded as STIX, matched with what partners released, and told to those whose indicators it meets.

A value becomes an observable and an observed-data of this node; each match a sighting that refers to the partner's
indicator. The partner gets its sightings together with what they refer to, and nothing else.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from simpul.domain.labels import NO_ONWARD, NOBODY, Label, Tlp, view_for
from simpul.domain.mail import MatchRow
from simpul.domain.objects import Marked, Object, Value
from simpul.domain.observables import classify
from simpul.errors import InputFault, PolicyRefusal
from simpul.formats.sightings import observable
from simpul.formats.stix import object_of
from simpul.ports import Unit
from simpul.protocol.labels import to_wire
from simpul.protocol.payloads import SightingReport
from simpul.services.agreeing import InForce, in_force
from simpul.services.answering import answer_label, send_report
from simpul.services.auditing import record
from simpul.services.enrolling import Signer
from simpul.services.matching import observe, sighted
from simpul.services.node import Node
from simpul.services.querying import heads_of
from simpul.services.times import microseconds, rfc3339


class Seen(Struct, frozen=True, kw_only=True):
    """What came of it: ids of the sightings (or of the observed-data, if nothing matched), matches, who was told."""

    ids: list[str]
    matches: list[MatchRow]
    sent: list[str]


def sight(node: Node, signer: Signer, wanted: str, *, times: int, when: str | None, quiet: bool) -> Seen:
    """Record that a value, or what an indicator describes, was seen here.

    Args:
        wanted: the STIX id of a stored object, or a value.
        times: how often.
        when: when it was last seen, RFC 3339; None is now.
        quiet: tell nobody.

    Raises:
        NotFound: no object is stored under the id.
        InputFault: neither an id nor a value of a known kind, or a time that is none.
    """
    at = node.clock() if when is None else microseconds(when, input="--at")
    with node.store.write() as unit:
        seeing = _Seeing(unit, node, at, times)
        if "--" in wanted and not wanted.startswith("x-simpul"):
            seeing.object(wanted)
        else:
            seeing.value(wanted)
        seeing.store()
        sent = [] if quiet else seeing.tell()
        record(
            unit,
            node,
            "sight",
            {"by": signer.name, "sightings": len(seeing.ids), "matches": len(seeing.matches)},
        )
        return Seen(ids=seeing.ids, matches=seeing.matches, sent=sent)


class _Seeing:
    """One act of seeing: the objects that record it, and for whom."""

    def __init__(self, unit: Unit, node: Node, at: int, times: int) -> None:
        self._unit, self._node, self._at, self._times = unit, node, at, times
        self._evidence: list[Object] = []
        self._sightings: dict[str, list[Object]] = defaultdict(list)
        self.matches: list[MatchRow] = []

    @property
    def ids(self) -> list[str]:
        """The sightings, or what was observed where there are none."""
        found = [s.id for group in self._sightings.values() for s in group]
        return found or [self._evidence[-1].id]

    def value(self, text: str) -> None:
        """A value was seen: observable, observed-data, and a sighting for each indicator it meets."""
        meanings = classify(text)
        if not meanings:
            raise InputFault(
                f"'{text}' is neither a stored id nor a value of a known kind",
                input="ID|VALUE",
                do="write kind:value, such as passport:XA1234567",
            )
        kind, key = meanings[0]
        seen = object_of(msgspec.json.encode(observable(kind, key)))
        self._evidence = [seen, self._observed(seen.id)]
        values = [Value(kind=k, key=v) for k, v in meanings]
        self.matches = observe(self._unit, self._node, values, self._evidence[-1].id)
        for indicator, source in dict.fromkeys((m.indicator, m.source) for m in self.matches):
            self._sightings[source].append(self._sighting(indicator, self._evidence[-1].id))

    def object(self, id: str) -> None:
        """What a stored object describes was seen."""
        heads = heads_of(self._unit, id)
        # An id is no proof of who made it: ours are ours, and others' are whoever's released it here first.
        first = min(heads, key=lambda head: (head.key.originator != self._node.party, head.arrived))
        sighting = self._sighting(id, None)
        self._sightings[first.key.originator].append(sighting)
        self.matches = sighted(self._unit, self._node, sighting.id, id)

    def store(self) -> None:
        """Keep everything here under a label that releases it to nobody."""
        label = Label(tlp=Tlp.AMBER, releasable_to=frozenset({NOBODY}), purposes=NOBODY, onward=NO_ONWARD)
        for objects in (self._evidence, *self._sightings.values()):
            marked = [Marked(originator=self._node.party, object=o, labels=(label,)) for o in objects]
            if marked:
                self._unit.objects.add(marked, source=self._node.party, at=self._node.clock())
        self._unit.mail.add_matches(self.matches)

    def tell(self) -> list[str]:
        """Send each originator its sightings, where an agreement lets them; returns who was told."""
        told = []
        for party, sightings in self._sightings.items():
            if party == self._node.party:
                continue
            purpose = self._purpose(party)
            agreement = in_force(self._unit, self._node, party, purpose, self._node.clock())
            if agreement is None:
                continue
            try:
                self._send(party, sightings, agreement, purpose)
            except PolicyRefusal as refusal:
                record(
                    self._unit,
                    self._node,
                    "refusal",
                    {"to": party, "kind": "sighting", "why": refusal.where or ""},
                )
                continue
            told.append(party)
        return told

    def _send(self, party: str, sightings: list[Object], agreement: InForce, purpose: str) -> None:
        label = answer_label(agreement.terms, party, purpose)
        objects = [*self._evidence, *sightings]
        report = SightingReport(purpose=purpose, label=to_wire(view_for(label, party)), objects=len(objects))
        send_report(self._unit, self._node, agreement, report, label, [o.raw for o in objects], party)

    def _purpose(self, party: str) -> str:
        """What the answer is for: what the party's newest product was for, else the first purpose agreed."""
        for item in self._unit.mail.inbox():
            if item.sender == party:
                return item.purpose
        agreement = in_force(self._unit, self._node, party, "", self._node.clock())
        return min(agreement.terms.purposes, default="") if agreement else ""

    def _observed(self, observable: str) -> Object:
        time = rfc3339(self._at)
        return self._made(
            "observed-data",
            first_observed=time,
            last_observed=time,
            number_observed=self._times,
            object_refs=[observable],
        )

    def _sighting(self, of: str, observed: str | None) -> Object:
        time = rfc3339(self._at)
        evidence = {"observed_data_refs": [observed]} if observed else {}
        return self._made(
            "sighting", first_seen=time, last_seen=time, count=self._times, sighting_of_ref=of, **evidence
        )

    def _made(self, type: str, **properties: Any) -> Object:
        now = rfc3339(self._node.clock())
        head = {
            "type": type,
            "spec_version": "2.1",
            "id": f"{type}--{UUID(bytes=self._node.entropy(16), version=4)}",
            "created": now,
            "modified": now,
        }
        return object_of(msgspec.json.encode(head | properties))
