from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings

from simpul.domain.labels import NEUTRAL, NOBODY, Label, Tlp, complete, is_listed, join
from simpul.domain.objects import Foreign, Granular, Object
from simpul.domain.tlp_markings import TLP_1, TLP_2, TLP_2_EXTENSION
from simpul.formats.label_extension import (
    LABEL_EXTENSION,
    LABEL_SCHEMA,
    extension_definition,
    label_definition,
    read_label_extension,
)
from simpul.formats.markings import Markings, embed, marked_with, read_definition, tlp_definition
from simpul.formats.stix import to_object
from tests.properties.strategies import restrictions

ROOT = Path(__file__).parents[3]

MARK = "marking-definition--00000000-0000-4000-8000-000000000001"
OTHER = "marking-definition--00000000-0000-4000-8000-000000000002"
B = "b" * 50
OWNER = complete(Label(tlp=Tlp.CLEAR, releasable_to=frozenset({frozenset({B})}), purposes=frozenset({"ct"})))
SCHEMA = json.loads((ROOT / "spec/extension/label.json").read_text())


def definition(**properties: Any) -> dict[str, Any]:
    head = {"type": "marking-definition", "spec_version": "2.1", "id": MARK}
    return head | {"created": "2026-01-01T00:00:00.000Z"} | properties


def statement(text: str) -> dict[str, Any]:
    return definition(definition_type="statement", definition={"statement": text})


@pytest.mark.parametrize(("marking", "tlp"), [*TLP_1.items(), *TLP_2.items()])
def test_an_official_tlp_is_known_by_its_id_alone(marking: str, tlp: Tlp) -> None:
    assert Markings().restriction(marking) == Label(tlp=tlp)


@pytest.mark.parametrize(
    ("word", "tlp"), [("white", Tlp.CLEAR), ("green", Tlp.GREEN), ("amber", Tlp.AMBER), ("red", Tlp.RED)]
)
def test_a_tlp_1_definition_with_an_id_of_its_own_is_read_by_what_it_says(word: str, tlp: Tlp) -> None:
    value = definition(definition_type="tlp", definition={"tlp": word})
    assert read_definition(value) == Label(tlp=tlp)


def test_a_tlp_2_definition_is_read_by_its_extension() -> None:
    inner = {"extension_type": "property-extension", "tlp_2_0": "amber+strict"}
    assert read_definition(definition(extensions={TLP_2_EXTENSION: inner})) == Label(tlp=Tlp.AMBER_STRICT)


def test_a_definition_cannot_say_less_than_its_official_id() -> None:
    red = next(marking for marking, tlp in TLP_1.items() if tlp is Tlp.RED)
    value = definition(id=red, definition_type="tlp", definition={"tlp": "white"})
    assert read_definition(value) == Label(tlp=Tlp.RED)


def test_a_statement_restricts_nothing_and_obliges_to_attribute() -> None:
    text = "Copyright 2015-2025, The MITRE Corporation."
    assert read_definition(statement(text)) == Label(obligations=frozenset({f"attribute: {text}"}))


@pytest.mark.parametrize(
    "properties",
    [
        {},
        {"definition_type": "iep", "definition": {"iep_version": "2.0"}},
        {"definition_type": "tlp", "definition": {"tlp": "ultraviolet"}},
        {"definition_type": "tlp", "definition": {}},
        {"definition_type": "statement", "definition": {"statement": ""}},
        {"definition_type": "statement", "definition": {"statement": 5}},
        {"definition_type": "statement"},
        {"extensions": {"extension-definition--x": {"extension_type": "property-extension"}}},
        {"extensions": {TLP_2_EXTENSION: {"tlp_2_0": "purple"}}},
        {"extensions": {TLP_2_EXTENSION: {"tlp_2_0": "red"}, "extension-definition--x": {}}},
        {"extensions": {LABEL_EXTENSION: {"extension_type": "property-extension", "tpl": "red"}}},
        {"extensions": []},
    ],
)
def test_what_cannot_be_read_wholly_is_unmapped(properties: dict[str, Any]) -> None:
    assert MARK in read_definition(definition(**properties)).unmapped


def test_a_marking_without_a_definition_is_unmapped() -> None:
    markings = Markings()
    assert not markings.knows(MARK)
    assert markings.effective(OWNER, (MARK,)).unmapped == {MARK}


def test_two_definitions_of_one_id_both_hold() -> None:
    markings = Markings([statement("Copyright 2024")])
    assert markings.learn(statement("Copyright 2025"))
    assert not markings.learn(statement("Copyright 2025"))
    assert markings.restriction(MARK).obligations == {
        "attribute: Copyright 2024",
        "attribute: Copyright 2025",
    }


def test_what_is_stored_under_an_id_is_asked_once_and_holds_beside_what_was_learned() -> None:
    asked: list[str] = []

    def stored(marking: str) -> list[dict[str, Any]]:
        asked.append(marking)
        return [statement("Copyright 2024")] if marking == MARK else []

    markings = Markings([statement("Copyright 2025")], stored=stored)
    both = {"attribute: Copyright 2024", "attribute: Copyright 2025"}
    assert markings.effective(OWNER, (MARK,)).obligations == both
    assert markings.effective(OWNER, (MARK, OTHER)).unmapped == {OTHER}
    assert markings.knows(MARK)
    assert asked == [MARK, OTHER]


def test_a_definition_that_is_learned_later_changes_labels_given_before() -> None:
    markings = Markings()
    assert markings.effective(OWNER, (MARK,)).unmapped
    markings.learn(statement("x"))
    assert markings.effective(OWNER, (MARK,)) == join(OWNER, Label(obligations=frozenset({"attribute: x"})))


def test_markings_in_bytes_permit_nothing_that_the_owner_did_not() -> None:
    green = next(marking for marking, tlp in TLP_2.items() if tlp is Tlp.GREEN)
    assert Markings().effective(NEUTRAL, (green,)).releasable_to == {NOBODY}
    open_label = embed(OWNER)[-1]
    markings = Markings([open_label])
    assert not is_listed(markings.effective(complete(Label(tlp=Tlp.CLEAR)), (open_label["id"],)), B)


def test_markings_in_bytes_are_not_undercut_by_a_milder_owner() -> None:
    red = next(marking for marking, tlp in TLP_2.items() if tlp is Tlp.RED)
    assert Markings().effective(OWNER, (red,)).tlp is Tlp.RED


def test_each_portion_bears_its_own_markings_beside_those_of_the_object() -> None:
    amber, red = (next(m for m, tlp in TLP_2.items() if tlp is level) for level in (Tlp.AMBER, Tlp.RED))
    stix = Object(
        id="malware--x",
        type="malware",
        version=0,
        raw=b"",
        sha256=b"",
        markings=(amber,),
        granular=(
            Granular(selectors=("name",), markings=(red,)),
            Granular(selectors=("labels",), markings=(OTHER,)),
        ),
    )
    whole, name, labels = Markings().labels(OWNER, stix)
    assert (whole.tlp, name.tlp, labels.tlp) == (Tlp.AMBER, Tlp.RED, Tlp.AMBER)
    assert labels.unmapped == {OTHER}


def test_an_effective_label_is_made_once() -> None:
    markings = Markings([statement("x")])
    assert markings.effective(OWNER, (MARK,)) is markings.effective(OWNER, (MARK,))


@settings(max_examples=100)
@given(label=restrictions)
def test_a_label_goes_out_as_a_marking_definition_and_comes_back(label: Label) -> None:
    made = label_definition(label)
    assert read_definition(json.loads(json.dumps(made))) == label
    jsonschema_rs.validate(SCHEMA, made["extensions"][LABEL_EXTENSION])
    assert label_definition(label) == made


def test_equal_labels_share_an_id_and_others_do_not() -> None:
    assert label_definition(OWNER)["id"] == label_definition(complete(OWNER))["id"]
    assert label_definition(OWNER)["id"] != label_definition(NEUTRAL)["id"]


@pytest.mark.parametrize(
    "inner",
    [
        {"tlp": "red"},
        {"extension_type": "property-extension", "releasable_to": [{}]},
        {"extension_type": "property-extension", "releasable_to": [{"names": ["x"], "nobody": True}]},
        {"extension_type": "property-extension", "releasable_to": [{"names": []}]},
        {"extension_type": "property-extension", "purposes": ["ct"], "no_purpose": True},
        {"extension_type": "property-extension", "purposes": []},
        {"extension_type": "property-extension", "expires": "tomorrow"},
        {"extension_type": "property-extension", "expires": "2027-01-01T00:00:00+07:00"},
        {"extension_type": "property-extension", "expires": 5},
        {"extension_type": "property-extension", "tlp": "white"},
        {"extension_type": "property-extension", "retention_days": -1},
    ],
)
def test_what_the_schema_refuses_is_not_read(inner: dict[str, Any]) -> None:
    assert read_label_extension(inner) is None
    assert not jsonschema_rs.is_valid(SCHEMA, inner)


def test_the_extension_is_published_as_stix_objects_that_a_reader_accepts() -> None:
    author, published = extension_definition()
    assert published["schema"] == LABEL_SCHEMA == SCHEMA["$id"]
    for value in (author, published, *embed(OWNER)):
        raw = json.dumps(value).encode()
        assert isinstance(to_object(Foreign(index=0, raw=raw, format="stix-2.1")), Object)


def test_an_export_says_the_official_tlp_beside_the_whole_label() -> None:
    assert embed(OWNER)[0] == tlp_definition(Tlp.CLEAR)
    assert len(embed(Label(topics=frozenset({"cyber"})))) == 1


def test_embedding_keeps_the_markings_that_an_object_bears() -> None:
    value = {"type": "malware", "object_marking_refs": [MARK]}
    assert marked_with(value, [OTHER, MARK])["object_marking_refs"] == [MARK, OTHER]
    assert value["object_marking_refs"] == [MARK]


def test_the_specification_names_the_extension_and_every_official_marking() -> None:
    page = (ROOT / "spec/labels.md").read_text()
    for name in (LABEL_EXTENSION, TLP_2_EXTENSION, *TLP_1, *TLP_2):
        assert f"`{name}`" in page
