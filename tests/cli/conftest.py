"""Three nations that know each other, made once; then one story, command by command, each stage made once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from tests.cli.program import Ended, Home, Running
from tests.federation.nations import APPROVER, DRAFTER, PHRASE, befriend, copied, found
from tests.federation.objects import bundle, indicator, label, note, stix

OPEN = indicator("open", "203.0.113.7")
NARROW = indicator("narrow", "198.51.100.0/25")
KEPT = indicator("kept", "203.0.113.9", description="canary-kept")
ABOUT = note("about", "what we know", OPEN, KEPT)
ACTOR = stix("threat-actor", "actor", name="GREY HERON", threat_actor_types=["criminal"])
BAD = [
    {**indicator("no pattern", "203.0.113.1"), "pattern": 7},
    {**indicator("no time", "203.0.113.2"), "valid_from": "yesterday"},
    {**indicator("no name", "203.0.113.3"), "id": "indicator--not-a-uuid"},
]
BOTH = ("Borealia", "Cendara")

PORTIONS = f"""
[[portion]]
text = "For both partners."
[portion.label]
{label(*BOTH)}
[[portion]]
text = "For Borealia, canary-portion."
[portion.label]
{label("Borealia")}
"""


class Three(Struct, frozen=True):
    """The nations and where their files are."""

    folder: Path
    a: Home
    b: Home
    c: Home

    def file(self, name: str, text: str | bytes) -> Path:
        path = self.folder / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path


@pytest.fixture(scope="session")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Three]:
    at_rest = tmp_path_factory.mktemp("at-rest")
    world = copied(at_rest, tmp_path_factory.mktemp("story"), found(at_rest))
    try:
        befriend(world)
        world.relay.terminate()
        homes = [Home(world.folder, name, nation.party) for name, nation in world.nations.items()]
    finally:
        world.close()
    (world.folder / "passphrase").write_bytes(PHRASE + b"\n")
    relay = Running("relay", "--listen", "127.0.0.1:0", "--data", world.folder / "relay")
    yield Three(world.folder, *homes)
    relay.close()


@pytest.fixture(scope="session")
def imported(three: Three) -> tuple[Ended, Ended, Ended]:
    """Five good objects and three bad ones; the same again; two from standard input."""
    objects = [OPEN, BAD[0], NARROW, KEPT, BAD[1], ABOUT, ACTOR, BAD[2]]
    file = three.file("bundle.json", bundle(*objects))
    own = three.file("own.toml", label())
    first = three.a("import", file, "--label", own)
    again = three.a("import", file, "--label", own)
    more = stix("identity", "own", name="Harbour office", identity_class="organization")
    piped = three.a("import", "-", "--tlp", "amber", stdin=json.dumps([more, OPEN]).encode())
    return first, again, piped


@pytest.fixture(scope="session")
def marked(three: Three, imported: Any) -> tuple[Ended, Ended]:
    both = three.file("both.toml", label(*BOTH))
    narrow = three.file("narrow.toml", label("Borealia", tlp="amber"))
    return (
        three.a("mark", OPEN["id"], ABOUT["id"], "--label", both),
        three.a("mark", "--query", "value:198.51.100.0/25", "--label", narrow),
    )


@pytest.fixture(scope="session")
def drafted(three: Three, marked: Any) -> Ended:
    return three.a(
        "product", "new", "--title", "LANTERN TIDE", "--purpose", "cyber-defence", "--precedence", "flash",
        "--grade", "B2", "--all", "--portions", three.file("portions.toml", PORTIONS), by=DRAFTER,
    )  # fmt: skip


@pytest.fixture(scope="session")
def product(drafted: Ended) -> str:
    return str(drafted.document["product"])


@pytest.fixture(scope="session")
def previewed(three: Three, product: str) -> Ended:
    return three.a("product", "preview", product, "--to", *BOTH, "--out", three.folder / "out")


class Release(Struct, frozen=True):
    """The calls that lead to a release, in their order."""

    early: Ended
    by_drafter: Ended
    approved: Ended
    void: Ended
    again: Ended
    released: Ended
    twice: Ended


@pytest.fixture(scope="session")
def released(three: Three, product: str, previewed: Ended) -> Release:
    to = ("--to", "Borealia", "--to", three.c.party[:12])
    early = three.a("product", "release", product, *to, by=APPROVER)
    by_drafter = three.a("product", "approve", product, *to, by=DRAFTER)
    approved = three.a("product", "approve", product, *to, by=APPROVER)
    three.a.does("mark", ACTOR["id"], "--label", three.file("changed.toml", label("Cendara")))
    void = three.a("product", "release", product, *to, by=APPROVER)
    three.a.does("mark", ACTOR["id"], "--label", three.file("own.toml", label()))
    again = three.a("product", "approve", product, *to, by=APPROVER)
    done = three.a("product", "release", product, *to, by=APPROVER)
    twice = three.a("product", "release", product, *to, by=APPROVER)
    return Release(early, by_drafter, approved, void, again, done, twice)


class Synced(Struct, frozen=True):
    """What each sync printed (Arunika, Borealia, Cendara, Arunika), and what was where just after."""

    counts: list[Any]
    exports: dict[str, list[bytes]]
    inboxes: dict[str, Any]
    status: Any


@pytest.fixture(scope="session")
def synced(three: Three, released: Release) -> Synced:
    counts = [home.sync() for home in (three.a, three.b, three.c, three.a)]
    homes = (three.a, three.b, three.c)
    return Synced(
        counts,
        {home.name: exported(three, home) for home in homes},
        {home.name: home.does("inbox") for home in homes},
        three.a.does("status"),
    )


def exported(three: Three, home: Home, *more: str) -> list[bytes]:
    """The objects of an export, as their bytes."""
    out = three.folder / f"{home.name}.export"
    count = home.does("export", "--out", str(out), *more)["objects"]
    lines = out.read_bytes().split(b"\n")[1:-2] if count else []
    assert len(lines) == count == len(json.loads(out.read_bytes())["objects"])
    return [line.removesuffix(b",") for line in lines]


@pytest.fixture(scope="session")
def answered(three: Three, synced: Synced, product: str) -> tuple[Any, Any, Any]:
    """Borealia sees an address of Arunika's indicator and says what the product was worth."""
    seen = three.b.does("sight", "198.51.100.77", by=DRAFTER)
    said = three.b.does("feedback", product, "--rating", "useful", "--acted", "--text", "Held.", by=DRAFTER)
    three.b.sync()
    three.a.sync()
    return seen, said, three.a.does("status")
