"""The HTTP API of a node: the same documents as the command line, for a person who is signed in, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from litestar.testing import TestClient

from simpul.api.routes import application
from simpul.api.sessions import IDLE, TRIES, Sessions
from simpul.errors import Unauthorised
from tests.federation.nations import APPROVER, DRAFTER, PHRASE, Nation, World
from tests.federation.objects import indicator, label

Client = TestClient[Any]
SERVER = indicator("api", "203.0.113.61")


@pytest.fixture
def client(arunika: Nation) -> Iterator[Client]:
    with TestClient(application(arunika.node), raise_server_exceptions=False) as made:
        yield made


def signed_in(client: Client, user: str) -> dict[str, str]:
    answer = client.post("/api/v1/session", json={"user": user, "passphrase": PHRASE.decode()})
    assert answer.status_code == 201
    assert set(answer.json()) == {"token", "user", "expires"}
    return {"authorization": f"Bearer {answer.json()['token']}"}


def test_a_product_is_drafted_previewed_approved_and_released_by_two_people(
    client: Client, arunika: Nation, borealia: Nation, world: World
) -> None:
    arunika.imports(label("Borealia"), SERVER)
    drafter, approver = signed_in(client, DRAFTER), signed_in(client, APPROVER)
    made = client.post(
        "/api/v1/products",
        headers=drafter,
        json={
            "title": "API",
            "purpose": "cyber-defence",
            "precedence": "routine",
            "grade": "B2",
            "objects": [SERVER["id"]],
        },
    ).json()["product"]
    to = {"to": ["Borealia"]}
    shown = client.post(f"/api/v1/products/{made}/preview", headers=drafter, json=to).json()
    (one,) = shown["recipients"][0]["objects"]
    assert (one["id"], one["outcome"]) == (SERVER["id"], "permit")
    own = client.post(f"/api/v1/products/{made}/approve", headers=drafter, json=to)
    assert (own.status_code, own.json()["error"]["code"]) == (403, "approval-refused")
    assert client.post(f"/api/v1/products/{made}/approve", headers=approver, json=to).status_code == 200
    gone = client.post(f"/api/v1/products/{made}/release", headers=approver, json=to).json()["released"]
    assert [each["objects"] for each in gone] == [1]
    world.exchange(2)
    assert [item["product"] for item in borealia_inbox(borealia)] == [made]


def borealia_inbox(borealia: Nation) -> list[dict[str, Any]]:
    with TestClient(application(borealia.node)) as client:
        found: list[dict[str, Any]] = client.get("/api/v1/inbox", headers=signed_in(client, DRAFTER)).json()
    return found


def paths(client: Client) -> list[tuple[str, str]]:
    schema = client.get("/api/schema/openapi.json").json()
    return [
        (method, path.replace("{version}", "1").replace("{", "").replace("}", ""))
        for path, item in schema["paths"].items()
        for method in item
        if path.startswith("/api/v1") and path != "/api/v1/session"
    ]


def test_nothing_under_the_api_answers_without_a_session(client: Client) -> None:
    found = paths(client)
    assert len(found) > 15
    for method, path in found:
        for headers in ({}, {"authorization": "Bearer 00"}, {"authorization": "Basic bGFyYXM6eA=="}):
            answer = client.request(method, path, headers=headers, json={})
            assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthorised"), path


def test_a_session_ends_when_it_is_idle_and_when_it_is_ended(client: Client, world: World) -> None:
    mine = signed_in(client, DRAFTER)
    assert client.get("/api/v1/status", headers=mine).status_code == 200
    world.pass_time(IDLE // 1_000_000 + 1, relay=False)
    assert client.get("/api/v1/status", headers=mine).status_code == 401
    again = signed_in(client, DRAFTER)
    assert client.delete("/api/v1/session", headers=again).status_code == 204
    assert client.get("/api/v1/status", headers=again).status_code == 401


def test_guessing_a_passphrase_is_slowed_alike_for_names_that_exist_and_that_do_not(
    client: Client, world: World
) -> None:
    for name in (DRAFTER, "nobody"):
        guesses = [
            client.post("/api/v1/session", json={"user": name, "passphrase": "a wrong long phrase"})
            for _ in range(TRIES + 1)
        ]
        assert [each.status_code for each in guesses] == [401] * TRIES + [429]
        assert guesses[-1].json()["error"]["code"] == "too-many-tries"
    right = client.post("/api/v1/session", json={"user": DRAFTER, "passphrase": PHRASE.decode()})
    assert right.status_code == 429
    world.pass_time(61, relay=False)
    signed_in(client, DRAFTER)


def test_the_token_is_not_kept_and_a_session_of_another_process_is_unknown(arunika: Nation) -> None:
    one, other = Sessions(arunika.node), Sessions(arunika.node)
    token = one.sign_in(DRAFTER, PHRASE.decode()).token
    assert one.signer(token).name == DRAFTER
    assert token not in repr(vars(one))
    with pytest.raises(Unauthorised):
        other.signer(token)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/api/v1/products/product--none", None, 404, "not-found"),
        ("GET", "/api/v1/nothing", None, 404, "not-found"),
        ("GET", "/api/v1/objects?limit=0", None, 400, "bad-input"),
        ("GET", "/api/v1/objects?q=colour:red", None, 400, "bad-input"),
        ("POST", "/api/v1/products", {"title": "x"}, 400, "bad-input"),
        ("POST", "/api/v1/products", {"unknown": 1}, 400, "bad-input"),
        ("POST", "/api/v1/products/product--none/preview", {"to": []}, 400, "bad-input"),
        ("POST", "/api/v1/products/product--none/preview", {"to": ["Borealia"]}, 404, "not-found"),
    ],
)
def test_a_failure_is_said_with_the_error_document(
    client: Client, method: str, path: str, body: object, status: int, code: str
) -> None:
    answer = client.request(method, path, headers=signed_in(client, DRAFTER), json=body)
    assert answer.status_code == status
    assert set(answer.json()) == {"error"}
    assert set(answer.json()["error"]) == {"code", "message", "input", "where", "do"}
    assert answer.json()["error"]["code"] == code


def test_a_request_over_the_limit_is_refused_before_it_is_read(client: Client) -> None:
    mine = signed_in(client, DRAFTER)
    answer = client.post("/api/v1/products", headers=mine, content=b" " * ((8 << 20) + 1))
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too-large")
