"""The policy laboratory and labels in other forms, on the command line; then what a change would do at a real home."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from simpul.formats.stanag4774 import NAMESPACE
from tests.cli.conftest import Three
from tests.cli.program import simpul
from tests.federation.objects import agreement

ROOT = Path(__file__).parents[2]
LABORATORY = ROOT / "examples" / "laboratory.yaml"
LABEL = ROOT / "examples" / "label.toml"


def test_the_example_passes_without_a_home_and_says_nothing_but_what_is_promised() -> None:
    ended = simpul("policy", "test", LABORATORY, "--json")
    assert ended.code == 0
    document = ended.document
    assert list(document) == ["cases", "passed", "failed"]
    assert all(list(each) == ["name", "outcome", "clause", "obligations", "ok"] for each in document["cases"])
    assert (document["passed"], document["failed"]) == (len(document["cases"]), 0)


def test_one_failed_case_is_exit_1_with_the_document_alone(tmp_path: Path) -> None:
    text = LABORATORY.read_text().replace(
        "outcome: permit, clause: agreement", "outcome: deny, clause: agreement", 1
    )
    (tmp_path / "lab.yaml").write_text(text)
    ended = simpul("policy", "test", tmp_path / "lab.yaml", "--json")
    assert ended.code == 1
    assert ended.document["failed"] == 1
    assert [each["ok"] for each in ended.document["cases"]].count(False) == 1
    shown = simpul("policy", "test", tmp_path / "lab.yaml")
    assert shown.code == 1
    assert b"FAILED" in shown.out
    assert b"deny by agreement" in shown.out


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("cases: [", "syntax"),
        ("a: &x 1\nb: *x\n", "syntax"),
        ("parties: [A]\nparties: [B]\n", "syntax"),
        ("parties: [A, B]\ncases: []\n", "bad-input"),
        ("parties: [A, B]\nagreement: []\ncases: [{}]\n", "bad-input"),
        ("# nothing\n", "syntax"),
    ],
)
def test_what_is_malformed_is_one_error_document(tmp_path: Path, text: str, code: str) -> None:
    file = tmp_path / "lab.yaml"
    file.write_text(text)
    ended = simpul("policy", "test", file, "--json")
    assert ended.code == 1
    assert ended.error["code"] == code
    assert ended.error["input"] == str(file)


def test_a_file_that_is_not_there_is_one_error_document(tmp_path: Path) -> None:
    ended = simpul("policy", "test", tmp_path / "none.yaml", "--json")
    assert (ended.code, ended.error["code"]) == (1, "bad-input")


# Labels in other forms.


def test_a_label_is_exported_as_a_stanag_4774_label(tmp_path: Path) -> None:
    ended = simpul(
        "label",
        "export",
        LABEL,
        "--as",
        "stanag-4774",
        "--originator",
        "Arunika",
        "--at",
        "2027-01-01T00:00:00Z",
    )
    assert ended.code == 0
    root = ET.fromstring(ended.out)  # noqa: S314 - our own bytes
    assert root.findtext(f".//{{{NAMESPACE}}}Classification") == "RAHASIA"
    assert "lost: expires:" in ended.err
    out = tmp_path / "label.xml"
    document = simpul("label", "export", LABEL, "--as", "stanag-4774", "--out", out, "--json").document
    assert document["out"] == str(out)
    assert {loss["path"] for loss in document["losses"]} == {"expires", "topics, obligations, retention_days"}
    assert b"ConfidentialityInformation" in out.read_bytes()


def test_a_policy_that_is_exported_and_imported_loses_what_was_listed(tmp_path: Path) -> None:
    policy, back = tmp_path / "policy.json", tmp_path / "label.toml"
    exported = simpul("label", "export", LABEL, "--as", "iep", "--out", policy, "--json").document
    lost = {loss["path"] for loss in exported["losses"]}
    assert {"releasable_to", "purposes", "onward", "classification"} <= lost
    imported = simpul("label", "import", policy, "--out", back, "--json").document
    assert {loss["path"] for loss in imported["losses"]} == {"id", "name", "start_date"}
    again = simpul("label", "export", back, "--as", "iep", "--json").document
    kept = ("tlp", "end_date", "permitted_actions", "attribution", "encrypt_in_transit")
    first, second = json.loads(policy.read_bytes()), json.loads(again["text"])
    assert {key: first[key] for key in kept} == {key: second[key] for key in kept}


def test_a_policy_that_is_none_is_one_error_document(tmp_path: Path) -> None:
    file = tmp_path / "policy.json"
    file.write_text('{"id": "x", "tlp": "orange"}')
    ended = simpul("label", "import", file, "--json")
    assert (ended.code, ended.error["code"]) == (1, "bad-input")
    assert "orange" in ended.error["message"]


# What a change would do.


@pytest.fixture(scope="module")
def files(three: Three, marked: Any) -> dict[str, Path]:
    """The agreement with Borealia as it is, and others that would take its place."""
    narrower = agreement("Arunika", "Borealia", version=2, ceiling="green")
    rule = '[[rule]]\nid = "no-cyber"\nthen = "deny"\n[rule.when]\ntopics = ["cyber"]\nrecipients = ["Borealia"]\n'
    return {
        "old": three.file("old-terms.toml", agreement("Arunika", "Borealia")),
        "new": three.file("new-terms.toml", narrower),
        "overlay": three.file("overlay.toml", f'party = "Arunika"\ntitle = "x"\n{rule}'),
        "others": three.file("others.toml", agreement("Borealia", "Cendara")),
    }


def test_a_lower_ceiling_closes_exactly_the_labels_above_it(three: Three, files: dict[str, Path]) -> None:
    found = three.a.does("policy", "diff", files["old"], files["new"])
    assert (found["wider"], found["narrower"]) == (0, len(found["changes"]))
    (change,) = found["changes"]
    assert change["recipient"] == three.b.party
    assert change["objects"] == 1
    assert change["before"] == {"outcome": "permit", "clause": "agreement"}
    assert change["after"] == {"outcome": "deny", "clause": "agreement.tlp-ceiling"}
    assert found["unchanged"] + 1 == found["labels"]
    back = three.a.does("policy", "diff", files["new"], files["old"])
    assert (back["wider"], back["narrower"]) == (1, 0)


def test_the_same_policy_changes_nothing(three: Three, files: dict[str, Path]) -> None:
    assert three.a.does("policy", "diff", files["old"], files["old"])["changes"] == []


def test_an_overlay_closes_what_its_rule_names_and_opens_nothing(
    three: Three, files: dict[str, Path]
) -> None:
    found = three.a.does("policy", "diff", "-", files["overlay"])
    assert found["wider"] == 0
    assert {each["after"]["clause"] for each in found["changes"]} == {"overlay.no-cyber"}
    assert {each["recipient"] for each in found["changes"]} == {three.b.party}
    # At least those of this story: the others of the command line share these homes.
    assert sum(each["objects"] for each in found["changes"]) >= 3
    gone = three.a.does("policy", "diff", files["overlay"], "-")
    assert (gone["wider"], gone["narrower"]) == (len(found["changes"]), 0)


@pytest.mark.parametrize(("old", "new"), [("old", "overlay"), ("old", "others"), ("-", "-")])
def test_policies_that_cannot_be_compared_are_refused(
    three: Three, files: dict[str, Path], old: str, new: str
) -> None:
    ended = three.a("policy", "diff", files.get(old, old), files.get(new, new))
    assert (ended.code, ended.error["code"]) == (1, "bad-input")


def test_a_release_is_replayed_at_both_ends_by_its_root(three: Three, synced: Any) -> None:
    root = next(each["content"]["root"] for each in three.a.does("log", "show") if each["kind"] == "release")
    first = three.a.does("decision", "replay", root)
    to = {three.b.party: three.b, three.c.party: three.c}[first["to"]]
    second = to.does("decision", "replay", root[:12])
    assert first["ok"] is second["ok"] is True
    assert [first[key] for key in ("id", "labels", "agreement", "decided_at")] == [
        second[key] for key in ("id", "labels", "agreement", "decided_at")
    ]
    assert first["commitment"]["ok"] is True
    assert second["commitment"]["opened"] is None
    assert (first["leaf"]["kind"], second["leaf"]["kind"]) == ("release", "received")
    missing = three.a("decision", "replay", "00000000")
    assert (missing.code, missing.error["code"]) == (1, "not-found")
