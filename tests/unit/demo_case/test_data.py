"""The demonstration's data is what its README says, and comes out of the story byte for byte."""

from __future__ import annotations

import ipaddress
import json
import re
from collections import Counter
from typing import Any

import pytest
import stix2

from simpul.demo_case import build, path
from simpul.demo_case.ids import CONTRIBUTING
from simpul.domain.objects import Foreign, Object
from simpul.formats.stix import to_object

CASE: dict[str, Any] = json.loads(path("case.json").read_bytes())
OBJECTS: dict[str, dict[str, Any]] = {o["id"]: o for o in CASE["objects"]}
CANARIES: list[dict[str, Any]] = json.loads(path("canaries.json").read_bytes())
OBSERVABLES = frozenset(CONTRIBUTING)
DOCUMENTATION = [
    ipaddress.ip_network(n) for n in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
]


@pytest.mark.parametrize("name", build.files())
def test_the_files_are_what_the_story_makes(name: str) -> None:
    assert path(name).read_bytes() == build.files()[name]


@pytest.mark.parametrize("name", ["case.json", "sightings-b.json", "sanitised.json"])
def test_every_object_is_valid_stix_here_and_for_the_oasis_library(name: str) -> None:
    for index, stix in enumerate(json.loads(path(name).read_bytes())["objects"]):
        raw = json.dumps(stix).encode()
        read = to_object(Foreign(index=index, raw=raw, format="stix-2.1"))
        assert isinstance(read, Object), read
        stix2.parse(raw.decode(), allow_custom=True)


def test_there_are_at_least_two_hundred_indicators_and_observables() -> None:
    kinds = Counter(o["type"] for o in OBJECTS.values())
    assert kinds["indicator"] + sum(kinds[k] for k in OBSERVABLES) >= 200
    identifiers = Counter(o["kind"] for o in OBJECTS.values() if o["type"] == "x-simpul-identifier")
    assert {"imo", "mmsi", "passport", "phone", "iban"} == identifiers.keys()


def test_the_plan_gives_every_object_exactly_one_label_that_exists() -> None:
    plan = json.loads(path("plan.json").read_bytes())
    assert Counter(i for step in plan for i in step["ids"]) == Counter(OBJECTS.keys())
    assert all(path(step["label"]) for step in plan)


def test_every_canary_stands_where_the_list_says() -> None:
    narrative = path("portions.toml").read_text(encoding="utf-8")
    for canary in CANARIES:
        held = narrative if canary["object"].startswith("portion") else json.dumps(OBJECTS[canary["object"]])
        assert canary["canary"] in held, canary


def test_words_for_withheld_things_stand_nowhere_else() -> None:
    words = Counter(re.findall(r"\bq[a-kmnp-z2-9]{12}\b", path("case.json").read_text(encoding="utf-8")))
    listed = {w for c in CANARIES for w in re.findall(r"\bq[a-kmnp-z2-9]{12}\b", c["canary"])}
    assert words.keys() <= listed


def test_every_address_lies_in_a_range_for_documentation() -> None:
    for stix in OBJECTS.values():
        if stix["type"] in ("ipv4-addr", "ipv6-addr"):
            address = ipaddress.ip_address(stix["value"])
            assert any(address in network for network in DOCUMENTATION), stix["value"]


def test_every_domain_lies_in_a_zone_for_documentation() -> None:
    for stix in OBJECTS.values():
        if stix["type"] == "domain-name":
            assert re.search(r"(\.|^)(example(\.(org|net|com))?|test)$", stix["value"]), stix["value"]
