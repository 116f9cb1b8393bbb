"""How far something could go once a recipient has it: by the onward rule under which it will hold it, and nothing else.

Of the agreements between others this node knows nothing: what they forbid besides is not counted. So this is the
farthest that the rules let it go in one more step, not what anybody will do.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from simpul.domain.labels import Onward, admits_onward
from simpul.ports import Unit
from simpul.services.circling import members_of
from simpul.services.node import Node


class Reach(Struct, frozen=True, kw_only=True):
    """Under one onward rule: how many objects, and to whom the recipient could pass them on.

    Attributes:
        onward: the rule in words.
        objects: how many go under it.
        anyone: whether it could be any party at all, known here or not.
        freely: known parties (fingerprints) that it could pass them on to without asking.
        asking: known parties for which it would have to ask the originator first.
    """

    onward: str
    objects: int
    anyone: bool
    freely: tuple[str, ...]
    asking: tuple[str, ...]


def reach_of(unit: Unit, node: Node, recipient: str, rules: Mapping[Onward, int]) -> list[Reach]:
    """The reach under each rule, by its words."""
    circles = members_of(unit)
    known = {party.fingerprint for party in unit.directory.parties()}
    found = []
    for rule, objects in sorted(rules.items(), key=lambda each: each[0].words):
        inside = known.union(*(circles(name) or () for name in rule.within)) - {node.party, recipient}
        parties = tuple(sorted(each for each in inside if admits_onward(rule, each, circles)))
        found.append(
            Reach(
                onward=rule.words,
                objects=objects,
                anyone=not (rule.none or rule.within),
                freely=() if rule.consent else parties,
                asking=parties if rule.consent else (),
            )
        )
    return found
