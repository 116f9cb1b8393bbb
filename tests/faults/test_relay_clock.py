"""Clocks that are wrong, and what time takes away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from simpul.protocol.mailboxes import public_key
from simpul.relay.database import records
from tests.relay_process import WRITER, RelayProcess

HOUR = 3600
DAY = 24 * HOUR


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[RelayProcess]:
    process = RelayProcess(tmp_path / "data")
    yield process
    process.close()


def restart(relay: RelayProcess) -> None:
    # What has expired is swept at the start; this spares the test a minute of waiting.
    assert relay.terminate() == 0
    relay.start()


@pytest.mark.parametrize("hours", [-1, 1, 24 * 400])
def test_a_node_whose_clock_is_off_corrects_itself(relay: RelayProcess, hours: int) -> None:
    error = hours * HOUR * 1_000_000
    reader = relay.client(clock_error=error)
    (tag,) = reader.register([("normal", public_key(WRITER))])
    relay.client(WRITER).put(tag, WRITER, b"x")
    assert len(reader.list()) == 1
    assert abs(reader.skew + error) < 60_000_000


def test_a_relay_whose_clock_jumps_is_followed(relay: RelayProcess) -> None:
    reader = relay.client()
    reader.register([("normal", public_key(WRITER))])
    relay.move_clock(2 * HOUR)
    assert [*reader.list()] == []
    relay.move_clock(HOUR)
    assert [*reader.list()] == []


def test_an_envelope_expires_after_28_days(relay: RelayProcess) -> None:
    reader = relay.client()
    (tag,) = reader.register([("normal", public_key(WRITER))])
    reader.put(tag, WRITER, b"canary-that-expires")
    (found,) = reader.list()
    relay.move_clock(27 * DAY)
    assert len(reader.list()) == 1
    relay.move_clock(28 * DAY + 60)
    assert [*reader.list()] == []
    assert reader.fetch([found.id]) == []
    restart(relay)
    assert relay.terminate() == 0
    assert b"canary-that-expires" not in b"".join(file.read_bytes() for file in relay.data.iterdir())
    assert len(records(relay.data)) == 1


def test_what_expired_frees_its_quota(tmp_path: Path) -> None:
    limits = (
        "[normal]\nenvelope_bytes = 100\nmailbox_bytes = 100\nmailbox_envelopes = 9\naccount_bytes = 100\n"
    )
    relay = RelayProcess(tmp_path / "data", limits=limits)
    try:
        reader = relay.client()
        (tag,) = reader.register([("normal", public_key(WRITER))])
        reader.put(tag, WRITER, b"1" * 100)
        relay.move_clock(29 * DAY)
        restart(relay)
        reader.put(tag, WRITER, b"2" * 100)
        assert len(reader.list()) == 1
    finally:
        relay.close()


def test_the_record_of_a_put_is_kept_for_90_days(relay: RelayProcess) -> None:
    reader = relay.client()
    (tag,) = reader.register([("normal", public_key(WRITER))])
    reader.put(tag, WRITER, b"x")
    relay.move_clock(89 * DAY)
    restart(relay)
    assert len(records(relay.data)) == 1
    relay.move_clock(91 * DAY)
    restart(relay)
    relay.client().info()
    assert relay.terminate() == 0
    assert records(relay.data) == []
