"""Marking definitions: what they say in bytes as a restriction, and our own one that says a whole label.

    read_definition(value)   one decoded marking-definition → the restriction that it lays on what it marks
    Markings                 the definitions known here → the effective label of an object and of each of its portions
    embed(label)             a label → the marking definitions that say it, for an export rendition

Read are: TLP 1.0 and 2.0, by their official ids and by what they carry; `statement`, which restricts nothing and obliges
to attribute; FIRST IEP 2.0 (`formats.iep`); and our own extension (`formats.label_extension`). Anything else is *unmapped*: it is kept as such in the
label, which is then released to nobody. Markings are never undercut: they restrict beside what the owner set (design §6).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from simpul.domain.labels import (
    LABEL_EXTENT,
    NEUTRAL,
    Label,
    Tlp,
    complete,
    extent,
    join,
    join_all,
    parse_tlp,
)
from simpul.domain.objects import Object
from simpul.domain.tlp_markings import TLP_2, TLP_2_EXTENSION, TLP_MARKINGS
from simpul.errors import InputFault
from simpul.formats.iep import IEP_EXTENSION, read_marking
from simpul.formats.label_extension import LABEL_EXTENSION, label_definition, read_label_extension

ATTRIBUTE: Final = "attribute: "
"""How the obligation of a `statement` marking begins; its text follows."""

_CACHED: Final = 4096
_TLP_2_IDS: Final = {tlp: marking for marking, tlp in TLP_2.items()}


def read_definition(value: Mapping[str, Any]) -> Label:
    """The restriction that a decoded marking-definition object lays on what it marks.

    One with an official TLP id means at least that level, whatever else it says. One that cannot be read, wholly or
    in part, is unmapped by its own id.
    """
    own = str(value.get("id", ""))
    extensions = value.get("extensions", {})
    if not isinstance(extensions, Mapping):
        return Label(unmapped=frozenset({own}))
    parts = [_read_extension(name, inner) for name, inner in extensions.items()]
    if "definition_type" in value or not parts:
        parts.append(_read_typed(value.get("definition_type"), value.get("definition")))
    official = Label(tlp=TLP_MARKINGS[own]) if own in TLP_MARKINGS else NEUTRAL
    if any(part is None for part in parts):
        return join(official, Label(unmapped=frozenset({own})))
    return join_all([official, *(part for part in parts if part is not None)])


def _read_typed(kind: Any, definition: Any) -> Label | None:
    """What STIX 2.1 §7.2.1 defines: `tlp` and `statement`."""
    if not isinstance(definition, Mapping):
        return None
    if kind == "tlp":
        return _read_tlp(definition.get("tlp"))
    text = definition.get("statement")
    if kind == "statement" and isinstance(text, str) and text:
        return Label(obligations=frozenset({ATTRIBUTE + text}))
    return None


def _read_extension(name: str, inner: Any) -> Label | None:
    if not isinstance(inner, Mapping):
        return None
    if name == TLP_2_EXTENSION:
        return _read_tlp(inner.get("tlp_2_0"))
    reader = _EXTENSIONS.get(name)
    return None if reader is None else reader(inner)


_EXTENSIONS: Final = {LABEL_EXTENSION: read_label_extension, IEP_EXTENSION: read_marking}
"""What reads whole restrictions, by the key that they stand under."""


def _read_tlp(word: Any) -> Label | None:
    try:
        return Label(tlp=parse_tlp(str(word)))
    except InputFault:
        return None  # an unknown level is unmapped, which the caller says with the id


Stored = Callable[[str], Iterable[Mapping[str, Any]]]
"""The decoded marking-definitions that a store holds under an id."""


class Markings:
    """The marking definitions that a node knows, and the effective labels that follow from them.

    Several definitions may share one id (two versions of one catalogue did): all of them hold. Effective labels are
    remembered by (owner's label, markings), since thousands of objects share them.

    Args:
        definitions: are learned at once.
        stored: is asked for each id when it is first met, so that nobody reads all that a store holds.
    """

    def __init__(
        self, definitions: Iterable[Mapping[str, Any]] = (), *, stored: Stored = lambda _: ()
    ) -> None:
        self._stored = stored
        self._asked: set[str] = set()
        self._known: dict[str, Label] = {marking: Label(tlp=tlp) for marking, tlp in TLP_MARKINGS.items()}
        self._effective: dict[tuple[Label, tuple[str, ...]], Label] = {}
        for definition in definitions:
            self.learn(definition)

    def learn(self, definition: Mapping[str, Any]) -> bool:
        """Add a decoded marking-definition. Returns whether labels that were given before may differ now."""
        own = str(definition.get("id", ""))
        before = self._known.get(own)
        after = join(before or NEUTRAL, read_definition(definition))
        self._known[own] = after
        if after != before:
            self._effective.clear()
        return after != before

    def knows(self, marking: str) -> bool:
        """Whether a definition with this id was learned, or is stored or official."""
        return self._definition(marking) is not None

    def restriction(self, marking: str) -> Label:
        """What one marking says; unmapped if its definition is not known."""
        known = self._definition(marking)
        return Label(unmapped=frozenset({marking})) if known is None else known

    def _definition(self, marking: str) -> Label | None:
        if marking not in self._asked:
            self._asked.add(marking)
            for definition in self._stored(marking):
                self.learn(definition)
        return self._known.get(marking)

    def effective(self, owner: Label, markings: tuple[str, ...]) -> Label:
        """The label of what bears these markings and was given this label by its owner."""
        key = (owner, markings)
        found = self._effective.get(key)
        if found is None:
            if len(self._effective) >= _CACHED:
                self._effective.clear()
            found = join(complete(owner), join_all(map(self.restriction, markings)))
            if markings and extent(found) > LABEL_EXTENT:
                # Words without end are no marking that anybody can obey: it is as if it were not known here.
                found = join(complete(owner), Label(unmapped=frozenset({markings[0]})))
            self._effective[key] = found
        return found

    def labels(self, owner: Label, stix: Object) -> tuple[Label, ...]:
        """The effective label of an object and of each of its portions (`Marked.labels`)."""
        whole = self.effective(owner, stix.markings)
        if not stix.granular:
            return (whole,)
        return (whole, *(self.effective(owner, stix.markings + part.markings) for part in stix.granular))


def embed(label: Label) -> tuple[dict[str, Any], ...]:
    """The marking definitions that say a label, for an export rendition: the official TLP first, then the whole label.

    Their ids belong into `object_marking_refs`. `formats.label_extension.extension_definition()` goes along.
    """
    ours = label_definition(label)
    return (ours,) if label.tlp is None else (tlp_definition(label.tlp), ours)


def tlp_definition(tlp: Tlp) -> dict[str, Any]:
    """The official TLP 2.0 marking definition of a level, as OASIS publishes it."""
    return {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": _TLP_2_IDS[tlp],
        "created": "2022-10-01T00:00:00.000Z",
        "name": f"TLP:{tlp.word.upper()}",
        "extensions": {TLP_2_EXTENSION: {"extension_type": "property-extension", "tlp_2_0": tlp.word}},
    }


def marked_with(value: Mapping[str, Any], markings: Iterable[str]) -> dict[str, Any]:
    """The object with more markings, for an export rendition; those that it bears stay where they are."""
    borne = list(value.get("object_marking_refs", ()))
    return {**value, "object_marking_refs": list(dict.fromkeys([*borne, *markings]))}
