"""FIRST IEP 2.0: what a policy says becomes a restriction, what it cannot say is listed, what is unknown is unmapped."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings

from simpul.domain.labels import Label, Tlp, complete, dominates
from simpul.errors import InputFault, SyntaxFault, TooLarge
from simpul.formats.iep import (
    ACTIONS,
    IEP_EXTENSION,
    POLICY_LIMIT,
    encode_policy,
    read_policy,
    write_policy,
)
from simpul.formats.markings import read_definition
from tests.properties.strategies import labels

POLICY: dict[str, Any] = {
    "id": "f52bd9a6-4a3c-4c7b-9f3a-1c2d9a3f7b10",
    "name": "Harbour exchange",
    "description": "For the harbour offices.",
    "iep_version": 2.0,
    "start_date": "2026-01-01T00:00:00Z",
    "end_date": "2027-01-01T00:00:00Z",
    "encrypt_in_transit": "must",
    "permitted_actions": "internally-visible-actions",
    "affected_party_notifications": "must-not",
    "tlp": "amber",
    "attribution": "must-not",
    "unmodified_resale": "must-not",
    "external_reference": "https://harbour.example.org/policy",
}
ENDS = 1_798_761_600_000_000


def policy(**changes: Any) -> bytes:
    return json.dumps({k: v for k, v in (POLICY | changes).items() if v is not ...}).encode()


def marking(**changes: Any) -> dict[str, Any]:
    """The example of the OASIS draft, with changes."""
    carried = {
        "extension_type": "property-extension",
        "encrypt_in_transit": "must",
        "permitted_actions": "contact-for-instruction",
        "affected_party_notifications": "must-not",
        "tlp": "red",
        "provider_attribution": "must-not",
        "unmodified_resale": "must-not",
        "iep_id": "0224bfdf-ea3a-49c3-96f6-66d908bb1845",
        "iep_version": 2.0,
        "description": "This is a TLP-RED Information Exchange Policy",
        "start_date": "2022-10-01T00:00:00Z",
        "end_date": "2027-01-01T00:00:00Z",
    }
    return {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": "marking-definition--da05d443-ad8d-46fc-abf5-31d3d00290f1",
        "created": "2024-01-10T14:52:41.853121Z",
        "name": "IEP data marking",
        "extensions": {IEP_EXTENSION: {k: v for k, v in (carried | changes).items() if v is not ...}},
    }


def test_what_a_policy_demands_and_forbids_becomes_duties_and_what_it_permits_adds_none() -> None:
    strict = read_policy(policy()).label
    assert strict == Label(
        tlp=Tlp.AMBER,
        expires=ENDS,
        obligations=frozenset(
            {
                "action: internal only",
                "attribute: nobody",
                "encrypt: in transit",
                "notify: no affected party",
                "resale: not unmodified",
            }
        ),
    )
    open_to_all = policy(
        end_date=None,
        encrypt_in_transit="may",
        permitted_actions="externally-visible-direct-actions",
        affected_party_notifications="may",
        tlp="white",
        attribution="may",
        unmodified_resale="may",
    )
    assert read_policy(open_to_all).label == Label(tlp=Tlp.CLEAR)


def test_a_policy_alone_releases_nothing() -> None:
    assert complete(read_policy(policy()).label).releasable_to == frozenset({frozenset()})


def test_what_of_a_policy_has_no_place_in_a_label_is_listed() -> None:
    lost = {loss.path for loss in read_policy(policy()).losses}
    assert lost == {"id", "name", "description", "external_reference", "start_date"}
    assert {loss.path for loss in read_policy(policy(description="", external_reference=None)).losses} == {
        "id",
        "name",
        "start_date",
    }


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("attribution", ["may", "must", "must-not"])
@pytest.mark.parametrize("tlp", ["white", "green", "amber", "red"])
def test_a_policy_that_is_read_and_written_again_says_the_same(
    action: str, attribution: str, tlp: str
) -> None:
    first = read_policy(policy(permitted_actions=action, attribution=attribution, tlp=tlp)).label
    written = write_policy(first, name="Harbour exchange", start=ENDS - 1)
    assert written.losses == ()
    assert read_policy(encode_policy(written.policy)).label == first
    kept = ("encrypt_in_transit", "affected_party_notifications", "unmodified_resale", "end_date")
    assert {key: written.policy[key] for key in kept} == {key: POLICY[key] for key in kept}
    assert (written.policy["permitted_actions"], written.policy["attribution"]) == (action, attribution)


@given(labels)
@settings(max_examples=60, deadline=None)
def test_every_part_of_a_label_is_written_or_listed_as_lost(label: Label) -> None:
    written = write_policy(label, name="any", start=0)
    back = read_policy(encode_policy(written.policy)).label
    lost = {loss.path for loss in written.losses}
    for field in Label.__struct_fields__:
        if field != "tlp" and getattr(label, field) != getattr(back, field):
            assert field in lost, field
    assert label.tlp is None or (back.tlp is not None and back.tlp >= label.tlp)


def test_of_several_limits_the_strictest_is_written() -> None:
    label = Label(tlp=Tlp.GREEN, obligations=frozenset(duty for duty in ACTIONS.values() if duty))
    written = write_policy(label, name="x", start=0)
    assert written.policy["permitted_actions"] == "none"
    assert written.losses == ()


def test_the_same_label_gives_the_same_id_and_another_label_another() -> None:
    ids = [
        write_policy(Label(tlp=t), name=n, start=0).policy["id"]
        for t, n in ((Tlp.RED, "a"), (Tlp.RED, "b"), (Tlp.GREEN, "a"))
    ]
    assert ids[0] == ids[1] != ids[2]


@pytest.mark.parametrize(
    ("changes", "faults"),
    [
        ({"tlp": "orange"}, ["tlp: 'orange'"]),
        ({"iep_version": 1.0}, ["iep_version: must be 2.0"]),
        ({"permitted_actions": "all", "attribution": "perhaps"}, ["permitted_actions: 'all'", "attribution: 'perhaps'"]),
        ({"tlp": ..., "start_date": ...}, ["tlp: is missing", "start_date: is missing"]),
        ({"end_date": "soon"}, ["end_date: must be a moment"]),
        ({"resale": "may"}, ["resale: is not known here"]),
        ({"encrypt_in_transit": True}, ["encrypt_in_transit: must be text"]),
    ],
)  # fmt: skip
def test_every_fault_of_a_policy_is_told_at_once(changes: dict[str, Any], faults: list[str]) -> None:
    with pytest.raises(InputFault) as refused:
        read_policy(policy(**changes), input="p.json")
    assert all(fault in refused.value.message for fault in faults)
    assert refused.value.input == "p.json"


@pytest.mark.parametrize("data", [b"", b"[]", b"nonsense", b'{"id": "a", "id": "b"}', b"\xff"])
def test_what_is_no_policy_is_refused_as_syntax(data: bytes) -> None:
    with pytest.raises(SyntaxFault):
        read_policy(data)


def test_a_policy_over_the_limit_is_refused_unread() -> None:
    with pytest.raises(TooLarge):
        read_policy(b" " * (POLICY_LIMIT + 1))


# As a marking in STIX bytes.


def test_a_marking_that_is_understood_restricts_as_the_policy_says() -> None:
    found = read_definition(marking())
    assert found.tlp is Tlp.RED
    assert found.expires == ENDS
    assert found.obligations == frozenset(
        {
            "action: ask the originator first",
            "attribute: nobody",
            "encrypt: in transit",
            "notify: no affected party",
            "resale: not unmodified",
        }
    )
    assert not found.unmapped


def test_a_stricter_marking_is_never_wider() -> None:
    strict, mild = read_definition(marking()), read_definition(marking(tlp="green", encrypt_in_transit="may"))
    assert not dominates(mild, strict)
    assert dominates(strict, mild)


@pytest.mark.parametrize(
    "changes",
    [
        {"iep_version": 3.0},
        {"permitted_actions": "everything"},
        {"tlp": "purple"},
        {"start_date": "yesterday"},
        {"end_date": "2027-13-01T00:00:00Z"},
        {"provider_attribution": ...},
        {"more": "unknown"},
        {"extension_type": "new-sdo"},
    ],
)
def test_a_marking_of_which_anything_is_not_understood_stays_unmapped(changes: dict[str, Any]) -> None:
    found = read_definition(marking(**changes))
    assert found == Label(unmapped=frozenset({marking()["id"]}))
