from __future__ import annotations

import json
from collections.abc import Hashable
from typing import Any

import pytest

from simpul.domain.cutting import Candidate, Cut, cut, mentions, settle
from simpul.domain.references import is_whole
from simpul.domain.tlp_markings import TLP_1, TLP_2, TLP_2_EXTENSION

HIDDEN = "identity--00000000-0000-4000-8000-00000000dead"
KNOWN = "identity--00000000-0000-4000-8000-00000000beef"
MARK = "marking-definition--00000000-0000-4000-8000-000000000001"
SECRET_MARK = "marking-definition--00000000-0000-4000-8000-000000000002"
MADE = "2026-01-01T00:00:00.000Z"


def stix(kind: str, **properties: Any) -> dict[str, Any]:
    head = {"type": kind, "spec_version": "2.1", "id": f"{kind}--00000000-0000-4000-8000-0000000000aa"}
    return head | {"created": MADE, "modified": MADE} | properties


def observable(kind: str, id: str, **properties: Any) -> dict[str, Any]:
    return {"type": kind, "spec_version": "2.1", "id": f"{kind}--{id}"} | properties


RANDOM_ID = "00000000-0000-4000-8000-0000000000bb"
MADE_ID = "00000000-0000-5000-8000-0000000000bb"
MALWARE = stix("malware", name="Pelikan", is_family=True)


def cut_for(value: dict[str, Any], *denied: str, granted: frozenset[str] = frozenset({KNOWN, MARK})) -> Cut:
    done = cut(value, granted=granted.__contains__, denied=denied)
    if done.kept is not None:
        assert is_whole(done.kept)
        assert HIDDEN not in json.dumps(done.kept)
    return done


def test_an_object_of_which_everything_may_go_is_the_same_object() -> None:
    value = MALWARE | {"created_by_ref": KNOWN, "object_marking_refs": [MARK]}
    done = cut_for(value)
    assert done.kept is value
    assert done == Cut(kept=value)


def test_an_optional_reference_is_cut() -> None:
    done = cut_for(MALWARE | {"created_by_ref": HIDDEN})
    assert done.kept == MALWARE
    assert done.removed == ("created_by_ref",)


def test_an_element_of_a_list_is_cut_and_an_emptied_optional_list_with_it() -> None:
    value = stix("sighting", sighting_of_ref=KNOWN, where_sighted_refs=[HIDDEN, KNOWN])
    done = cut_for(value)
    assert done.kept is not None
    assert done.kept["where_sighted_refs"] == [KNOWN]
    assert done.removed == ("where_sighted_refs.[0]",)
    emptied = cut_for(value | {"where_sighted_refs": [HIDDEN]})
    assert emptied.kept is not None
    assert "where_sighted_refs" not in emptied.kept


def test_an_emptied_required_list_withholds_the_object() -> None:
    note = stix("note", content="c", object_refs=[HIDDEN, KNOWN])
    kept = cut_for(note).kept
    assert kept is not None
    assert kept["object_refs"] == [KNOWN]
    assert cut_for(note | {"object_refs": [HIDDEN]}).withheld == "reference.required"


@pytest.mark.parametrize(
    "value",
    [
        stix("relationship", relationship_type="uses", source_ref=HIDDEN, target_ref=KNOWN),
        stix("sighting", sighting_of_ref=HIDDEN),
        stix("language-content", object_ref=HIDDEN, contents={"id": {"name": "x"}}),
        stix(
            "observed-data", first_observed=MADE, last_observed=MADE, number_observed=1, object_refs=[HIDDEN]
        ),
        stix("malware-analysis", product="p", analysis_sco_refs=[HIDDEN]),
    ],
)
def test_a_required_reference_withholds_the_object(value: dict[str, Any]) -> None:
    assert cut_for(value) == Cut(kept=None, withheld="reference.required")


def test_a_reference_that_an_id_is_made_from_withholds_the_observable() -> None:
    made = observable("file", MADE_ID, name="a", parent_directory_ref=HIDDEN)
    assert cut_for(made).withheld == "reference.required"
    drawn = observable("file", RANDOM_ID, name="a", parent_directory_ref=HIDDEN)
    assert cut_for(drawn).removed == ("parent_directory_ref",)


def test_a_marking_is_never_cut() -> None:
    value = MALWARE | {"object_marking_refs": [MARK, SECRET_MARK]}
    assert cut_for(value) == Cut(kept=None, withheld="reference.marking")
    assert cut_for(value, "object_marking_refs").withheld == "portion.required"


@pytest.mark.parametrize("marking", [*TLP_1, *TLP_2])
def test_the_official_tlp_markings_are_granted_to_everybody(marking: str) -> None:
    value = MALWARE | {"object_marking_refs": [marking]}
    assert cut(value, granted=lambda _: False).kept is value


def test_the_definition_of_a_tlp_may_go_with_the_extension_that_says_it() -> None:
    value = stix(
        "marking-definition",
        extensions={TLP_2_EXTENSION: {"extension_type": "property-extension", "tlp_2_0": "red"}},
    )
    assert cut(value, granted=lambda _: False).kept is value


@pytest.mark.parametrize(
    ("properties", "removed"),
    [
        ({"description": f"see {HIDDEN}."}, "description"),
        ({"name": f"called {HIDDEN}"}, "name"),
        ({"labels": ["one", HIDDEN, "two"]}, "labels.[1]"),
        ({"aliases": [f"x {HIDDEN}"]}, "aliases.[0]"),
        ({"x_peer": HIDDEN}, "x_peer"),
        ({"x_peers": [KNOWN, {"deep": [HIDDEN]}]}, "x_peers.[1]"),
        ({"x_map": {HIDDEN: True, "other": 1}}, "x_map"),
        ({f"x_{HIDDEN}": 1}, f"x_{HIDDEN}"),
        (
            {
                "external_references": [
                    {"source_name": "s", "external_id": HIDDEN},
                    {"source_name": "t", "url": "u"},
                ]
            },
            "external_references.[0]",
        ),
        (
            {"extensions": {"x-one-ext": {"about": HIDDEN}, "x-two-ext": {"about": "no"}}},
            "extensions.x-one-ext",
        ),
    ],
)
def test_an_id_where_it_is_no_reference_takes_its_property_or_element_along(
    properties: dict[str, Any], removed: str
) -> None:
    done = cut_for(MALWARE | properties)
    assert done.removed == (removed,)


def test_an_extension_whose_definition_is_not_granted_is_cut_by_its_key() -> None:
    hidden = "extension-definition--00000000-0000-4000-8000-0000000000cc"
    extension = {hidden: {"extension_type": "property-extension", "rank": 5}}
    assert cut_for(MALWARE | {"extensions": extension}).kept == MALWARE


def test_an_object_whose_type_an_extension_defines_is_not_sent_without_it() -> None:
    hidden = "extension-definition--00000000-0000-4000-8000-0000000000cc"
    value = stix("x-vessel", extensions={hidden: {"extension_type": "new-sdo"}})
    assert cut_for(value).withheld == "reference.text"


@pytest.mark.parametrize(
    "value",
    [
        stix("note", content=f"about {HIDDEN}", object_refs=[KNOWN]),
        stix("indicator", pattern=f"[file:name = '{HIDDEN}']", pattern_type="stix", valid_from=MADE),
        stix("identity", name=HIDDEN),
        stix("marking-definition", definition_type="statement", definition={"statement": HIDDEN}),
    ],
)
def test_an_id_in_text_that_must_stay_withholds_the_object(value: dict[str, Any]) -> None:
    assert cut_for(value) == Cut(kept=None, withheld="reference.text")


def test_an_observable_whose_name_made_its_id_is_withheld_and_not_renamed() -> None:
    made = observable("file", MADE_ID, name=f"{HIDDEN}.txt", hashes={"SHA-256": "0" * 64})
    assert cut_for(made).withheld == "reference.text"


def test_a_custom_observable_with_a_made_id_is_never_cut() -> None:
    made = {
        "type": "x-plate",
        "spec_version": "2.1",
        "id": f"x-plate--{MADE_ID}",
        "value": "B 1",
        "x_peer": HIDDEN,
    }
    assert cut_for(made).withheld == "reference.text"
    assert cut_for(made | {"x_peer": KNOWN}, "value").withheld == "portion.required"


def marked(value: dict[str, Any], *selectors: str, marking: str = MARK) -> dict[str, Any]:
    return value | {"granular_markings": [{"marking_ref": marking, "selectors": list(selectors)}]}


def test_a_denied_portion_is_removed_with_the_marking_that_pointed_to_it() -> None:
    value = marked(MALWARE | {"description": "the source is the driver"}, "description")
    done = cut_for(value, "description")
    assert done.kept == MALWARE
    assert done.removed == ("description",)


def test_a_denied_element_is_removed_and_the_other_selectors_count_anew() -> None:
    value = MALWARE | {"aliases": ["a", "b", "c"]}
    value |= {
        "granular_markings": [
            {"marking_ref": MARK, "selectors": ["aliases.[0]"]},
            {"marking_ref": MARK, "selectors": ["aliases.[2]"]},
        ]
    }
    kept = cut_for(value, "aliases.[0]").kept
    assert kept is not None
    assert kept["aliases"] == ["b", "c"]
    assert kept["granular_markings"] == [{"marking_ref": MARK, "selectors": ["aliases.[1]"]}]


@pytest.mark.parametrize("selector", ["is_family", "id", "type", "granular_markings", "no_such_property"])
def test_a_denied_portion_that_must_stay_withholds_the_object(selector: str) -> None:
    assert cut_for(marked(MALWARE, "name"), selector) == Cut(kept=None, withheld="portion.required")


def test_a_portion_whose_marking_is_not_granted_is_denied() -> None:
    value = marked(MALWARE | {"description": "d"}, "description", marking=SECRET_MARK)
    assert cut_for(value).kept == MALWARE
    assert cut_for(marked(MALWARE, "is_family", marking=SECRET_MARK)).withheld == "portion.required"


def test_denying_a_longitude_takes_what_means_nothing_without_it() -> None:
    place = stix("location", country="XA", latitude=1.5, longitude=2.5, precision=10.0)
    done = cut_for(marked(place, "longitude"), "longitude")
    assert done.kept is not None
    assert not {"latitude", "longitude", "precision"} & set(done.kept)
    alone = {key: inner for key, inner in place.items() if key != "country"}
    assert cut_for(marked(alone, "longitude"), "longitude").withheld == "portion.required"


def test_denying_more_inside_a_portion_never_brings_the_object_back() -> None:
    value = MALWARE | {"kill_chain_phases": [{"kill_chain_name": "k", "phase_name": "p"}]}
    inner = "kill_chain_phases.[0].phase_name"
    assert cut_for(value, inner).withheld == "portion.required"
    assert cut_for(value, inner, "kill_chain_phases.[0]").withheld == "portion.required"
    assert cut_for(value, "kill_chain_phases.[0]").kept == MALWARE


def test_a_reference_inside_a_denied_portion_needs_no_cut_of_its_own() -> None:
    value = marked(MALWARE | {"sample_refs": [HIDDEN]}, "sample_refs")
    assert cut_for(value, "sample_refs").removed == ("sample_refs",)


def test_ids_are_found_behind_escapes_and_in_keys() -> None:
    hidden = "".join(f"\\u{ord(c):04x}" for c in HIDDEN)
    raw = f'{{"id":"x","description":"see {hidden}","{KNOWN}":1}}'.encode()
    assert mentions(raw, "x") == {HIDDEN, KNOWN}


def test_an_id_glued_to_an_escaped_line_break_is_the_id_itself() -> None:
    raw = json.dumps({"description": f"line\n{KNOWN}"}).encode()
    assert mentions(raw, "x") == {KNOWN}


def test_an_object_does_not_mention_itself() -> None:
    raw = json.dumps(MALWARE | {"description": f"I am {MALWARE['id']}"}).encode()
    assert mentions(raw, MALWARE["id"]) == frozenset()


def link(number: int, to: str) -> dict[str, Any]:
    own = f"note--00000000-0000-4000-8000-{number:012x}"
    return stix("note", content="c", object_refs=[to]) | {"id": own}


def settled(values: list[dict[str, Any]], granted: frozenset[str] = frozenset()) -> dict[Hashable, str]:
    by_key: dict[Hashable, dict[str, Any]] = dict(enumerate(values))
    candidates = [
        Candidate(key=key, id=value["id"], ids=mentions(json.dumps(value).encode(), value["id"]))
        for key, value in by_key.items()
    ]
    return settle(lambda: candidates, load=by_key.__getitem__, granted=granted.__contains__).withheld


def test_withholding_one_withholds_all_that_must_refer_to_it_however_long_the_chain() -> None:
    chain = [link(0, HIDDEN)]
    for number in range(1, 300):
        chain.append(link(number, chain[-1]["id"]))
    assert len(settled(chain)) == 300
    assert len(settled(chain[::-1])) == 300
    assert settled(chain, frozenset({HIDDEN})) == {}


def test_a_circle_of_notes_about_each_other_may_go() -> None:
    first, second = link(0, "x"), link(1, "y")
    first["object_refs"], second["object_refs"] = [second["id"]], [first["id"]]
    assert settled([first, second]) == {}


def test_an_id_stays_granted_while_one_of_its_renditions_goes() -> None:
    whole, broken = link(0, KNOWN), link(0, HIDDEN)
    follower = link(1, whole["id"])
    assert settled([whole, broken, follower], frozenset({KNOWN})) == {1: "reference.required"}
    assert settled([broken, broken, follower]) == dict.fromkeys(range(3), "reference.required")


def test_only_objects_that_mention_what_is_not_granted_are_decoded() -> None:
    values = [link(number, KNOWN) for number in range(20)]
    loaded: list[Hashable] = []

    def load(key: Hashable) -> dict[str, Any]:
        loaded.append(key)
        return values[int(str(key))]

    candidates = [Candidate(key=k, id=v["id"], ids=frozenset({KNOWN})) for k, v in enumerate(values)]
    candidates.append(Candidate(key=3, id="note--x", ids=frozenset({HIDDEN})))
    settle(lambda: candidates, load=load, granted=frozenset({KNOWN}).__contains__)
    assert loaded == [3]
