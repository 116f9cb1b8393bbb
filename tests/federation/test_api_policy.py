"""Agreements and policy over HTTP: each route does what its command does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from simpul.api.routes import application
from tests.federation.nations import APPROVER, DRAFTER, Nation, World
from tests.federation.objects import agreement, indicator, label
from tests.federation.test_api import Client, signed_in
from tests.federation.test_overlay import rules

ROOT = Path(__file__).resolve().parents[2]
SERVER = indicator("api policy", "203.0.113.62")


class Person:
    """Somebody who is signed in to a node, and what they ask of it."""

    def __init__(self, client: Client, user: str) -> None:
        self._client = client
        self._headers = signed_in(client, user)

    def gets(self, path: str) -> Any:
        return self._answer(self._client.get("/api/v1" + path, headers=self._headers))

    def posts(self, path: str, **body: Any) -> Any:
        return self._answer(self._client.post("/api/v1" + path, headers=self._headers, json=body))

    def refused(self, path: str, **body: Any) -> tuple[int, str]:
        answer = self._client.post("/api/v1" + path, headers=self._headers, json=body)
        return answer.status_code, answer.json()["error"]["code"]

    @staticmethod
    def _answer(answer: Any) -> Any:
        assert answer.status_code < 300, answer.text
        return answer.json()


@pytest.fixture
def client(arunika: Nation) -> Iterator[Client]:
    with TestClient(application(arunika.node), raise_server_exceptions=False) as made:
        yield made


def test_an_agreement_lives_through_the_api(
    client: Client, arunika: Nation, borealia: Nation, world: World
) -> None:
    laras = Person(client, DRAFTER)
    before = {each["agreement"] for each in laras.gets("/agreements")}
    assert before == {"arunika-borealia", "arunika-cendara"}
    text = agreement("Arunika", "Borealia").replace('id = "arunika-borealia"', 'id = "second"')
    assert laras.posts("/agreements", text=text)["state"] == "proposed"
    world.exchange(1)
    borealia.signs("second")
    world.exchange(2)
    shown = laras.gets("/agreements/second")
    assert (shown["state"], shown["terms"]["id"]) == ("in-force", "second")
    assert laras.posts("/agreements/second/suspend", reason="an incident")["state"] == "suspended"
    assert laras.posts("/agreements/second/resume", reason="it is over")["agreement"] == "second"
    assert [each["step"] for each in laras.gets("/agreements/second/history")][:2] == ["propose", "sign"]
    assert laras.refused("/agreements/second/dance", reason="x") == (400, "bad-input")
    assert laras.refused("/agreements/second/sign")[0] == 403


def test_a_counter_proposal_shows_what_it_changes(client: Client, world: World, borealia: Nation) -> None:
    laras = Person(client, DRAFTER)
    text = agreement("Arunika", "Borealia").replace('id = "arunika-borealia"', 'id = "third"')
    borealia.proposes(text)
    world.exchange(2)
    laras.posts("/agreements/third/counter", text=text.replace("Exchange", "Another exchange"))
    changes = laras.gets("/agreements/third/diff")
    assert {"clause": "title", "before": "Exchange", "after": "Another exchange"} in changes


def test_national_rules_are_proposed_and_adopted_by_two_people(
    client: Client, arunika: Nation, borealia: Nation
) -> None:
    laras, bima = Person(client, DRAFTER), Person(client, APPROVER)
    text = rules()
    assert laras.posts("/overlays/propose", text=text)["state"] == "proposed"
    assert laras.refused("/overlays/adopt", text=text) == (403, "approval-refused")
    assert bima.posts("/overlays/adopt", text=text)["state"] == "adopted"
    assert laras.gets("/overlays/1")["terms"].startswith('party = "Arunika"')
    assert [each["version"] for each in laras.gets("/overlays")] == [1]


def test_the_laboratory_and_the_difference_of_policies(
    client: Client, arunika: Nation, borealia: Nation
) -> None:
    laras = Person(client, DRAFTER)
    ran = laras.posts("/policy/test", text=(ROOT / "examples" / "laboratory.yaml").read_text())
    assert (ran["failed"], set(ran)) == (0, {"cases", "passed", "failed"})
    arunika.imports(label("Borealia"), SERVER)
    changed = laras.posts("/policy/diff", old=None, new=rules())
    assert [each["after"]["clause"] for each in changed["changes"]] == ["overlay.cyber-stays"]


def test_a_decision_is_replayed_and_labels_change_their_form(
    client: Client, arunika: Nation, borealia: Nation
) -> None:
    laras = Person(client, DRAFTER)
    arunika.imports(label("Borealia"), SERVER)
    (released,) = arunika.releases(arunika.drafts(SERVER), borealia)
    arunika.sync()
    replayed = laras.gets(f"/decisions/{released.root.hex()}")
    assert replayed["ok"] is True
    for form in ("stanag-4774", "iep"):
        written = laras.posts("/labels/export", label=label("Borealia"), form=form)
        assert (written["as"], bool(written["text"])) == (form, True)
    policy = laras.posts("/labels/export", label=label("Borealia"), form="iep")["text"]
    assert 'tlp = "green"' in laras.posts("/labels/import", text=policy)["text"]
    assert laras.refused("/labels/export", label=label("Borealia"), form="odrl") == (400, "bad-input")


def test_a_recall_is_issued_narrowed_and_followed(
    client: Client, arunika: Nation, borealia: Nation, world: World
) -> None:
    laras = Person(client, DRAFTER)
    arunika.imports(label("Borealia"), SERVER)
    product = arunika.drafts(SERVER)
    arunika.releases(product, borealia)
    world.exchange(2)
    narrowed = laras.posts("/recalls/tighten", reason="a source", product=product.id, label='tlp = "red"\n')
    issued = laras.posts("/recalls/issue", reason="a mistake", code="mistake", product=product.id)
    assert set(issued) == {"recall", "objects", "to", "recalls"} == set(narrowed)
    assert issued["to"] == [borealia.party]
    world.exchange(3)
    (found,) = laras.gets(f"/recalls/status?recall={issued['recall']}")
    assert [each["state"] for each in found["parties"]] == ["answered"]
    assert SERVER["id"].encode() not in borealia.export()
    assert len(laras.gets("/recalls")) == 2
    assert laras.refused("/recalls/issue", reason="x") == (400, "bad-input")
    assert laras.refused("/recalls/issue", reason="x", code="whim", product=product.id) == (400, "bad-input")


def test_a_legal_hold_is_named_and_listed(client: Client, arunika: Nation) -> None:
    laras = Person(client, DRAFTER)
    made = laras.posts("/holds", ground="Court order 7", until="2030-01-01T00:00:00Z", objects=[SERVER["id"]])
    assert laras.gets("/holds") == [made]


def test_consent_is_asked_and_denied(
    client: Client, arunika: Nation, borealia: Nation, cendara: Nation, world: World
) -> None:
    laras = Person(client, DRAFTER)
    arunika.imports(label("Borealia"), SERVER)
    product = arunika.drafts(SERVER)
    arunika.releases(product, borealia)
    world.exchange(2)
    with TestClient(application(borealia.node), raise_server_exceptions=False) as there:
        officer = Person(there, DRAFTER)
        asked = officer.posts(
            "/consents", product=product.id, to="Cendara", purpose="cyber-defence", why="they are hit too"
        )
        world.exchange(2)
        (waiting,) = laras.gets("/consents")
        assert (waiting["request"], waiting["leaves"]) == (asked["request"], 1)
        assert laras.posts(f"/consents/{asked['request']}/deny", reason="not yet")["state"] == "denied"
        world.exchange(2)
        assert officer.gets(f"/consents/{asked['request']}")["state"] == "denied"


def test_an_action_that_a_duty_forbids_is_refused_with_the_clause(
    client: Client, arunika: Nation, borealia: Nation, world: World
) -> None:
    laras = Person(client, DRAFTER)
    arunika.imports(label("Borealia"), SERVER)
    forbidding = label("Borealia", more='obligations = ["action: internal only"]\n')
    assert laras.posts("/objects/mark", ids=[SERVER["id"]], label=forbidding) == {"marked": 1}
    product = arunika.drafts(SERVER)
    arunika.releases(product, borealia)
    world.exchange(2)
    with TestClient(application(borealia.node), raise_server_exceptions=False) as there:
        officer = Person(there, DRAFTER)
        path = f"/inbox/{product.id}/feedback"
        assert officer.refused(path, acted={"action": "direct"}) == (403, "policy-refused")
        assert officer.posts(path, acted={"action": "internal"})["to"] == arunika.party
        assert officer.refused(path, acted={"action": "whim"}) == (400, "bad-input")
    assert laras.refused("/objects/mark", label=forbidding) == (400, "bad-input")
