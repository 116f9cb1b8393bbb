"""Deterministic ids are those of the specification and of the reference library; canonical form is RFC 8785's."""

from __future__ import annotations

import json
from typing import Any

import pytest
import rfc8785
import stix2

from simpul.domain.stix_observables import CONTRIBUTING
from simpul.formats.stix_ids import canonical, observable_id
from tests.unit.formats.examples import GOOD, SHA256, accepted, good, refused, some_id


@pytest.mark.parametrize(
    ("type", "properties", "uuid"),
    [
        ("ipv4-addr", {"value": "198.51.100.3"}, "28bb3599-77cd-5a82-a950-b5bc3caf07c4"),
        ("domain-name", {"value": "example.com"}, "bedb4899-d24b-5401-bc86-8f6b4cc18ec7"),
        ("mutex", {"name": "__CLEANSWEEP__"}, "f93fe911-e545-5239-b9b0-597840d0c871"),
        ("url", {"value": "https://example.com/research/index.html"}, "47c3cf9a-5027-5bf0-997a-017c7edc7c55"),
    ],
)
def test_examples_of_the_specification_have_their_published_ids(
    type: str, properties: dict[str, Any], uuid: str
) -> None:
    assert observable_id(type, properties | {"defanged": False}) == f"{type}--{uuid}"


@pytest.mark.parametrize(
    "type",
    sorted(GOOD.keys() & CONTRIBUTING.keys() - {"x-simpul-identifier"}),
)
def test_ids_are_those_of_the_reference_library(type: str) -> None:
    value = {name: inner for name, inner in GOOD[type].items() if name != "id"}
    assert stix2.parse(json.dumps(value), version="2.1")["id"] == GOOD[type]["id"]


@pytest.mark.parametrize(
    "hashes",
    [{"SHA-256": SHA256, "SHA-1": "a" * 40}, {"SHA-512": "b" * 128, "SHA-256": SHA256}, {"TLSH": "c" * 70}],
)
def test_of_several_hashes_the_preferred_one_makes_the_id(hashes: dict[str, str]) -> None:
    assert observable_id("file", {"hashes": hashes}) == stix2.File(hashes=hashes)["id"]


def test_nothing_that_contributes_gives_no_id() -> None:
    assert observable_id("process", {"pid": 5}) is None
    assert observable_id("file", {"size": 5}) is None
    assert observable_id("tool", {"name": "x"}) is None


@pytest.mark.parametrize(
    "value",
    [
        {"b": 'q"\\\b\f\n\r\t\x01\x1f\x7f/', "a": "é\u2028😀", "c": 5},
        {"x": {"z": [1, "2", True, False], "y": {}}, "w": [[], ["a"]]},
        {"f": 1.0, "g": 1e21, "h": 0.1},
        {"é": 1, "z": 2, "\U0001f600": 3, "\ufb33": 4},
    ],
)
def test_the_short_way_to_canonical_form_gives_the_same_bytes(value: dict[str, Any]) -> None:
    assert canonical(value) == rfc8785.dumps(value)


def test_a_version_5_id_must_follow_from_the_values_and_any_other_version_is_accepted() -> None:
    accepted(good("url", id=some_id("url")))
    accepted(good("url", id="url--01890a5d-ac96-774b-bcce-b302099a8057"))
    wrong = "url--00000000-0000-5000-8000-000000000000"
    assert refused(good("url", id=wrong)) == [
        ("id", f"is of version 5 but does not follow from the object's values; they give {GOOD['url']['id']}")
    ]
    assert [path for path, _ in refused(good("process", id="process--" + wrong[5:]))] == ["id"]
    accepted(good("tool", id="tool--" + wrong[5:]))
