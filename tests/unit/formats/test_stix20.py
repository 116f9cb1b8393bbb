"""STIX 2.0 comes in through a conversion that says what it lost and never opens a marking."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import stix2

from simpul.domain.objects import Foreign
from simpul.formats.stix import Reading, read
from tests.unit.formats.examples import TIME, TLP_GREEN, some_id

RED = "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed"


def old(type: str, **properties: Any) -> dict[str, Any]:
    return {"type": type, "id": some_id(type), "created": TIME, "modified": TIME} | properties


def converted(value: object) -> Reading:
    raw = msgspec.json.encode(value)
    made = read(Foreign(index=3, raw=raw, format="stix-2.0"))
    assert made.original == raw
    again = read(Foreign(index=3, raw=raw, format="stix-2.0"))
    assert again == made
    return made


def values(made: Reading) -> list[dict[str, Any]]:
    assert made.faults == ()
    for each in made.objects:
        stix2.parse(each.raw.decode(), version="2.1", allow_custom=True)
    return [json.loads(each.raw) for each in made.objects]


OBSERVED = old(
    "observed-data",
    first_observed=TIME,
    last_observed=TIME,
    number_observed=1,
    object_marking_refs=[TLP_GREEN],
    objects={
        "0": {
            "type": "file",
            "name": "a.exe",
            "hashes": {"ssdeep": "3:AXGBicFlgVNhBGcL6wCrFQEv:AXGHsNhxLsr2C"},
        }
        | {"parent_directory_ref": "1", "created": TIME, "is_encrypted": False, "x_note": "kept"},
        "1": {"type": "directory", "path": "C:\\Temp", "contains_refs": ["0", "9"]},
        "2": {"type": "process", "pid": 4, "name": "a", "binary_ref": "0", "created": TIME},
        "3": {"type": "network-traffic", "src_ref": "4", "protocols": ["tcp"]},
        "4": {"type": "ipv4-addr", "value": "198.51.100.7"},
        "5": {"type": "user-account", "user_id": "5", "password_last_changed": TIME},
        "6": {"type": "windows-registry-key", "key": "HKEY_LOCAL_MACHINE\\X", "modified": TIME},
    },
)


def test_labels_that_named_a_type_move_to_their_property() -> None:
    (value,) = values(
        converted(
            old(
                "indicator",
                labels=["malicious-activity"],
                pattern="[url:value = 'https://example.org/'] START '2026-01-01T00:00:00Z' STOP '2026-02-01T00:00:00Z'",
                valid_from=TIME,
                granular_markings=[{"marking_ref": RED, "selectors": ["labels.[0]", "pattern"]}],
            )
        )
    )
    assert value["indicator_types"] == ["malicious-activity"]
    assert "labels" not in value
    assert value["spec_version"] == "2.1"
    assert value["pattern_type"] == "stix"
    assert "START t'" in value["pattern"]
    assert value["granular_markings"][0]["selectors"] == ["indicator_types.[0]", "pattern"]


def test_what_was_not_stated_is_reported() -> None:
    made = converted(old("malware", name="Gull", labels=["trojan"]))
    assert values(made)[0]["is_family"] is False
    assert [(loss.index, loss.id, loss.path) for loss in made.losses] == [
        (3, some_id("malware"), "is_family")
    ]


def test_the_container_becomes_observables_with_ids_and_references() -> None:
    made = converted(OBSERVED)
    found = values(made)
    by_type = {value["type"]: value for value in found}
    assert len(found) == 8
    assert found[-1]["object_refs"] == [value["id"] for value in found[:-1]]
    assert "objects" not in found[-1]
    assert by_type["ipv4-addr"]["id"] == stix2.IPv4Address(value="198.51.100.7")["id"]
    file = by_type["file"]
    assert file["parent_directory_ref"] == by_type["directory"]["id"]
    assert file["ctime"] == TIME
    assert "SSDEEP" in file["hashes"]
    assert file["x_note"] == "kept"
    assert by_type["directory"]["contains_refs"] == [file["id"]]
    assert by_type["process"]["image_ref"] == file["id"]
    assert by_type["process"]["created_time"] == TIME
    assert by_type["user-account"]["credential_last_changed"] == TIME
    assert by_type["windows-registry-key"]["modified_time"] == TIME
    assert sorted(loss.path for loss in made.losses) == [
        "objects.0.is_encrypted",
        "objects.1.contains_refs",
        "objects.2.name",
    ]


def test_observables_take_the_markings_of_their_observation_along() -> None:
    made = converted(
        OBSERVED
        | {
            "granular_markings": [
                {"marking_ref": RED, "selectors": ["objects.4.value", "objects.1", "number_observed"]},
            ]
        }
    )
    by_type = {value["type"]: value for value in values(made)}
    assert by_type["file"]["object_marking_refs"] == [TLP_GREEN]
    assert by_type["directory"]["object_marking_refs"] == [TLP_GREEN, RED]
    assert by_type["ipv4-addr"]["granular_markings"] == [{"marking_ref": RED, "selectors": ["value"]}]
    assert by_type["observed-data"]["granular_markings"] == [
        {"marking_ref": RED, "selectors": ["number_observed"]}
    ]


def test_a_mark_on_the_whole_container_marks_everything_in_it() -> None:
    made = converted(OBSERVED | {"granular_markings": [{"marking_ref": RED, "selectors": ["objects"]}]})
    assert all(RED in value["object_marking_refs"] for value in values(made)[:-1])


def test_observables_that_refer_to_each_other_in_a_ring_still_get_ids() -> None:
    made = converted(
        OBSERVED
        | {
            "objects": {
                "0": {"type": "process", "pid": 1, "parent_ref": "1"},
                "1": {"type": "process", "pid": 2, "parent_ref": "0"},
            }
        }
    )
    first, second, _ = values(made)
    assert (first["parent_ref"], second["parent_ref"]) == (second["id"], first["id"])


def test_what_is_wrong_is_a_fault_of_that_object() -> None:
    made = converted(old("tool", labels=["x"]))
    assert [(fault.index, fault.path) for fault in made.faults] == [(3, "name")]
    assert made.objects == ()
    broken = read(Foreign(index=3, raw=b'{"type":"tool","type":"tool"}', format="stix-2.0"))
    assert [fault.path for fault in broken.faults] == ["type"]


def test_odd_containers_never_raise() -> None:
    odd: list[Any] = [{}, {"0": 5}, {"0": {}}, {"0": {"type": 5}}, {"0": {"type": "file", "x_ref": "0"}}, []]
    for objects in odd:
        read(Foreign(index=0, raw=msgspec.json.encode(OBSERVED | {"objects": objects}), format="stix-2.0"))
