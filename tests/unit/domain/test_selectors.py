from __future__ import annotations

from typing import Any

import pytest

from simpul.domain.selectors import Path, covered, places, resolve, selector_of, without

VALUE: dict[str, Any] = {
    "name": "n",
    "labels": ["a", "b", "c"],
    "external_references": [{"source_name": "s", "url": "u"}, {"source_name": "t", "external_id": "1"}],
    "hashes": {"SHA-256": "00"},
    "x_dotted.name": {"in.ner": 1, "in": {"ner": 2}},
}


@pytest.mark.parametrize(
    ("selector", "path"),
    [
        ("name", ("name",)),
        ("labels.[2]", ("labels", 2)),
        ("external_references.[1].external_id", ("external_references", 1, "external_id")),
        ("hashes.SHA-256", ("hashes", "SHA-256")),
        ("x_dotted.name.in.ner", ("x_dotted.name", "in", "ner")),
    ],
)
def test_a_selector_finds_its_place(selector: str, path: Path) -> None:
    assert resolve(selector, VALUE) == path
    assert selector_of(path) == selector


@pytest.mark.parametrize(
    "selector",
    ["", "other", "labels.[3]", "labels.2", "labels.[-1]", "labels.[]", "name.[0]", "name.x", "labels.[0].x"],
)
def test_a_selector_that_selects_nothing_has_no_place(selector: str) -> None:
    assert resolve(selector, VALUE) is None


def test_keys_with_dots_can_mean_several_places_and_all_are_given() -> None:
    assert list(places("x_dotted.name.in.ner", VALUE)) == [
        ("x_dotted.name", "in", "ner"),
        ("x_dotted.name", "in.ner"),
    ]


def test_a_place_is_covered_by_itself_and_by_what_it_lies_in() -> None:
    assert covered(("labels", 1), {("labels",)})
    assert covered(("labels", 1), {("labels", 1)})
    assert not covered(("labels", 1), {("labels", 0), ("name",)})


def test_what_remains_keeps_its_order_and_the_given_object_is_untouched() -> None:
    before = repr(VALUE)
    left = without(VALUE, {("labels", 1), ("external_references", 0, "url"), ("x_dotted.name",)})
    assert list(left) == ["name", "labels", "external_references", "hashes"]
    assert left["labels"] == ["a", "c"]
    assert left["external_references"][0] == {"source_name": "s"}
    assert repr(VALUE) == before


def test_an_emptied_list_or_dictionary_of_the_object_goes_too() -> None:
    left = without(VALUE, {("labels", i) for i in range(3)} | {("hashes", "SHA-256")})
    assert list(left) == ["name", "external_references", "x_dotted.name"]


def test_selectors_follow_the_elements_that_they_selected() -> None:
    marked = VALUE | {
        "granular_markings": [
            {"marking_ref": "m--1", "selectors": ["labels.[0]", "labels.[2]", "name"]},
            {"marking_ref": "m--2", "selectors": ["labels.[1]"]},
            {"lang": "id", "selectors": ["labels", "external_references.[1].external_id"]},
        ]
    }
    left = without(marked, {("labels", 1), ("external_references", 0)})
    assert left["granular_markings"] == [
        {"marking_ref": "m--1", "selectors": ["labels.[0]", "labels.[1]", "name"]},
        {"lang": "id", "selectors": ["labels", "external_references.[0].external_id"]},
    ]


def test_no_granular_marking_is_left_when_all_that_it_marked_is_gone() -> None:
    marked = VALUE | {"granular_markings": [{"marking_ref": "m--1", "selectors": ["name", "labels.[0]"]}]}
    assert "granular_markings" not in without(marked, {("name",), ("labels",)})
