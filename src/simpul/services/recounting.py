"""What happened to an agreement: its history from the log, and what differs between two of its texts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from simpul.domain.acts import KnownAct
from simpul.errors import NotFound
from simpul.formats.term_changes import Change, changes
from simpul.ports import Unit
from simpul.protocol import canonical
from simpul.services.node import Node
from simpul.services.querying import names_of
from simpul.services.standing import Lineage, Version, wanted_lineage
from simpul.services.stepping import COUNTER, PROPOSE, SIGN, STEP_LEAF, Step


class Event(Struct, frozen=True, kw_only=True):
    """One step, and where the version that it is about stood after it. `by` is a party's fingerprint, `name` its name."""

    at: int
    step: str
    by: str
    name: str
    version: int
    hash: bytes
    state_after: str


def history(node: Node, wanted: str) -> list[Event]:
    """Every step of an agreement, oldest first, by the times that those who took them state: the same at every party.

    Raises:
        NotFound, Ambiguous: no such agreement, or several.
    """
    with node.store.read() as unit:
        found = wanted_lineage(unit, wanted)
        names = names_of(unit)
        steps = sorted(_steps(unit, found.id), key=lambda step: step.at)
    return list(_told(found, steps, names))


def difference(node: Node, wanted: str, first: int | None, second: int | None) -> list[Change]:
    """What differs between two versions of an agreement, clause by clause.

    Args:
        node: whose agreements.
        wanted: which agreement.
        first, second: their numbers. Without them: what the newest answers, else the version before it; and the newest.

    Raises:
        NotFound: no such agreement or version.
        Ambiguous: several agreements fit.
    """
    with node.store.read() as unit:
        found = wanted_lineage(unit, wanted)
        after = _numbered(found, second) if second else found.newest
        before = _numbered(found, first) if first else _before(found, after)
        names = names_of(unit)
    return changes(before.terms, after.terms, name_of=lambda party: names.get(party, party))


def _numbered(found: Lineage, version: int) -> Version:
    each = found.of_version(version)
    if each is None:
        have = ", ".join(str(v.row.version) for v in reversed(found.versions))
        raise NotFound(
            f"there is no version {version} of '{found.id}'", input=str(version), do=f"versions here: {have}"
        )
    return each


def _before(found: Lineage, after: Version) -> Version:
    answered = found.of_hash(after.terms.replaces)
    earlier = [each for each in found.versions if each.row.version < after.row.version]
    before = answered or next(iter(earlier), None)
    if before is None:
        raise NotFound(f"'{found.id}' has one version only", input=found.id, do="there is nothing to compare")
    return before


def _steps(unit: Unit, id: str) -> Iterator[Step]:
    """The leaves about an agreement, of the present log and of those before it."""
    logs = [unit.journal.closed_leaves(log.incarnation) for log in unit.journal.closed()]
    for leaves in (*logs, unit.journal.leaves(0, unit.journal.size())):
        for leaf in leaves:
            if leaf.kind == STEP_LEAF:
                content: dict[str, Any] = canonical.decode(leaf.content, dict[str, Any], len(leaf.content))
                if content["agreement"] == id:
                    yield Step(
                        step=content["step"],
                        agreement=id,
                        version=content["version"],
                        hash=bytes.fromhex(content["hash"]),
                        party=content["party"],
                        at=content["at"],
                    )


def _told(found: Lineage, steps: list[Step], names: dict[str, str]) -> Iterator[Event]:
    """Each step with the state that it led to, worked out anew from the steps alone."""
    signed: dict[bytes, set[str]] = {}
    acts: dict[bytes, KnownAct] = {}
    for step in steps:
        if step.step in (PROPOSE, COUNTER, SIGN):
            signed.setdefault(step.hash, set()).add(step.party)
        else:
            _add(found, acts, step)
        versions = [
            replace(each, row=replace(each.row, signed_by=tuple(sorted(signed[each.row.hash])), at=step.at))
            for each in found.versions
            if each.row.hash in signed
        ]
        yield Event(
            at=step.at,
            step=step.step,
            by=step.party,
            name=names.get(step.party, step.party),
            version=step.version,
            hash=step.hash,
            state_after=_state(Lineage(versions, list(acts.values())), step) if versions else "",
        )


def _add(found: Lineage, acts: dict[bytes, KnownAct], step: Step) -> None:
    """An act, or one more signature on it."""
    act = next((each for each in found.acts if each.hash == step.hash), None)
    if act is not None:
        have = acts[step.hash].signed_by if step.hash in acts else ()
        acts[step.hash] = replace(act, signed_by=(*have, step.party), known=act.act.made)


def _state(then: Lineage, step: Step) -> str:
    """Of an act that is about every version so far: of the one that binds; else of the version that the step names."""
    about = then.of_hash(step.hash)
    named = about or (then.binding if then.binding and then.binding.row.version <= step.version else None)
    return then.state(named or then.of_version(step.version) or then.newest, step.at).value
