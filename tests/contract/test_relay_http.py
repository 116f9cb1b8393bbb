"""The relay's HTTP interface byte by byte, as somebody who means harm would use it."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from simpul.protocol.mailboxes import mailbox_tag, public_key, put_statement, sign_statement
from tests.relay_process import READER, WRITER, RelayProcess, post, signed

TAG_OF_NONE = "00" * 16


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RelayProcess]:
    process = RelayProcess(tmp_path_factory.mktemp("relay") / "data")
    process.client().register([("normal", public_key(WRITER)), ("contact", public_key(READER))])
    yield process
    process.close()


def code(response: httpx.Response) -> str:
    document = response.json()
    assert document["error"]["message"]
    assert document["error"]["do"]
    assert document["time"] > 1_700_000_000_000_000
    return str(document["error"]["code"])


def put_headers(url: str, tag: bytes, envelope: bytes, *, length: int | None = None) -> dict[str, str]:
    digest = hashlib.sha256(envelope).digest()
    statement = put_statement(url, tag, digest, len(envelope) if length is None else length)
    return {"simpul-envelope": digest.hex(), "simpul-signature": sign_statement(WRITER, statement).hex()}


def tag_of(relay: RelayProcess) -> bytes:
    return mailbox_tag(relay.url, public_key(READER), public_key(WRITER))


def ask(relay: RelayProcess, path: str, body: bytes, *, at: int | None = None) -> httpx.Response:
    return post(relay.url, path, body, signed(relay.url, path, body, at=at))


def test_health_answers(relay: RelayProcess) -> None:
    response = httpx.get(relay.url + "/health", trust_env=False)
    assert (response.status_code, response.json()) == (200, {"ok": True})


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/v1/list"),
        ("POST", "/v1/relay"),
        ("PUT", "/v1/list"),
        ("POST", "/v2/list"),
        ("GET", "/v1/put/x"),
    ],
)
def test_what_is_not_offered_is_not_found(relay: RelayProcess, method: str, path: str) -> None:
    response = httpx.request(method, relay.url + path, trust_env=False)
    assert (response.status_code, code(response)) == (404, "not-found")


def test_a_request_made_twice_counts_once(relay: RelayProcess) -> None:
    body = b'{"ids":[]}'
    headers = signed(relay.url, "/v1/delete", body)
    assert post(relay.url, "/v1/delete", body, headers).status_code == 200
    assert code(post(relay.url, "/v1/delete", body, headers)) == "replayed"


def test_a_signature_is_for_one_path_one_body_and_one_relay(relay: RelayProcess) -> None:
    body = b'{"ids":[]}'
    headers = signed(relay.url, "/v1/delete", body)
    assert code(post(relay.url, "/v1/fetch", b'{"ids":[]}', headers)) == "refused"
    assert code(post(relay.url, "/v1/delete", b'{"ids":[1]}', headers)) == "refused"
    elsewhere = signed("http://relay.example.org", "/v1/delete", body)
    assert code(post(relay.url, "/v1/delete", body, elsewhere)) == "refused"


@pytest.mark.parametrize("minutes", [-11, 11, -600, 10**6])
def test_a_request_from_another_time_is_refused_with_the_relays_time(
    relay: RelayProcess, minutes: int
) -> None:
    response = ask(relay, "/v1/list", b"{}", at=relay.now() + minutes * 60_000_000)
    assert (response.status_code, code(response)) == (401, "clock")
    assert abs(response.json()["time"] - relay.now()) < 60_000_000


def test_a_request_stamped_a_little_ahead_counts_once(relay: RelayProcess) -> None:
    headers = signed(relay.url, "/v1/list", b"{}", at=relay.now() + 60_000_000)
    assert post(relay.url, "/v1/list", b"{}", headers).status_code == 200
    assert code(post(relay.url, "/v1/list", b"{}", headers)) == "replayed"


@pytest.mark.parametrize("name", ["simpul-account", "simpul-nonce", "simpul-signature"])
@pytest.mark.parametrize("value", [None, "", "zz", "00", "AB" * 32, "0" * 100_000])
def test_a_signed_request_without_its_headers_is_malformed(
    relay: RelayProcess, name: str, value: str | None
) -> None:
    headers = signed(relay.url, "/v1/list", b"{}")
    if value is None:
        del headers[name]
    else:
        headers[name] = value
    response = post(relay.url, "/v1/list", b"{}", headers)
    assert response.status_code == 400


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/list", b""),
        ("/v1/list", b"[]"),
        ("/v1/list", b'{"wait":-1}'),
        ("/v1/list", b'{"wait":"1"}'),
        ("/v1/list", b'{"wait":1e999}'),
        ("/v1/list", b'{"first":["xx"]}'),
        ("/v1/list", b'{"unknown":1}'),
        ("/v1/list", json.dumps({"first": [TAG_OF_NONE] * 65}).encode()),
        ("/v1/fetch", b'{"ids":[1]}'),
        ("/v1/fetch", b'{"ids":[99999999999999999999999],"max_bytes":1}'),
        ("/v1/fetch", b'{"ids":[1],"max_bytes":0}'),
        ("/v1/delete", b'{"ids":{}}'),
        ("/v1/delete", b"\xff\xfe"),
        ("/v1/delete", json.dumps({"ids": [1] * 1001}).encode()),
        ("/v1/register", b'{"mailboxes":[{"class":"normal","key":"short"}]}'),
        ("/v1/register", b'{"mailboxes":' + b"[" * 10_000),
    ],
)
def test_a_body_of_another_form_is_malformed(relay: RelayProcess, path: str, body: bytes) -> None:
    response = ask(relay, path, body)
    assert (response.status_code, code(response)) == (400, "malformed")


@settings(max_examples=40)
@given(st.sampled_from(["/v1/list", "/v1/fetch", "/v1/delete", "/v1/register"]), st.binary(max_size=200))
def test_garbage_never_breaks_the_relay(relay: RelayProcess, path: str, body: bytes) -> None:
    assume(body.strip() != b"{}")  # asks for the list with every default
    assert ask(relay, path, body).status_code == 400


def test_an_endless_request_is_refused_before_it_is_read(relay: RelayProcess) -> None:
    headers = signed(relay.url, "/v1/list", b"{}")
    with socket.create_connection(
        (urlsplit(relay.url).hostname, urlsplit(relay.url).port), timeout=10
    ) as line:
        head = "POST /v1/list HTTP/1.1\r\nhost: relay\r\ncontent-length: 900000000\r\n"
        line.sendall(
            (head + "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n").encode()
        )
        answer = line.recv(4096)
    assert answer.startswith(b"HTTP/1.1 413")


def test_a_put_is_judged_before_its_body_is_read(relay: RelayProcess) -> None:
    headers = put_headers(relay.url, bytes(16), b"x" * 100, length=30_000_000)
    with socket.create_connection(
        (urlsplit(relay.url).hostname, urlsplit(relay.url).port), timeout=10
    ) as line:
        head = f"POST /v1/put/{TAG_OF_NONE} HTTP/1.1\r\nhost: relay\r\ncontent-length: 30000000\r\n"
        line.sendall(
            (head + "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n").encode()
        )
        answer = line.recv(4096)
    assert answer.startswith(b"HTTP/1.1 403")


def test_a_body_that_is_not_what_was_signed_is_refused(relay: RelayProcess) -> None:
    tag = tag_of(relay)
    headers = put_headers(relay.url, tag, b"signed")
    assert code(post(relay.url, f"/v1/put/{tag.hex()}", b"other.", headers)) == "malformed"
    assert code(post(relay.url, f"/v1/put/{tag.hex()}", b"signed and more", headers)) == "refused"


def test_an_empty_envelope_is_refused(relay: RelayProcess) -> None:
    tag = tag_of(relay)
    assert code(post(relay.url, f"/v1/put/{tag.hex()}", b"", put_headers(relay.url, tag, b""))) == "malformed"


def test_a_length_in_the_body_instead_of_the_header_is_refused(relay: RelayProcess) -> None:
    tag = tag_of(relay)

    def chunks() -> Iterator[bytes]:
        yield b"chunk"

    headers = put_headers(relay.url, tag, b"chunk")
    response = httpx.post(
        f"{relay.url}/v1/put/{tag.hex()}", content=chunks(), headers=headers, trust_env=False
    )
    assert code(response) == "malformed"


@pytest.mark.parametrize("tag", ["", "xx", "00", "00" * 17, "00" * 15 + "0g", "..%2f..%2fetc"])
def test_a_tag_of_another_form_is_malformed(relay: RelayProcess, tag: str) -> None:
    assert (
        code(post(relay.url, f"/v1/put/{tag}", b"x", put_headers(relay.url, bytes(16), b"x"))) == "malformed"
    )


def test_what_is_no_key_has_no_account(relay: RelayProcess) -> None:
    headers = {
        "simpul-account": "ff" * 32,
        "simpul-nonce": (os.urandom(16) + relay.now().to_bytes(8, "big")).hex(),
        "simpul-signature": "00" * 64,
    }
    assert code(post(relay.url, "/v1/list", b"{}", headers)) == "refused"


def test_a_client_that_stops_in_the_middle_of_a_body_leaves_nothing(relay: RelayProcess) -> None:
    tag = tag_of(relay)
    headers = put_headers(relay.url, tag, b"x" * 1000)
    before = len(relay.client().list())
    with socket.create_connection(
        (urlsplit(relay.url).hostname, urlsplit(relay.url).port), timeout=10
    ) as line:
        head = f"POST /v1/put/{tag.hex()} HTTP/1.1\r\nhost: relay\r\ncontent-length: 1000\r\n"
        line.sendall(
            (head + "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n").encode()
        )
        line.sendall(b"x" * 500)
    time.sleep(0.2)
    assert len(relay.client().list()) == before


def test_the_relay_says_nothing_about_its_make(relay: RelayProcess) -> None:
    response = httpx.get(relay.url + "/v1/relay", trust_env=False)
    assert "server" not in response.headers
