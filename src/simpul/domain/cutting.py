"""Cutting: what remains of an object for a recipient to whom not everything is granted (design §4, law 2).

    cut(value, granted=…, denied=…)        one decoded object: what may go of it, or the clause that withholds it
    settle(candidates, load=…, granted=…)  which of many objects may go together; order does not matter
    mentions(raw, own)                     every id that stands in an object's bytes

The rules, in the order in which `cut` applies them:

1. A portion that is denied is removed, with the marking entries that point to it; a portion whose marking is not
   granted is denied. If the object is not whole without it, the object is withheld: `portion.required`.
2. A marking in `object_marking_refs` is never cut. If one is not granted the object is withheld: `reference.marking`.
3. An optional reference is removed, an element of a list of references too, and a list that is then empty. One that
   is required, or that the object's id is made from, withholds the object: `reference.required`.
4. An id inside text, in a property name, or under a property that the specification does not define counts as a
   reference. The list element, the extension or the whole property that holds it is removed; if the object is not
   whole without it, the object is withheld: `reference.text`.
5. Selectors that pointed to what was cut go, and list indexes in the others are counted anew, so that no selector,
   count or index says that something was there.

An object of which nothing is cut is not changed at all: its bytes go verbatim. Nothing here encodes bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from simpul.domain.references import Place, Reference, ids_in, is_deterministic, is_whole, references
from simpul.domain.selectors import Path, covered, places, selector_of, without
from simpul.domain.stix_types import TYPES, contributing_properties, table_of
from simpul.domain.tlp_markings import FIXED_IDS

Granted = Callable[[str], bool]
"""Whether the recipient may learn that an object with this id (lower case) exists. The fixed TLP ids always are."""

PORTION_REQUIRED: Final = "portion.required"
REFERENCE_MARKING: Final = "reference.marking"
REFERENCE_REQUIRED: Final = "reference.required"
REFERENCE_TEXT: Final = "reference.text"
PASSED_CUT: Final = "passing.cut"
"""The clause that withholds another's words where something would have to be cut from them (`Candidate.uncut`)."""

CUTTING_CLAUSES: Final = (PORTION_REQUIRED, REFERENCE_MARKING, REFERENCE_REQUIRED, REFERENCE_TEXT)
"""Clauses that withhold an object, in the order in which they are tried."""

_MARKINGS: Final = frozenset({"object_marking_refs", "granular_markings"})
_NEVER_ALONE: Final = frozenset({Place.TEXT, Place.KEY, Place.UNKNOWN})


class Cut(Struct, frozen=True, kw_only=True):
    """What may go of one object.

    Attributes:
        kept: the object, properties in their original order; the very value that was given if nothing was cut;
            None if it is withheld.
        removed: selectors of what was cut, as in the original. It stays at home.
        withheld: the clause that withholds it, else empty.
    """

    kept: dict[str, Any] | None
    removed: tuple[str, ...] = ()
    withheld: str = ""


def cut(value: dict[str, Any], *, granted: Granted, denied: Collection[str] = ()) -> Cut:
    """Cut one decoded object for one recipient.

    Args:
        value: the decoded object. It is not changed.
        granted: whether an id is granted. It is not asked about the object's own id and the fixed TLP ids.
        denied: selectors of the portions that the recipient may not get.
    """
    portions = _denied_portions(value, granted, denied)
    if portions is None or not _can_lose(value, portions):
        return Cut(kept=None, withheld=PORTION_REQUIRED)
    open_ends = [
        each
        for each in references(value)
        if not is_granted(each.target, granted)
        and each.path[0] != "granular_markings"  # goes with its selectors, which are denied above
        and not covered(each.path, portions)
    ]
    if any(each.path[0] == "object_marking_refs" for each in open_ends):
        return Cut(kept=None, withheld=REFERENCE_MARKING)
    defined = portions | {each.path for each in open_ends if each.place not in _NEVER_ALONE}
    if _cuts_required(value, open_ends) or not (defined == portions or _can_lose(value, defined)):
        return Cut(kept=None, withheld=REFERENCE_REQUIRED)
    everything = defined | {_holder(value, each.path) for each in open_ends if each.place in _NEVER_ALONE}
    if _loses_its_type(value, everything) or not (everything == defined or _can_lose(value, everything)):
        return Cut(kept=None, withheld=REFERENCE_TEXT)
    if not everything:
        return Cut(kept=value)
    return _checked(value, everything, granted)


def is_granted(id: str, granted: Granted) -> bool:
    """Whether an id may stand in what the recipient gets: a fixed TLP id, or one that is granted."""
    return id in FIXED_IDS or granted(id)


def is_clear(ids: Iterable[str], granted: Granted) -> bool:
    """Whether every id that an object mentions is granted, so that its bytes may go verbatim without decoding."""
    return all(target in FIXED_IDS or granted(target) for target in ids)


def mentions(raw: bytes, own: str) -> frozenset[str]:
    """Every STIX id that stands in an object's bytes, lower case, except its own; escaped ones are found too."""
    if b"\\" in raw:
        found = frozenset(target for text in _texts(msgspec.json.decode(raw)) for target in ids_in(text))
    else:
        found = frozenset(ids_in(raw.decode()))
    return found - {own}


class Candidate(Struct, frozen=True, kw_only=True):
    """One rendition that a decision permits.

    Attributes:
        key: names it for `load` and in the result; a small integer costs the least memory.
        id: its STIX id. Several renditions may share one.
        ids: what its bytes mention (`mentions`).
        denied: selectors of its portions that the recipient may not get.
        uncut: whether it goes whole or not at all, because only its originator may cut it.
    """

    key: Hashable
    id: str
    ids: Collection[str]
    denied: tuple[str, ...] = ()
    uncut: bool = False


class Settled(Struct, frozen=True, kw_only=True):
    """What may go together.

    Attributes:
        carried: ids of which at least one rendition goes.
        withheld: renditions that a reference withholds, each with the clause (`Cut.withheld`).
        granted: for the final `cut` of each rendition that goes: carried, or granted before.
    """

    carried: frozenset[str]
    withheld: dict[Hashable, str]
    granted: Granted


def settle(
    candidates: Callable[[], Iterable[Candidate]],
    *,
    load: Callable[[Hashable], dict[str, Any]],
    granted: Granted,
) -> Settled:
    """Find which candidates may go together: withholding one can withhold others that must refer to it.

    It proceeds in waves: each wave judges against what was carried when it began, so that the order of candidates
    plays no part. The first wave looks at all candidates and decodes only those that mention something not granted;
    a later wave looks only at those that mention what the one before withheld. For each rendition that goes,
    `cut(…, granted=settled.granted)` gives what it is sent as.

    Args:
        candidates: gives the candidates, in any order, as often as it is called (up to three times).
        load: the decoded object of a candidate, by its key.
        granted: ids granted before and beside this release.
    """
    renditions = Counter(candidate.id for candidate in candidates())
    carried = set(renditions)

    def grants(id: str) -> bool:
        return id in carried or granted(id)

    withheld: dict[Hashable, str] = {}
    suspects = (c for c in candidates() if c.denied or not is_clear(c.ids, grants))
    fallen = _wave(suspects, load, grants, withheld)
    if fallen:
        mentioned_by = _mentioned_by(candidates(), carried)
        while fallen:
            lost = Counter(c.id for c in fallen)
            gone = {target for target, count in lost.items() if _fall(renditions, target, count)}
            carried -= gone
            near = (c for target in gone for c in mentioned_by.get(target, ()))
            reached = {c.key: c for c in near if c.key not in withheld}
            fallen = _wave(reached.values(), load, grants, withheld)
    return Settled(carried=frozenset(carried), withheld=withheld, granted=grants)


def _wave(
    candidates: Iterable[Candidate],
    load: Callable[[Hashable], dict[str, Any]],
    grants: Granted,
    withheld: dict[Hashable, str],
) -> list[Candidate]:
    """Judge candidates against what is carried now; note and give back those that are withheld."""
    fallen = []
    for candidate in candidates:
        value = load(candidate.key)
        done = cut(value, granted=grants, denied=candidate.denied)
        clause = done.withheld or (PASSED_CUT if candidate.uncut and done.kept is not value else "")
        if clause:
            withheld[candidate.key] = clause
            fallen.append(candidate)
    return fallen


def _fall(renditions: Counter[str], id: str, count: int) -> bool:
    """Take renditions of an id out of those carried; whether none is left."""
    renditions[id] -= count
    return renditions[id] == 0


def _mentioned_by(candidates: Iterable[Candidate], carried: Collection[str]) -> dict[str, list[Candidate]]:
    index: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        for target in candidate.ids:
            if target in carried:
                index.setdefault(target, []).append(candidate)
    return index


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _denied_portions(
    value: Mapping[str, Any], granted: Granted, denied: Collection[str]
) -> frozenset[Path] | None:
    """Paths of the portions that may not go; None if one cannot be kept back by itself: not found, or a marking."""
    selectors = set(denied)
    markings = value.get("granular_markings")
    for entry in markings if isinstance(markings, list) else ():
        marking = entry.get("marking_ref")
        if isinstance(marking, str) and not is_clear(ids_in(marking), granted):
            selectors.update(entry.get("selectors", ()))
    found: set[Path] = set()
    for selector in selectors:
        paths = set(places(selector, value))
        if not paths or any(path[0] in _MARKINGS for path in paths):
            return None
        found |= paths
    return frozenset(found)


def _can_lose(value: Mapping[str, Any], paths: frozenset[Path]) -> bool:
    """Whether the object is still what it says it is without these places."""
    if not paths:
        return True
    removed = paths | _companions(value, paths)
    if any(path[0] in _made_from(value) for path in removed):
        return False
    # A place inside another that goes as well must be dispensable too: denying more must never open what was closed.
    around = {path[:length] for path in removed for length in range(1, len(path))}
    if not around.isdisjoint(removed) and not is_whole(without(value, removed - around)):
        return False
    return is_whole(without(value, removed))


def _companions(value: Mapping[str, Any], paths: Collection[Path]) -> frozenset[Path]:
    """Properties that mean nothing without one that goes: a latitude without its longitude."""
    gone = {path[0] for path in paths if len(path) == 1}
    needs = table_of(str(value.get("type"))).needs
    found: set[str] = set()
    while more := {
        name
        for name, beside in needs
        if name in value and name not in found | gone and not (found | gone).isdisjoint(beside)
    }:
        found |= more
    return frozenset((name,) for name in found)


def _made_from(value: Mapping[str, Any]) -> Collection[str]:
    """Properties that the object's id is made from: the id stays, and would tell them (STIX 2.1 §2.9)."""
    kind, own = value.get("type"), value.get("id")
    if not (isinstance(kind, str) and isinstance(own, str) and is_deterministic(own)):
        return ()
    if kind in TYPES:
        return contributing_properties(kind)
    # Nobody knows what the id of a custom observable is made from.
    return () if "created" in value else value.keys()


def _cuts_required(value: Mapping[str, Any], open_ends: Iterable[Reference]) -> bool:
    """Whether a reference that must stay is among those that may not, or all of a list that must not be empty."""
    elements: Counter[Path] = Counter()
    for each in open_ends:
        if each.required and each.place is Place.PROPERTY:
            return True
        if each.required and each.place is Place.ELEMENT:
            elements[each.path[:-1]] += 1
    return any(count == len(_at(value, path)) for path, count in elements.items())


def _at(value: Any, path: Path) -> Any:
    for step in path:
        value = value[step]
    return value


def _holder(value: Mapping[str, Any], path: Path) -> Path:
    """What goes when an id stands somewhere where it cannot go alone."""
    whole = len(path) == 1 or not (path[0] == "extensions" or isinstance(value[str(path[0])], list))
    return path[:1] if whole else path[:2]


def _loses_its_type(value: Mapping[str, Any], removed: Collection[Path]) -> bool:
    """Whether an extension goes that defines the very type of the object."""
    extensions = value.get("extensions")
    if not isinstance(extensions, Mapping):
        return False
    gone = [inner for name, inner in extensions.items() if covered(("extensions", name), removed)]
    return any(isinstance(e, Mapping) and str(e.get("extension_type")).startswith("new-") for e in gone)


def _checked(value: Mapping[str, Any], removed: frozenset[Path], granted: Granted) -> Cut:
    """The object without what goes, looked through once more: what is released names nothing that is not granted."""
    going = removed | _companions(value, removed)
    kept = without(value, going)
    if not is_clear(mentions(msgspec.json.encode(kept), str(value.get("id"))), granted):
        return Cut(kept=None, withheld=REFERENCE_TEXT)
    return Cut(kept=kept, removed=tuple(sorted(selector_of(path) for path in going)))
