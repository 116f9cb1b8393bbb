"""What a partner may not see does not show: not in content, not by size, status, count, order or cursor.

Two worlds are compared that differ in nothing but a canary: an object, and a paragraph, that are not for Borealia. All
that Borealia, or an officer who looks as Borealia, gets in both must be the same bytes, or as long where it is sealed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from litestar.testing import TestClient

from simpul.api.routes import application
from simpul.domain.products import Product
from simpul.services.auditing import close_checkpoint
from simpul.services.exporting import export_bundle
from simpul.services.reading import read_inbox
from simpul.services.seeing import Asker
from tests.federation.conftest import AtRest
from tests.federation.nations import DRAFTER, PHRASE, Nation, World, copied
from tests.federation.objects import indicator, label, note

T = TypeVar("T")
Compare = Callable[[Callable[[World, bool], T]], tuple[T, T]]

WORDS = ("zqcanaryname", "zqcanarylabel", "zqcanaryparagraph", "zqcanaryfile")
VALUE = "203.0.113.99"
CANARY = indicator("canary", VALUE, description="zqcanaryname over the pier")
LABEL = label("Cendara", tlp="amber", more='handling_text = ["zqcanarylabel"]\n')
SERVERS = [indicator(f"leak {n}", f"203.0.113.{n}", description="seen at the pier") for n in range(1, 8)]
ABOUT = note("about", "what was seen", SERVERS[0], CANARY)
"""It names the canary in both worlds: an id that is unknown and one that is withheld are both not granted."""

STEP = 512
"""Bytes by which envelopes of some 10 kB are padded: two lengths next to each other."""

QUERIES = ("", "pier", "zqcanaryname", "zqcanarylabel", "type:indicator", f"value:{VALUE}", CANARY["id"])


def paragraph(to: str, text: str) -> str:
    return (
        f'[[portion]]\ntext = "{text}"\nlabel = {{ tlp = "green", releasable_to = ["{to}"], topics = ["cyber"], '
        'purposes = ["cyber-defence"], onward = "consent" }\n'
    )


OPEN, CLOSED = paragraph("Borealia", "open words"), paragraph("Cendara", "zqcanaryparagraph")


@pytest.fixture
def compare(friends_at_rest: AtRest, tmp_path: Path) -> Compare[Any]:
    """Does something in a world without the canary, then in one with it."""

    def both(act: Callable[[World, bool], T]) -> tuple[T, T]:
        found = []
        for canary in (False, True):
            world = copied(friends_at_rest[0], tmp_path / str(canary), friends_at_rest[1])
            try:
                stock(world, canary=canary)
                found.append(act(world, canary))
            finally:
                world.close()
        return found[0], found[1]

    return both


def stock(world: World, *, canary: bool) -> None:
    """The canary comes between the others, so that everything after it is numbered anew."""
    arunika = world.nations["Arunika"]
    arunika.imports(label("Borealia"), *SERVERS[:4])
    if canary:
        arunika.imports(LABEL, CANARY)
    arunika.imports(label("Borealia"), *SERVERS[4:], ABOUT)


@pytest.fixture
def stocked(world: World) -> World:
    stock(world, canary=True)
    return world


def blurred(text: str) -> str:
    """Without what no two runs share: times, and what is sealed with a home's own key, of which the length is kept."""
    text = re.sub(r"2\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", "TIME", text)
    return re.sub(r'"next": ?"([0-9a-f]+)"', lambda found: f'"next":{len(found[1])}', text)


def looks(nation: Nation, party: str) -> Iterator[tuple[str, int, str]]:
    """Everything that the API shows of objects for a party: what was asked, status and body."""
    with TestClient(application(nation.node), raise_server_exceptions=False) as client:
        opened = client.post("/api/v1/session", json={"user": DRAFTER, "passphrase": PHRASE.decode()})
        headers = {"authorization": f"Bearer {opened.json()['token']}"}
        asked = {"for": party, "purpose": "cyber-defence"}
        for query in QUERIES:
            for limit in (2, 4, 7, 100):
                more: dict[str, Any] = {"q": query, "limit": limit}
                while True:
                    answer = client.get("/api/v1/objects", params=asked | more, headers=headers)
                    yield f"{query} by {limit}", answer.status_code, blurred(answer.text)
                    if answer.status_code != 200 or not answer.json()["next"]:
                        break
                    more["after"] = answer.json()["next"]
        for each in (CANARY, SERVERS[0], ABOUT):
            for path in (each["id"], f"{each['id']}/raw"):
                for more in ({}, {"modified": each["modified"]}, {"from": party}):
                    answer = client.get(f"/api/v1/objects/{path}", params=asked | more, headers=headers)
                    yield f"{path} {more}", answer.status_code, blurred(answer.text)


def test_the_api_for_a_partner_is_the_same_with_and_without_what_it_may_not_see(
    compare: Compare[list[tuple[str, int, str]]],
) -> None:
    without, with_canary = compare(
        lambda world, _: list(looks(world.nations["Arunika"], world.nations["Borealia"].party))
    )
    assert len(without) > 40
    assert {status for _, status, _ in without} == {200, 404}
    for one, other in zip(without, with_canary, strict=True):
        assert one == other
        # The id that was asked for stands in the answer that says that nothing is there.
        assert not any(word in other[2] for word in WORDS)


def test_the_officers_themselves_do_see_the_canary(stocked: World) -> None:
    arunika = stocked.nations["Arunika"]
    found = [body for _, _, body in looks(arunika, arunika.party)]
    assert any("zqcanarylabel" in body for body in found)


def exported(world: World, *, labels: bool) -> str:
    arunika = world.nations["Arunika"]
    out = arunika.folder / "for-borealia.json"
    asker = Asker(party="Borealia", purpose="cyber-defence")
    export_bundle(arunika.node, out, query=None, latest=True, labels=labels, asker=asker)
    return re.sub(r"bundle--[0-9a-f-]{36}", "bundle", out.read_text())


def test_an_export_for_a_partner_is_the_same_bytes(compare: Compare[list[str]]) -> None:
    without, with_canary = compare(
        lambda world, _: [exported(world, labels=labels) for labels in (False, True)]
    )
    assert without == with_canary
    for text in with_canary:
        assert CANARY["id"] not in text
        assert len(json.loads(text)["objects"]) >= len(SERVERS) + 1


def released(world: World, portions: str) -> Product:
    """Everything that is stored, in parts of three, to Borealia."""
    arunika, borealia = world.nations["Arunika"], world.nations["Borealia"]
    product = arunika.drafts(portions=portions)
    arunika.limit(part=3)
    arunika.wire.puts.clear()
    arunika.releases(product, borealia)
    world.exchange(2)
    return product


def test_what_goes_over_the_wire_is_as_many_parts_and_as_long(compare: Compare[Any]) -> None:
    def sent(world: World, canary: bool) -> Any:
        arunika, borealia = world.nations["Arunika"], world.nations["Borealia"]
        product = released(world, CLOSED + OPEN if canary else OPEN)
        envelopes = sorted(len(envelope) for _, _, envelope in arunika.wire.puts)
        with arunika.node.store.read() as unit:
            release = unit.products.release(product.id, product.version, borealia.party)
        assert release is not None
        (item,) = [each.document() for each in read_inbox(borealia.node)]
        unlike = {name: item.pop(name) for name in ("product", "manifest")}
        assert len(unlike) == 2
        return {
            "envelopes": envelopes,
            "manifest": (release.leaves, release.parts, release.objects, len(release.manifest)),
            "inbox": blurred(json.dumps(item)),
        }

    without, with_canary = compare(sent)
    lengths, others = without.pop("envelopes"), with_canary.pop("envelopes")
    assert without == with_canary
    assert len(lengths) == len(others) > 2
    # Salts and signatures are random and compress by some bytes more or less: two releases of the very same differ so.
    assert all(abs(one - other) <= STEP for one, other in zip(lengths, others, strict=True))


def test_the_canary_is_in_nothing_that_a_partner_or_the_relay_holds(stocked: World) -> None:
    arunika, borealia = stocked.nations["Arunika"], stocked.nations["Borealia"]
    released(stocked, CLOSED + OPEN)
    close_checkpoint(arunika.node)
    stocked.exchange(2)
    told = [borealia.status(), borealia.log(), [each.document() for each in read_inbox(borealia.node)]]
    held = [borealia.export(), stocked.relay_bytes(), *(json.dumps(each).encode() for each in told)]
    tiles = [path.read_bytes() for path in (arunika.home / "log").rglob("*") if path.is_file()]
    assert b"open words" in b"".join(held)
    assert tiles
    for content in (*held, *tiles):
        assert not [word for word in (*WORDS, CANARY["id"], VALUE) if word.encode() in content]
    assert CANARY["id"].encode() in arunika.export(), "the search itself finds what is there"


def test_what_anybody_may_ask_names_nobody_and_nothing(stocked: World) -> None:
    nation = stocked.nations["Arunika"]
    asked = ("/metrics", "/health", "/version", "/api/schema/openapi.json", "/api/schema", "/nowhere")
    with TestClient(application(nation.node), raise_server_exceptions=False) as client:
        bodies = {path: client.get(path).text for path in asked}
    with nation.node.store.read() as unit:
        others = [p for p in unit.directory.parties() if p.fingerprint != nation.party]
    named = [*WORDS, VALUE, CANARY["id"], SERVERS[0]["id"], SERVERS[0]["name"], DRAFTER]
    named += [word for party in others for word in (party.name, party.fingerprint)]
    for path, body in bodies.items():
        assert not [word for word in named if word in body], path
    assert "/api/v1/objects" in bodies["/api/schema/openapi.json"]


def test_what_the_program_writes_beside_its_answers_names_nothing_that_was_not_shown(
    stocked: World, capfd: pytest.CaptureFixture[str]
) -> None:
    list(looks(stocked.nations["Arunika"], stocked.nations["Borealia"].party))
    said = capfd.readouterr()
    assert not [word for word in (*WORDS, VALUE, CANARY["id"]) if word in said.out + said.err]
