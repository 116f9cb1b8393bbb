"""The client against a relay that misbehaves in every way: what comes out is always a `RelayFault`."""

from __future__ import annotations

import hashlib
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simpul.errors import RelayFault
from simpul.transport.relay import RelayClient, RelayMisbehaved, RelayRefused, RelayUnreachable
from tests.relay_process import READER, WRITER

Answer = Callable[[socket.socket], None]


@contextmanager
def hostile(*answers: Answer, patience: float = 5) -> Iterator[RelayClient]:
    """A server that answers its first connections as told, one after the other, then stays silent."""
    listener = socket.create_server(("127.0.0.1", 0))
    # A little longer than the client's patience.
    listener.settimeout(patience + 0.6)

    def serve() -> None:
        for answer in answers:
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                return
            with connection:
                connection.settimeout(patience + 3)
                # The client may hang up, which is its right.
                with suppress(OSError):
                    hear(connection)
                    answer(connection)
                    # Closing at once while the client still reads would let the kernel cut the answer short.
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(65536):
                        pass

    serving = threading.Thread(target=serve)
    serving.start()
    client = RelayClient(
        f"http://127.0.0.1:{listener.getsockname()[1]}",
        READER,
        lambda: time.time_ns() // 1000,
        timeout_seconds=patience,
    )
    try:
        yield client
    finally:
        client.close()
        serving.join()
        listener.close()


def hear(line: socket.socket) -> None:
    """Reads one request whole: a line closed with something unread is reset, and its answer lost."""
    heard = b""
    while b"\r\n\r\n" not in heard:
        heard += line.recv(65536) or b"\r\n\r\n"
    head, _, body = heard.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head.lower())
    missing = int(length[1]) - len(body) if length else 0
    while missing > 0 and (more := line.recv(65536)):
        missing -= len(more)


def sends(body: bytes, *, status: str = "200 OK", headers: str = "", length: int | None = None) -> Answer:
    head = f"HTTP/1.1 {status}\r\ncontent-length: {len(body) if length is None else length}\r\n{headers}\r\n"
    return lambda line: line.sendall(head.encode() + body)


def says(document: object) -> Answer:
    return sends(json.dumps(document).encode())


def endless(line: socket.socket) -> None:
    line.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        line.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")


def drip(line: socket.socket) -> None:
    line.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
    for _ in range(18):
        line.sendall(b" ")
        time.sleep(0.1)


def frame(number: int, envelope: bytes) -> bytes:
    return number.to_bytes(8, "big") + len(envelope).to_bytes(4, "big") + envelope


def listing(number: int, envelope: bytes) -> list[dict[str, object]]:
    return [
        {
            "id": number,
            "tag": "00" * 16,
            "length": len(envelope),
            "hash": hashlib.sha256(envelope).hexdigest(),
        }
    ]


@pytest.mark.parametrize(
    "answer",
    [
        sends(b""),
        sends(b"<html>"),
        sends(b"[1]"),
        sends(b'{"id":1}'),
        says([{"id": 0, "tag": "00" * 16, "length": 1, "hash": "00" * 32}]),
        says([{"id": 2**63, "tag": "00" * 16, "length": 1, "hash": "00" * 32}]),
        says([{"id": 1, "tag": "zz" * 16, "length": 1, "hash": "00" * 32}]),
        says([{"id": 1, "tag": "00" * 16, "length": 10**12, "hash": "00" * 32}]),
        says([{"id": 1, "tag": "00" * 16, "length": 1, "hash": None}]),
        sends(b"[" * 100_000),
        sends(b" " * 1_100_000),
        sends(b"[]", headers="content-encoding: gzip\r\n"),
        sends(b"", status="302 Found", headers="location: http://192.0.2.1/\r\n"),
        sends(b"bad gateway", status="502 Bad Gateway"),
        endless,
    ],
)
def test_an_answer_of_another_form_is_the_relays_fault(answer: Answer) -> None:
    with hostile(answer) as client, pytest.raises(RelayMisbehaved) as raised:
        client.list()
    assert raised.value.input == client.url
    assert raised.value.do


@pytest.mark.parametrize(
    "answer",
    [
        lambda line: line.close(),
        lambda line: line.sendall(b"SSH-2.0-OpenSSH\r\n\r\n"),
        sends(b"[]", length=100),
        lambda _: time.sleep(1.3),
        drip,
        lambda line: line.sendall(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 200_000),
    ],
    ids=["closes", "other protocol", "breaks off", "silent", "drips", "endless headers"],
)
def test_a_relay_that_does_not_answer_is_unreachable(answer: Answer) -> None:
    with hostile(answer, answer, patience=1) as client, pytest.raises(RelayUnreachable):
        client.list()


def test_a_connection_that_broke_is_tried_once_more() -> None:
    with hostile(lambda line: line.close(), says([])) as client:
        assert [*client.list()] == []


@pytest.mark.parametrize(
    "body",
    [
        b"x",
        frame(1, b"envelope")[:-1],
        frame(1, b""),
        frame(2, b"not asked for"),
        frame(1, b"envelope") * 2,
        (1).to_bytes(8, "big") + b"\xff" * 4 + b"short",
    ],
    ids=["torn head", "torn body", "empty", "another", "twice", "huge length"],
)
def test_envelopes_that_were_not_asked_for_or_are_torn_are_refused(body: bytes) -> None:
    with hostile(sends(body)) as client, pytest.raises(RelayMisbehaved):
        client.fetch([1])


def test_an_envelope_with_other_bytes_than_listed_is_refused() -> None:
    with hostile(says(listing(1, b"envelope")), sends(frame(1, b"ENVELOPE"))) as client:
        client.list()
        with pytest.raises(RelayMisbehaved, match="other bytes"):
            client.fetch([1])


def test_more_bytes_than_were_asked_for_are_not_kept() -> None:
    with hostile(endless) as client, pytest.raises(RelayMisbehaved, match="over"):
        client.fetch([1])


@settings(max_examples=25)
@given(st.binary(max_size=300))
def test_no_garbage_gets_an_error_of_the_librarys_through(raw: bytes) -> None:
    answers = [lambda line: line.sendall(raw)] * 2
    with hostile(*answers) as client, pytest.raises(RelayFault):
        client.list()


def test_a_put_that_was_not_stored_is_no_success() -> None:
    with hostile(says({"stored": False, "expires": 0})) as client, pytest.raises(RelayMisbehaved):
        client.put(bytes(16), WRITER, b"x")


def test_another_number_of_tags_than_mailboxes_is_refused() -> None:
    with hostile(says({"tags": []})) as client, pytest.raises(RelayMisbehaved):
        client.register([("normal", bytes(32))])


def test_a_relay_under_another_name_is_not_the_one_on_the_card() -> None:
    document = {"relay": "http://relay.example.org", "time": 1, "limits": {}}
    with hostile(says(document)) as client, pytest.raises(RelayMisbehaved, match="calls itself"):
        client.info()


def refusal(word: str, at: int) -> Answer:
    document = {"error": {"code": word, "message": "no", "where": None, "do": "wait"}, "time": at}
    return sends(json.dumps(document).encode(), status="401 Unauthorized")


def test_a_refusal_carries_the_relays_word_and_advice() -> None:
    with hostile(refusal("disk-full", 0)) as client, pytest.raises(RelayRefused) as raised:
        client.list()
    assert (raised.value.reason, raised.value.code, raised.value.do) == (
        "disk-full",
        "relay-disk-full",
        "wait",
    )


def test_a_clock_refusal_is_answered_once_with_the_relays_time() -> None:
    hour = 3_600_000_000
    there = time.time_ns() // 1000 + hour
    with hostile(refusal("clock", there), says([])) as client:
        assert [*client.list()] == []
        assert abs(client.skew - hour) < 60_000_000


def test_a_relay_that_keeps_complaining_about_the_time_does_not_hold_us() -> None:
    with hostile(refusal("clock", 0), refusal("clock", 0)) as client, pytest.raises(RelayRefused):
        client.list()


def test_closing_ends_a_request_that_waits_in_another_thread() -> None:
    waiting, ended = threading.Event(), list[RelayFault]()

    def keeps_waiting(line: socket.socket) -> None:
        waiting.set()
        line.recv(1)

    def ask(client: RelayClient) -> None:
        try:
            client.list(wait=30)
        except RelayFault as fault:
            ended.append(fault)

    with hostile(keeps_waiting, patience=20) as client:
        asking = threading.Thread(target=ask, args=(client,))
        asking.start()
        assert waiting.wait(10)
        client.close()
        asking.join(timeout=3)
        assert not asking.is_alive()
    assert [type(fault) for fault in ended] == [RelayUnreachable]
    with pytest.raises(RelayUnreachable):
        client.list()
