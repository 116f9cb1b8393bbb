"""A relay that is killed, stopped, or started where it should not be."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from simpul.errors import RelayFault
from simpul.protocol.mailboxes import public_key
from simpul.relay.database import records
from tests.relay_process import READER, WRITER, RelayProcess, post, signed


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[RelayProcess]:
    process = RelayProcess(tmp_path / "data")
    yield process
    process.close()


def run_relay(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "simpul.relay", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_what_was_acknowledged_before_a_kill_is_there_after_it(relay: RelayProcess) -> None:
    reader, writer = relay.client(), relay.client(WRITER)
    (tag,) = reader.register([("normal", public_key(WRITER))])
    acknowledged: list[bytes] = []

    def send() -> None:
        while True:
            envelope = os.urandom(2000)
            try:
                writer.put(tag, WRITER, envelope)
            except RelayFault:
                return
            acknowledged.append(envelope)

    sending = threading.Thread(target=send)
    sending.start()
    time.sleep(0.7)
    relay.kill()
    sending.join()
    url = relay.url
    relay.start()
    assert relay.url == url, "port 0 is the port this folder's relay had before"
    again = relay.client()
    held = [envelope for _, envelope in again.fetch([item.id for item in again.list()])]
    assert len(acknowledged) > 3
    assert held[: len(acknowledged)] == acknowledged
    assert len(held) <= len(acknowledged) + 1
    assert len(records(relay.data)) == len(held)


def test_a_put_may_be_repeated_after_a_kill(relay: RelayProcess) -> None:
    reader = relay.client()
    (tag,) = reader.register([("normal", public_key(WRITER))])
    relay.client(WRITER).put(tag, WRITER, b"once")
    relay.kill()
    relay.start()
    reader.put(tag, WRITER, b"once")
    assert len(reader.list()) == 1


def test_a_client_goes_on_after_a_restart_without_being_told(relay: RelayProcess) -> None:
    reader = relay.client()
    (tag,) = reader.register([("normal", public_key(WRITER))])
    relay.kill()
    with pytest.raises(RelayFault):
        reader.list()
    relay.start()
    reader.put(tag, WRITER, b"x")
    assert len(reader.list()) == 1


@pytest.mark.parametrize("ahead", [-5_000_000, 60_000_000])
def test_a_request_from_before_a_restart_is_not_taken_again(relay: RelayProcess, ahead: int) -> None:
    relay.client().register([("normal", public_key(WRITER))])
    headers = signed(relay.url, "/v1/list", b"{}", at=relay.now() + ahead)
    first = post(relay.url, "/v1/list", b"{}", headers)
    assert first.status_code == (200 if ahead > 0 else 401)
    relay.kill()
    relay.start()
    again = post(relay.url, "/v1/list", b"{}", headers)
    assert again.json()["error"]["code"] == ("replayed" if ahead > 0 else "clock")


def test_sigterm_ends_it_in_time_with_a_long_poll_open(relay: RelayProcess) -> None:
    reader = relay.client()
    reader.register([("normal", public_key(WRITER))])
    answers: list[int] = []
    polling = threading.Thread(target=lambda: answers.append(len(reader.list(wait=30))))
    polling.start()
    time.sleep(0.3)
    started = time.monotonic()
    assert relay.terminate() == 0
    assert time.monotonic() - started < 5
    polling.join()
    assert answers == [0], "the poll was answered, not broken off"


def test_sigterm_ends_it_in_time_with_a_half_sent_body_open(relay: RelayProcess) -> None:
    with socket.create_connection(("127.0.0.1", int(relay.url.rpartition(":")[2])), timeout=10) as line:
        headers = signed(relay.url, "/v1/list", b"{}")
        head = "POST /v1/list HTTP/1.1\r\nhost: relay\r\ncontent-length: 2\r\n"
        line.sendall(
            (head + "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n{").encode()
        )
        time.sleep(0.2)
        started = time.monotonic()
        assert relay.terminate() == 0
        assert time.monotonic() - started < 5


def test_a_second_relay_on_one_folder_is_refused(relay: RelayProcess) -> None:
    ended = run_relay("--listen", "127.0.0.1:0", "--data", str(relay.data))
    assert ended.returncode == 1
    assert '"code": "home-busy"' in ended.stdout


def test_a_port_that_is_taken_is_a_clear_error(relay: RelayProcess, tmp_path: Path) -> None:
    ended = run_relay("--listen", relay.url.removeprefix("http://"), "--data", str(tmp_path / "other"))
    assert ended.returncode == 1
    assert "cannot listen" in ended.stdout


@pytest.mark.parametrize("listen", ["", "127.0.0.1", "127.0.0.1:x", ":80", "127.0.0.1:70000"])
def test_an_address_that_is_none_is_a_clear_error(listen: str, tmp_path: Path) -> None:
    ended = run_relay("--listen", listen, "--data", str(tmp_path / "data"))
    assert ended.returncode == 1
    assert '"code": "bad-input"' in ended.stdout


def test_mailboxes_made_under_another_url_stop_the_start(relay: RelayProcess) -> None:
    assert relay.terminate() == 0
    ended = run_relay(
        "--listen", "127.0.0.1:0", "--data", str(relay.data), "--url", "https://relay.example.org"
    )
    assert ended.returncode == 1
    assert relay.url in ended.stdout


def test_a_file_that_is_no_database_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "relay.db").write_bytes(b"not a database " * 1000)
    ended = run_relay("--listen", "127.0.0.1:0", "--data", str(tmp_path))
    assert ended.returncode == 1
    assert '"code": "home-damaged"' in ended.stdout


def test_only_listed_accounts_may_register(tmp_path: Path) -> None:
    from simpul.transport.relay import RelayClient, RelayRefused

    listed = tmp_path / "accounts"
    listed.write_text(public_key(READER).hex() + "\n")
    arguments = ["--listen", "127.0.0.1:0", "--data", str(tmp_path / "data"), "--accounts", str(listed)]
    process = subprocess.Popen(
        [sys.executable, "-m", "simpul.relay", *arguments], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        import json

        url = json.loads(process.stdout.readline())["url"]
        known = RelayClient(url, READER, lambda: time.time_ns() // 1000)
        stranger = RelayClient(url, WRITER, lambda: time.time_ns() // 1000)
        assert len(known.register([("normal", bytes(32))])) == 1
        with pytest.raises(RelayRefused):
            stranger.register([("normal", bytes(32))])
        known.close()
        stranger.close()
    finally:
        process.terminate()
        assert process.wait(timeout=10) == 0
        process.stdout.close()
