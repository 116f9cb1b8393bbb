"""Every id in an object is found with the place it stands in, so that cutting can be exact (law 2)."""

from __future__ import annotations

import pytest

from simpul.domain.references import Place, Reference, ids_in, is_whole, references
from simpul.domain.stix_types import (
    contributing_properties,
    may_reference,
    reference_properties,
    required_properties,
)
from tests.unit.formats.examples import GOOD, good, some_id

TOOL = some_id("tool", 2)
OTHER = some_id("malware", 3)


def at(found: list[Reference], *path: str | int) -> Reference:
    (one,) = [each for each in found if each.path == path]
    return one


def test_properties_and_elements_say_whether_they_may_go() -> None:
    found = references(GOOD["relationship"])
    assert at(found, "source_ref").required
    assert not at(found, "created_by_ref").required
    assert at(found, "created_by_ref").place is Place.PROPERTY
    note = references(good("note", object_refs=[TOOL, OTHER]))
    assert at(note, "object_refs", 1) == Reference(
        path=("object_refs", 1), target=OTHER, place=Place.ELEMENT, required=True
    )
    assert not at(references(GOOD["sighting"]), "observed_data_refs", 0).required
    assert at(references(GOOD["extension-definition"]), "created_by_ref").required


def test_text_keys_and_unknown_places_are_told_apart() -> None:
    value = good(
        "tool",
        description=f"see {TOOL}, {TOOL.upper()}",
        x_made_by_ref=OTHER,
        x_map={TOOL: [OTHER]},
        extensions={some_id("extension-definition"): {"of": OTHER}, "x": {"y": [TOOL]}},
        external_references=[{"source_name": "x", "description": OTHER}],
    )
    found = references(value)
    assert [r.target for r in found if r.path == ("description",)] == [TOOL, TOOL]
    assert at(found, "x_made_by_ref").place is Place.UNKNOWN
    assert at(found, "x_map", TOOL).place is Place.KEY
    assert at(found, "x_map", TOOL, 0).place is Place.UNKNOWN
    assert at(found, "extensions", some_id("extension-definition")).place is Place.KEY
    assert at(found, "extensions", some_id("extension-definition"), "of").place is Place.UNKNOWN
    assert at(found, "external_references", 0, "description").place is Place.TEXT


def test_references_inside_predefined_extensions_and_parts_are_known() -> None:
    archive = good(
        "file", id=some_id("file"), extensions={"archive-ext": {"contains_refs": [GOOD["directory"]["id"]]}}
    )
    assert at(references(archive), "extensions", "archive-ext", "contains_refs", 0).required
    mail = good(
        "email-message", id=some_id("email-message"), body_multipart=[{"body_raw_ref": some_id("file", 8)}]
    )
    part = at(references(mail), "body_multipart", 0, "body_raw_ref")
    assert (part.place, part.required) == (Place.PROPERTY, False)
    marked = references(good("indicator"))
    assert at(marked, "granular_markings", 0, "marking_ref").place is Place.PROPERTY


def test_what_a_deterministic_id_is_made_from_may_not_go() -> None:
    fixed = references(GOOD["network-traffic"])
    assert at(fixed, "src_ref").required
    assert not at(references(good("network-traffic", id=some_id("network-traffic"))), "src_ref").required
    assert not at(references(GOOD["domain-name"]), "resolves_to_refs", 0).required


def test_the_objects_own_id_is_no_reference() -> None:
    assert all(
        r.target != GOOD["tool"]["id"] for r in references(good("tool", description=GOOD["tool"]["id"]))
    )


def test_an_id_where_the_value_has_the_wrong_shape_is_still_found() -> None:
    value = {"type": "note", "id": some_id("note"), "object_refs": TOOL, "created_by_ref": [{"x": OTHER}]}
    assert {r.target for r in references(value)} == {TOOL, OTHER}
    assert [r.target for r in references({"created_by_ref": OTHER})] == [OTHER]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (TOOL, [TOOL]),
        (f'"{TOOL}","{OTHER}"', [TOOL, OTHER]),
        (f"a{TOOL}", ["a" + TOOL]),
        (f"{TOOL}{OTHER}", [TOOL, TOOL[-12:] + OTHER]),
        (f"see:{TOOL}.", [TOOL]),
        (TOOL[4:], []),
        (TOOL[:-1], []),
        ("", []),
    ],
)
def test_ids_are_found_inside_any_text(text: str, expected: list[str]) -> None:
    found = ids_in(text)
    assert found == expected or (len(expected) == 2 and found[0] == TOOL)


def test_an_object_is_whole_while_it_has_what_its_type_requires() -> None:
    for value in GOOD.values():
        assert is_whole(value)
    assert not is_whole(good("note", object_refs=[]))
    assert not is_whole(good("note", object_refs=None))
    assert not is_whole(good("network-traffic", src_ref=None))
    assert not is_whole(good("malware-analysis", result=None))
    assert not is_whole(good("location", longitude=None))
    assert not is_whole(good("file", extensions={"archive-ext": {}}))
    assert is_whole(good("sighting", observed_data_refs=None))


def test_the_tables_can_be_asked() -> None:
    assert {"source_ref", "target_ref", "relationship_type"} <= required_properties("relationship")
    assert reference_properties("note")["object_refs"].many
    assert contributing_properties("url") == ("value",)
    assert contributing_properties("tool") == ()
    shape = reference_properties("sighting")["sighting_of_ref"]
    assert may_reference(shape, "indicator")
    assert may_reference(shape, "x-custom")
    assert not may_reference(shape, "bundle")
    assert required_properties("x-custom") == {"type", "id"}
