"""The demonstration on a small bundle: its facts, and that each can be found again in the homes."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from simpul.cli.demonstration import DemoFailed, Demonstration
from simpul.cli.demonstration_sharing import Sharing
from simpul.demo_case import path
from tests.cli.program import simpul
from tests.federation.objects import bundle, indicator

CANARIES: list[dict[str, Any]] = json.loads(path("canaries.json").read_bytes())


def test_the_facts_of_the_demonstration_are_found_again_in_the_homes(tmp_path: Path) -> None:
    small = tmp_path / "small.json"
    small.write_bytes(bundle(indicator("demo", "203.0.113.7"), indicator("other", "203.0.113.8")))
    keep = tmp_path / "kept"
    ended = simpul("demo", "--once", "--json", "--bundle", small, "--keep", keep, seconds=300)
    assert ended.code == 0, ended.err
    facts = ended.document
    assert set(facts) == {"nations", "releases", "matches", "receipts", "relay", "consents", "recalls", "ok"}
    assert facts["ok"] is True
    assert len(facts["nations"]) == 3
    for nation in facts["nations"]:
        assert set(nation) == {
            "party", "home", "kek", "imported", "sent", "received", "refused", "withheld", "log",
        }  # fmt: skip
        assert set(nation["log"]) == {"size", "root", "ok"}
        assert nation["log"]["ok"] is True
        assert all(set(each) == {"clause", "count"} for each in nation["withheld"])
        again = simpul("--home", nation["home"], "--kek", nation["kek"], "status", "--json").document
        for name in ("party", "imported", "sent", "received", "refused", "withheld"):
            assert nation[name] == again[name]
        log = simpul("--home", nation["home"], "--kek", nation["kek"], "log", "verify", "--json").document
        assert nation["log"] == {name: log[name] for name in ("size", "root", "ok")}
    a, b, c = facts["nations"]
    assert b["received"] > c["received"] > 0
    assert a["sent"] + b["sent"] >= b["received"] + c["received"]  # Borealia passed one object on
    assert a["withheld"]
    # and one object more came to each: the sanitised version, to be passed on and passed on
    assert {each["to"]: each["objects"] + 1 for each in facts["releases"]} == {
        nation["party"]: nation["received"] for nation in (b, c)
    }
    for each in facts["releases"]:
        assert set(each) == {"to", "objects", "approval_to_inbox_ms"}
        assert each["approval_to_inbox_ms"] > 0
    assert facts["matches"]
    assert all(set(each) == {"value", "at", "from"} for each in facts["matches"])
    assert facts["receipts"]["total"] == facts["receipts"]["verified"] > 0
    assert set(facts["receipts"]) == {"total", "verified"}
    assert set(facts["relay"]) == {"records"}
    for record in facts["relay"]["records"]:
        assert set(record) == {"tag", "bytes"}
        assert re.fullmatch("[0-9a-f]{32}", record["tag"])
    assert ended.err.count("\n") > 10
    check_consents(facts)
    check_recalls(facts)
    assert not [*keep.glob("*export*")]


def asked(nation: dict[str, Any], *words: str) -> Any:
    """What a command says at a nation's home."""
    return simpul("--home", nation["home"], "--kek", nation["kek"], *words, "--json").document


def check_consents(facts: dict[str, Any]) -> None:
    """One request was asked and answered by a sanitised version; of what was asked for nothing came to Cendara."""
    a, b, c = facts["nations"]
    (consent,) = facts["consents"]
    assert consent == {
        "request": consent["request"],
        "from": b["party"],
        "originator": a["party"],
        "beneficiary": c["party"],
        "outcome": "granted",
        "leaves": 1,
        "rendition": consent["rendition"],
    }
    shown = asked(a, "consent", "show", consent["request"])
    assert shown["granted"]["rendition"] == consent["rendition"]
    assert shown["granted"]["leaves"][0]["manifest"] == consent["rendition"]
    assert shown["asked"]["leaves"][0]["manifest"] != consent["rendition"], "not what was asked for"
    assert shown["asked"]["approved_by"] == ["laras", "bima"], "two officers"
    assert asked(b, "consent", "show", consent["request"])["state"] == "used"
    agreements = {each["agreement"]: each["state"] for each in asked(c, "agreement", "list")}
    assert agreements["borealia-cendara"] == "in-force"
    original = json.loads(path("onward.json").read_bytes())["asked"]
    words = [each["canary"] for each in CANARIES if each["object"] == original]
    assert len(words) == 2
    found = [
        [asked(nation, "search", word)["total"] for nation in (a, b, c)] for word in words if word != original
    ]
    assert found == [[1, 1, 0]]
    assert simpul("--home", c["home"], "--kek", c["kek"], "show", original, "--json").code == 1


def check_recalls(facts: dict[str, Any]) -> None:
    """What was passed on was taken back at two hops: every holder answered, and nothing is left but its author's."""
    a, b, c = facts["nations"]
    (recall,) = facts["recalls"]
    assert set(recall) == {"recall", "objects", "parties", "overdue"}
    assert (recall["objects"], recall["overdue"]) == (1, 0)
    answers = {each["party"]: each for each in recall["parties"]}
    common = {"state": "answered", "destroyed": 1, "not_held": 0}
    passed = {b["party"]: {"named": [c["party"]], "others": 0}, c["party"]: {"named": [], "others": 0}}
    assert answers == {p: {"party": p, **common, "passed_on": passed[p]} for p in passed}
    (status,) = asked(a, "recall", "status", recall["recall"])
    assert [{k: p[k] for k in answers[p["party"]]} for p in status["parties"]] == recall["parties"]
    for holder in (b, c):
        (known,) = asked(holder, "recall", "list")
        assert (known["recall"], known["state"], known["destroyed"]) == (recall["recall"], "done", 1)
    onward = json.loads(path("onward.json").read_bytes())
    assert [asked(nation, "search", onward["canary"])["total"] for nation in (a, b, c)] == [1, 0, 0]
    for holder in (b, c):
        gone = simpul("--home", holder["home"], "--kek", holder["kek"], "show", onward["rendition"], "--json")
        assert gone.code == 1


def test_the_facts_hold_only_if_every_holder_answered_and_named_whom_it_had_passed_it_on_to(
    tmp_path: Path,
) -> None:
    common = {"state": "answered", "destroyed": 1, "not_held": 0}
    b = {"party": "b", **common, "passed_on": {"named": ["c"], "others": 0}}
    c = {"party": "c", **common, "passed_on": {"named": [], "others": 0}}
    consent = {"from": "b", "originator": "a", "beneficiary": "c", "outcome": "granted", "rendition": "00"}

    def faults(*parties: dict[str, Any], consents: tuple[dict[str, Any], ...] = (consent,)) -> list[str]:
        nations = [{"party": party} for party in "abc"]
        sharing = Sharing(Demonstration(tmp_path, lambda _: None))
        held = sharing.holds({"nations": nations, "consents": consents, "recalls": [{"parties": parties}]})
        assert held is not bool(sharing.faults())
        return sharing.faults()

    assert faults(b, c) == []
    silent = "NOT SO: both holders answered the recall and destroyed what they held"
    assert faults(b) == faults(b, c | {"state": "overdue", "destroyed": None, "passed_on": None}) == [silent]
    assert faults(b | {"passed_on": {"named": [], "others": 1}}, c) == [
        "NOT SO: Borealia named Cendara as whom it had passed it on to"
    ]
    for other in (consent | {"outcome": "denied"}, consent | {"rendition": None}):
        assert faults(b, c, consents=(other,)) == ["NOT SO: a sanitised version was granted in place of it"]


def test_a_process_that_ends_ends_the_demonstration_at_once_by_its_name(tmp_path: Path) -> None:
    run = Demonstration(tmp_path, lambda _: None)
    relay = ["relay", "--listen", "127.0.0.1:0", "--data", str(tmp_path / "relay")]
    run.start("relay", relay)
    with pytest.raises(DemoFailed, match="relay-2 did not start") as caught:
        run.start("relay-2", relay)
    assert caught.value.where
    try:
        asked = time.monotonic()
        with pytest.raises(DemoFailed, match="relay-2 ended by itself with 1"):
            run.until("answer", lambda: None)
        assert time.monotonic() - asked < 10
    finally:
        run.stop()
