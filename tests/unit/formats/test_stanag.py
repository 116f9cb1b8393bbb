"""A label in the shape of STANAG 4774: each part where the schema has it, and every loss listed."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings

from simpul.domain.labels import Classification, Label, Onward, Tlp
from simpul.errors import InputFault
from simpul.formats.stanag4774 import NAMESPACE, export_label
from tests.properties.strategies import labels

AT = 1_767_225_600_000_000
FULL = Label(
    tlp=Tlp.AMBER_STRICT,
    classification=frozenset({Classification("XA", "RAHASIA")}),
    handling=frozenset({"H1", "H3"}),
    handling_text=frozenset({"Not in court.", "<Ask> & wait"}),
    releasable_to=frozenset({frozenset({"Borealia", "Cendara"}), frozenset({"Borealia", "Dunmar"})}),
    not_releasable_to=frozenset({"Dunmar"}),
    onward=Onward(consent=True),
    purposes=frozenset({"cybercrime"}),
    topics=frozenset({"maritime"}),
    compartments=frozenset({"LANTERN"}),
    expires=AT + 1_000_000,
    retention_days=30,
    obligations=frozenset({"protect: as own"}),
)


def parsed(label: Label, scheme: str | None = None) -> ET.Element:
    return ET.fromstring(export_label(label, originator="Arunika", created=AT, scheme=scheme).xml)  # noqa: S314 - our own bytes


def tag(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"


def categories(root: ET.Element) -> list[tuple[str | None, str | None, list[str | None]]]:
    return [
        (each.get("Type"), each.get("TagName"), [value.text for value in each])
        for each in root.iter(tag("Category"))
    ]


def test_elements_stand_in_the_order_of_the_schema() -> None:
    root = parsed(FULL)
    assert root.tag == tag("originatorConfidentialityLabel")
    assert root.get("ReviewDateTime") == "2026-01-01T00:00:01Z"
    assert [each.tag for each in root] == [
        tag("ConfidentialityInformation"),
        tag("OriginatorID"),
        tag("CreationDateTime"),
    ]
    information, originator, created = root
    assert [each.tag for each in information][:4] == [
        tag("PolicyIdentifier"),
        tag("Classification"),
        tag("PrivacyMark"),
        tag("Category"),
    ]
    assert (information[0].text, information[1].text) == ("XA", "RAHASIA")
    assert information[2].text == "<Ask> & wait; Not in court."
    assert (originator.text, originator.get("IDType")) == ("Arunika", "directoryName")
    assert created.text == "2026-01-01T00:00:00Z"


def test_lists_permit_conditions_restrict_and_duties_inform() -> None:
    assert categories(parsed(FULL)) == [
        ("PERMISSIVE", "Releasable To", ["Borealia"]),
        ("PERMISSIVE", "Releasable To", ["Borealia", "Cendara"]),
        ("PERMISSIVE", "Purpose", ["cybercrime"]),
        ("RESTRICTIVE", "TLP", ["AMBER+STRICT"]),
        ("RESTRICTIVE", "Compartment", ["LANTERN"]),
        ("RESTRICTIVE", "Handling", ["H1", "H3"]),
        ("RESTRICTIVE", "Onward", ["consent"]),
        ("INFORMATIVE", "Topic", ["maritime"]),
        ("INFORMATIVE", "Obligation", ["protect: as own"]),
        ("INFORMATIVE", "Retention", ["30 days"]),
    ]


def test_an_exclusion_is_never_written_and_its_loss_is_said() -> None:
    exported = export_label(FULL, originator="", created=AT)
    assert b"Dunmar" not in exported.xml
    assert b"OriginatorID" not in exported.xml
    elsewhere = Label(
        tlp=Tlp.GREEN,
        not_releasable_to=frozenset({"Dunmar"}),
        releasable_to=frozenset({frozenset({"coast"})}),
    )
    found = export_label(elsewhere, originator="", created=AT)
    assert b"Dunmar" not in found.xml
    assert [loss.path for loss in found.losses] == ["not_releasable_to"]


def test_nobody_is_a_permissive_category_without_a_value() -> None:
    nobody = Label(tlp=Tlp.RED, releasable_to=frozenset({frozenset()}))
    assert categories(parsed(nobody)) == [("PERMISSIVE", "Releasable To", [])]


def test_a_tlp_alone_names_the_policy_of_tlp() -> None:
    information = parsed(Label(tlp=Tlp.AMBER))[0]
    assert [each.text for each in information] == ["TLP", "AMBER"]


def test_of_several_schemes_one_must_be_chosen_and_the_others_are_listed() -> None:
    both = Label(classification=frozenset({Classification("XA", "RAHASIA"), Classification("XB", "SECRET")}))
    with pytest.raises(InputFault, match="XA RAHASIA, XB SECRET") as refused:
        export_label(both, originator="", created=AT)
    assert refused.value.do == "choose one with --scheme"
    chosen = export_label(both, originator="", created=AT, scheme="XB")
    assert [loss.lost for loss in chosen.losses] == ["XA RAHASIA is not said: one level is"]
    with pytest.raises(InputFault):
        export_label(both, originator="", created=AT, scheme="XC")


@pytest.mark.parametrize("label", [Label(), Label(obligations=frozenset({"x"}))])
def test_a_label_without_a_mark_has_no_confidentiality_label(label: Label) -> None:
    with pytest.raises(InputFault, match="exactly one level"):
        export_label(label, originator="", created=AT)


def test_a_character_that_xml_cannot_carry_is_refused() -> None:
    with pytest.raises(InputFault, match="XML cannot carry"):
        export_label(Label(tlp=Tlp.RED, obligations=frozenset({"a\x07b"})), originator="", created=AT)


@given(labels)
@settings(max_examples=60, deadline=None)
def test_what_is_exported_is_xml_that_names_nobody_who_is_excluded(label: Label) -> None:
    schemes = sorted({level.scheme for level in label.classification})
    try:
        exported = export_label(label, originator="", created=AT, scheme=schemes[0] if schemes else None)
    except InputFault:
        return
    root = ET.fromstring(exported.xml)  # noqa: S314 - our own bytes
    named = {value for kind, _, values in categories(root) if kind == "PERMISSIVE" for value in values}
    assert not named & (label.not_releasable_to - (label.purposes or frozenset()))
