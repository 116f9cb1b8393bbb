"""STIX 2.1 domain, relationship and meta objects as tables, and what can be asked about any type (STIX 2.1 §3 to §5, §7).

The cyber-observable objects are in `stix_observables`. A type that is in neither table is a custom one: it has the
common properties and keeps everything else unjudged.
"""

from __future__ import annotations

from typing import Any, Final

from simpul.domain.stix_observables import CONTRIBUTING, OBSERVABLES
from simpul.domain.stix_parts import EXTERNAL_REFERENCES, GRANULAR_MARKINGS, KILL_CHAIN, VERSION_2_1
from simpul.domain.stix_shapes import (
    BOOLEAN,
    DICTIONARY,
    TEXT,
    TEXTS,
    TIME,
    WORD,
    WORDS,
    Kind,
    Record,
    Shape,
    enum,
    integer,
    many,
    need,
    number,
    record,
    ref,
    refs,
)

ANY_OBJECT: Final = ("sdo", "sco", "sro")
SEEN: Final = (("first_seen", "last_seen"),)

_META: Final = {
    "type": need(WORD),
    "spec_version": need(VERSION_2_1),
    "id": need(WORD),
    "created_by_ref": ref("identity"),
    "created": need(TIME),
    "external_references": EXTERNAL_REFERENCES,
    "object_marking_refs": refs("marking-definition"),
    "granular_markings": GRANULAR_MARKINGS,
    "extensions": DICTIONARY,
}
_COMMON: Final = _META | {
    "modified": need(TIME),
    "revoked": BOOLEAN,
    "labels": TEXTS,
    "confidence": integer(0, 100),
    "lang": WORD,
}


def _words(properties: dict[str, Shape]) -> dict[str, Any]:
    """The properties as keyword arguments: `record` takes its rules beside them."""
    return properties


def _object(title: str, /, **more: Any) -> Record:
    """An object with all common properties of SDOs and SROs (STIX 2.1 §3.2)."""
    more["ordered"] = (("created", "modified"), *more.get("ordered", ()))
    return record(title, **(_COMMON | more))


DOMAIN_OBJECTS: Final = {
    made.title: made
    for made in (
        _object(
            "attack-pattern", name=need(TEXT), description=TEXT, aliases=TEXTS, kill_chain_phases=KILL_CHAIN
        ),
        _object(
            "campaign",
            name=need(TEXT),
            description=TEXT,
            aliases=TEXTS,
            first_seen=TIME,
            last_seen=TIME,
            objective=TEXT,
            ordered=SEEN,
        ),
        _object("course-of-action", name=need(TEXT), description=TEXT),
        _object(
            "grouping",
            name=TEXT,
            description=TEXT,
            context=need(WORD),
            object_refs=need(refs(*ANY_OBJECT, "meta")),
        ),
        _object(
            "identity",
            name=need(TEXT),
            description=TEXT,
            roles=TEXTS,
            identity_class=WORD,
            sectors=TEXTS,
            contact_information=TEXT,
        ),
        _object("incident", name=need(TEXT), description=TEXT),
        _object(
            "indicator",
            name=TEXT,
            description=TEXT,
            indicator_types=TEXTS,
            pattern=need(TEXT),
            pattern_type=need(WORD),
            pattern_version=WORD,
            valid_from=need(TIME),
            valid_until=TIME,
            kill_chain_phases=KILL_CHAIN,
            ordered=(("valid_from", "valid_until"),),
        ),
        _object(
            "infrastructure",
            name=need(TEXT),
            description=TEXT,
            infrastructure_types=TEXTS,
            aliases=TEXTS,
            kill_chain_phases=KILL_CHAIN,
            first_seen=TIME,
            last_seen=TIME,
            ordered=SEEN,
        ),
        _object(
            "intrusion-set",
            name=need(TEXT),
            description=TEXT,
            aliases=TEXTS,
            first_seen=TIME,
            last_seen=TIME,
            goals=TEXTS,
            resource_level=WORD,
            primary_motivation=WORD,
            secondary_motivations=WORDS,
            ordered=SEEN,
        ),
        _object(
            "location",
            name=TEXT,
            description=TEXT,
            latitude=number(-90, 90),
            longitude=number(-180, 180),
            precision=number(0),
            region=TEXT,
            country=TEXT,
            administrative_area=TEXT,
            city=TEXT,
            street_address=TEXT,
            postal_code=TEXT,
            either=(("region", "country", "latitude"),),
            needs=(
                ("latitude", ("longitude",)),
                ("longitude", ("latitude",)),
                ("precision", ("latitude", "longitude")),
            ),
        ),
        _object(
            "malware",
            name=TEXT,
            description=TEXT,
            malware_types=TEXTS,
            is_family=need(BOOLEAN),
            aliases=TEXTS,
            kill_chain_phases=KILL_CHAIN,
            first_seen=TIME,
            last_seen=TIME,
            operating_system_refs=refs("software"),
            architecture_execution_envs=WORDS,
            implementation_languages=WORDS,
            capabilities=TEXTS,
            sample_refs=refs("artifact", "file"),
            ordered=SEEN,
        ),
        _object(
            "malware-analysis",
            product=need(TEXT),
            version=WORD,
            host_vm_ref=ref("software"),
            operating_system_ref=ref("software"),
            installed_software_refs=refs("software"),
            configuration_version=WORD,
            modules=TEXTS,
            analysis_engine_version=WORD,
            analysis_definition_version=WORD,
            submitted=TIME,
            analysis_started=TIME,
            analysis_ended=TIME,
            result_name=TEXT,
            result=WORD,
            analysis_sco_refs=refs("sco"),
            sample_ref=ref("sco"),
            either=(("result", "analysis_sco_refs"),),
            ordered=(("analysis_started", "analysis_ended"),),
        ),
        _object(
            "note",
            abstract=TEXT,
            content=need(TEXT),
            authors=TEXTS,
            object_refs=need(refs(*ANY_OBJECT, "meta")),
        ),
        _object(
            "observed-data",
            first_observed=need(TIME),
            last_observed=need(TIME),
            number_observed=need(integer(1, 999_999_999)),
            objects=DICTIONARY,
            object_refs=refs("sco", "sro"),
            either=(("object_refs", "objects"),),
            not_both=(("object_refs", "objects"),),
            ordered=(("first_observed", "last_observed"),),
        ),
        _object(
            "opinion",
            explanation=TEXT,
            authors=TEXTS,
            opinion=need(enum("strongly-disagree", "disagree", "neutral", "agree", "strongly-agree")),
            object_refs=need(refs(*ANY_OBJECT, "meta")),
        ),
        _object(
            "report",
            name=need(TEXT),
            description=TEXT,
            report_types=TEXTS,
            published=need(TIME),
            object_refs=need(refs(*ANY_OBJECT, "meta")),
        ),
        _object(
            "threat-actor",
            name=need(TEXT),
            description=TEXT,
            threat_actor_types=TEXTS,
            aliases=TEXTS,
            first_seen=TIME,
            last_seen=TIME,
            roles=TEXTS,
            goals=TEXTS,
            sophistication=WORD,
            resource_level=WORD,
            primary_motivation=WORD,
            secondary_motivations=WORDS,
            personal_motivations=WORDS,
            ordered=SEEN,
        ),
        _object(
            "tool",
            name=need(TEXT),
            description=TEXT,
            tool_types=TEXTS,
            aliases=TEXTS,
            kill_chain_phases=KILL_CHAIN,
            tool_version=TEXT,
        ),
        _object("vulnerability", name=need(TEXT), description=TEXT),
    )
}

RELATIONSHIP_OBJECTS: Final = {
    made.title: made
    for made in (
        _object(
            "relationship",
            relationship_type=need(TEXT),
            description=TEXT,
            source_ref=need(ref("sdo", "sco")),
            target_ref=need(ref("sdo", "sco")),
            start_time=TIME,
            stop_time=TIME,
            ordered=(("start_time", "stop_time"),),
        ),
        _object(
            "sighting",
            description=TEXT,
            first_seen=TIME,
            last_seen=TIME,
            count=integer(0, 999_999_999),
            sighting_of_ref=need(ref("sdo")),
            observed_data_refs=refs("observed-data"),
            where_sighted_refs=refs("identity", "location"),
            summary=BOOLEAN,
            ordered=SEEN,
        ),
    )
}

META_OBJECTS: Final = {
    made.title: made
    for made in (
        _object(
            "language-content",
            object_ref=need(ref(*ANY_OBJECT, "meta")),
            object_modified=TIME,
            contents=need(DICTIONARY),
        ),
        record(
            "marking-definition",
            either=(("definition", "extensions"),),
            needs=(("definition", ("definition_type",)), ("definition_type", ("definition",))),
            **_words(_META | {"name": TEXT, "definition_type": WORD, "definition": DICTIONARY}),
        ),
        _object(
            "extension-definition",
            created_by_ref=need(ref("identity")),
            name=need(TEXT),
            description=TEXT,
            schema=need(TEXT),
            version=need(WORD),
            extension_types=need(
                many(
                    enum("new-sdo", "new-sco", "new-sro", "property-extension", "toplevel-property-extension")
                )
            ),
            extension_properties=WORDS,
        ),
    )
}

CUSTOM: Final = record(
    "custom object",
    ordered=(("created", "modified"),),
    **_words(
        _COMMON
        | {
            "spec_version": VERSION_2_1,
            "created": TIME,
            "modified": TIME,
            "name": TEXT,
            "description": TEXT,
            "defanged": BOOLEAN,
        }
    ),
)
"""Any type outside the specification. Only `type` and `id` are required; what is common is judged where present."""

TYPES: Final = DOMAIN_OBJECTS | RELATIONSHIP_OBJECTS | META_OBJECTS | OBSERVABLES
"""Every type of the specification, and our own `x-simpul-identifier`, by name."""

FAMILIES: Final = (
    dict.fromkeys(DOMAIN_OBJECTS, "sdo")
    | dict.fromkeys(RELATIONSHIP_OBJECTS, "sro")
    | dict.fromkeys(META_OBJECTS, "meta")
    | dict.fromkeys(OBSERVABLES, "sco")
)
"""Family of each known type; a custom type has none."""


def table_of(type: str) -> Record:
    """The table of a type; `CUSTOM` for one that the specification does not define."""
    return TYPES.get(type, CUSTOM)


def required_properties(type: str) -> frozenset[str]:
    """Top-level properties that an object of this type must have."""
    return table_of(type).required


def reference_properties(type: str) -> dict[str, Shape]:
    """Top-level properties of this type that hold ids, with their shapes (`many` for a list, `required`)."""
    return table_of(type).references


def contributing_properties(type: str) -> tuple[str, ...]:
    """Properties from which the deterministic id of an observable is made; () for any other type (STIX 2.1 §2.9)."""
    return CONTRIBUTING.get(type, ())


def may_reference(shape: Shape, type: str) -> bool:
    """Whether a reference of this shape may point to an object of that type.

    A custom type may stand wherever any domain or observable object may; it cannot be told which of them it is.
    """
    if type in shape.allowed:
        return True
    family = FAMILIES.get(type)
    if family is None:
        return type != "bundle" and not shape.allowed.isdisjoint(("sdo", "sco"))
    return family in shape.allowed


def is_reference(shape: Shape) -> bool:
    """Whether the property holds ids of other objects."""
    return shape.kind is Kind.REFERENCE
