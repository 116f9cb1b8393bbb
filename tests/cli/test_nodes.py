"""`serve` and `relay` as processes: the ready line, their end, and the commands beside a running node."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Synced, Three
from tests.cli.program import Running, simpul
from tests.federation.nations import APPROVER, DRAFTER
from tests.federation.objects import bundle, indicator, label


def until(what: Callable[[], Any], seconds: float = 20) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := what():
            return found
        time.sleep(0.1)
    raise AssertionError("it did not come")


def test_a_relay_says_where_it_is_and_ends_when_told(tmp_path: Path) -> None:
    relay = Running("relay", "--listen", "127.0.0.1:0", "--data", tmp_path / "relay")
    assert set(relay.ready) == {"ready", "url", "pid"}
    assert relay.ready["ready"] is True
    assert relay.ready["pid"] == relay.process.pid
    with urllib.request.urlopen(relay.ready["url"] + "/v1/relay") as answer:  # noqa: S310
        assert json.load(answer)["relay"] == relay.ready["url"]
    assert relay.end() == 0
    records = simpul("relay", "--data", tmp_path / "relay", "--records", "--json")
    assert records.document == []


@pytest.fixture
def serving(three: Three, synced: Synced) -> Iterator[dict[str, Running]]:
    made = {home.name: Running(*home.options, "serve") for home in (three.a, three.b)}
    yield made
    for each in made.values():
        each.close()


def test_nodes_that_serve_exchange_by_themselves(three: Three, serving: dict[str, Running]) -> None:
    for each in serving.values():
        assert set(each.ready) == {"ready", "url", "pid"}
        assert each.ready["pid"] == each.process.pid
        with urllib.request.urlopen(each.ready["url"] + "/health") as answer:  # noqa: S310
            assert answer.status == 200
    hot = indicator("served", "203.0.113.88")
    file = three.file("served.toml", label("Borealia"))
    three.a.does("import", "-", "--label", file, stdin=bundle(hot))
    made = three.a.does(
        "product", "new", "--title", "Served", "--purpose", "cyber-defence", "--precedence", "flash",
        "--grade", "A1", "--object", hot["id"], by=DRAFTER,
    )["product"]  # fmt: skip
    three.a.does("product", "approve", made, "--to", "Borealia", by=APPROVER)
    three.a.does("product", "release", made, "--to", "Borealia", by=APPROVER)
    until(lambda: any(item["product"] == made for item in three.b.does("inbox")))
    asked = three.a.does("sync", "--once")
    assert list(asked) == ["sent", "received", "admitted", "quarantined", "refused", "receipts"]
    until(lambda: three.a.does("status")["unacknowledged"] == 0)
    second = three.a("serve")
    assert (second.code, second.error["code"]) == (1, "home-busy")
    assert str(serving["Arunika"].process.pid) in second.error["message"]
    before = {home.name: home.does("log", "show", "--last", "1") for home in (three.a, three.b)}
    time.sleep(3)
    after = {home.name: home.does("log", "show", "--last", "1") for home in (three.a, three.b)}
    assert before == after
    assert [each.end() for each in serving.values()] == [0, 0]


def test_the_relay_knows_tags_and_lengths_and_nothing_else(three: Three, synced: Synced) -> None:
    records = simpul("relay", "--data", three.folder / "relay", "--records", "--json").document
    assert records
    for each in records:
        assert set(each) == {"tag", "bytes"}
        assert len(bytes.fromhex(each["tag"])) == 16
        assert each["bytes"] > 1_000
    kept = b"".join(p.read_bytes() for p in (three.folder / "relay").rglob("*") if p.is_file())
    for word in (b"Arunika", b"Borealia", b"LANTERN", b"canary", b"203.0.113", three.a.party.encode()):
        assert word not in kept


def test_a_relay_that_is_away_is_named_and_nothing_is_lost(tmp_path: Path) -> None:
    words = ("--name", "Dunmark", "--country", "XD", "--root", tmp_path / "root", "--unencrypted", "--json")
    home = ("--home", tmp_path / "d")
    assert simpul(*home, "init", *words, "--relay", "http://127.0.0.1:9").code == 0
    ended = simpul(*home, "sync", "--once", "--json")
    assert ended.code == 1
    assert set(ended.document) == {"sent", "received", "admitted", "quarantined", "refused", "receipts"}
    assert "relay" in ended.err
