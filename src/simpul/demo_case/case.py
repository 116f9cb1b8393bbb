"""The case as it is written down: objects, the label each gets, and the canaries laid in what is withheld.

Six labels, from open to closed; `labels/<name>.toml` says each in full:

    cyber      Borealia and Cendara; technical indicators of the intrusion
    shared     Borealia and Cendara; the case itself
    entrusted  Borealia only, which must ask before it passes it on
    source     Borealia only; what would point at a source
    technical  released by name to both, but of a topic and level that Cendara's agreement does not cover
    own        nobody
"""

from __future__ import annotations

from typing import Any, Final, Literal

from msgspec import Struct

from simpul.demo_case.ids import named, observable, token

Grade = Literal["cyber", "shared", "entrusted", "source", "technical", "own"]
StixObject = dict[str, Any]

BOREALIA: Final = "Borealia"
CENDARA: Final = "Cendara"
KEPT_FROM: Final[dict[str, tuple[str, ...]]] = {
    "cyber": (),
    "shared": (),
    "entrusted": (CENDARA,),
    "source": (CENDARA,),
    "technical": (CENDARA,),
    "own": (BOREALIA, CENDARA),
}
"""Which parties a label alone keeps an object from."""

OPENED: Final = "2026-10-02T04:20:00.000Z"


class Canary(Struct, frozen=True, kw_only=True):
    """A text that must be found at Arunika and nowhere among the parties of `kept_from`.

    `object` is a STIX id, or `portion <number>` of portions.toml; `portion` is a STIX selector, or empty when the
    whole object is withheld; `why` is the rule that withholds it.
    """

    object: str
    portion: str
    canary: str
    kept_from: tuple[str, ...]
    why: str


class Case:
    """Collects objects in order. Every id may be added once."""

    def __init__(self, author: str) -> None:
        self.author = author
        self.objects: dict[str, StixObject] = {}
        self.grades: dict[str, Grade] = {}
        self.canaries: list[Canary] = []

    def put(self, grade: Grade, stix: StixObject) -> str:
        """Add an object under a label; its id serves as canary where the label keeps it from somebody."""
        identifier: str = stix["id"]
        if identifier in self.objects:
            raise ValueError(f"{identifier} was added twice")
        self.objects[identifier] = stix
        self.grades[identifier] = grade
        if KEPT_FROM[grade]:
            self.canary(identifier, identifier, KEPT_FROM[grade], why="label")
        return identifier

    def canary(
        self, stix_id: str, text: str, kept_from: tuple[str, ...], *, why: str, portion: str = ""
    ) -> None:
        """Note that `text` must not reach the named parties."""
        self.canaries.append(
            Canary(object=stix_id, portion=portion, canary=text, kept_from=kept_from, why=why)
        )

    def word(
        self, name: str, stix_id: str, kept_from: tuple[str, ...], *, why: str, portion: str = ""
    ) -> str:
        """Draw a canary word for a place in an object; the caller writes it there."""
        drawn = token(name)
        self.canary(stix_id, drawn, kept_from, why=why, portion=portion)
        return drawn

    def entity(self, grade: Grade, type_: str, name: str, /, **properties: Any) -> str:
        """Add an SDO or SRO with its common properties. `name` seeds its id."""
        return self.put(grade, self.common(type_, name, **properties))

    def common(self, type_: str, seed: str, /, **properties: Any) -> StixObject:
        """The common properties of an SDO or SRO around its own; `created` may be given."""
        created = properties.pop("created", OPENED)
        head = {
            "type": type_,
            "spec_version": "2.1",
            "id": named(type_, seed),
            "created_by_ref": self.author,
            "created": created,
            "modified": properties.pop("modified", created),
        }
        return head | properties

    def observable(self, grade: Grade, type_: str, /, **properties: Any) -> str:
        """Add an SCO with its deterministic id."""
        return self.put(grade, observable(type_, properties))

    def relate(self, grade: Grade, source: str, verb: str, target: str, /, **properties: Any) -> str:
        """Add a relationship."""
        return self.entity(
            grade,
            "relationship",
            f"{source} {verb} {target}",
            relationship_type=verb,
            source_ref=source,
            target_ref=target,
            **properties,
        )
