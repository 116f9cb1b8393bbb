"""The demonstration on a small bundle: its facts, and that each can be found again in the homes."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from simpul.cli.demonstration import DemoFailed, Demonstration
from tests.cli.program import simpul
from tests.federation.objects import bundle, indicator


def test_the_facts_of_the_demonstration_are_found_again_in_the_homes(tmp_path: Path) -> None:
    small = tmp_path / "small.json"
    small.write_bytes(bundle(indicator("demo", "203.0.113.7"), indicator("other", "203.0.113.8")))
    keep = tmp_path / "kept"
    ended = simpul("demo", "--once", "--json", "--bundle", small, "--keep", keep, seconds=300)
    assert ended.code == 0, ended.err
    facts = ended.document
    assert set(facts) == {"nations", "releases", "matches", "receipts", "relay", "ok"}
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
    assert a["sent"] >= b["received"] + c["received"]
    assert a["withheld"]
    assert {each["to"]: each["objects"] for each in facts["releases"]} == {
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
