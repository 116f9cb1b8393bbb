from __future__ import annotations

from pathlib import Path

import pytest

from simpul.errors import InputFault
from simpul.relay.database import RelayDatabase, RelayWriter, records
from simpul.relay.mailboxes import (
    REASONS,
    WINDOW,
    Limits,
    Mailbox,
    Refused,
    Replays,
    check_envelope_length,
    check_registration,
    check_room,
)
from simpul.relay.program import read_limits

NOW = 1_800_000_000_000_000
ACCOUNT = b"a" * 32


def nonce(at: int, number: int = 0) -> bytes:
    return number.to_bytes(16, "big") + at.to_bytes(8, "big")


def box(kind: str, **changes: int) -> Mailbox:
    held = {"bytes_held": 0, "envelopes_held": 0, "account_bytes": 0} | changes
    return Mailbox(id=1, tag=bytes(16), account=1, put_key=bytes(32), kind=kind, **held)


def test_every_reason_says_what_to_do() -> None:
    for word, reason in REASONS.items():
        assert 400 <= reason.status < 600, word
        assert reason.message
        assert reason.do
        assert Refused(word).do == reason.do


@pytest.mark.parametrize("kind", ["contact", "urgent", "normal", "bulk"])
def test_the_longest_envelope_fits_and_one_byte_more_does_not(kind: str) -> None:
    limits = Limits()
    longest = limits.of(kind).envelope_bytes
    check_envelope_length(limits, kind, longest)
    with pytest.raises(Refused) as raised:
        check_envelope_length(limits, kind, longest + 1)
    assert raised.value.reason == "too-large"


@pytest.mark.parametrize("kind", ["contact", "urgent", "normal", "bulk"])
def test_each_quota_holds_to_the_byte(kind: str) -> None:
    limits = Limits()
    own = limits.of(kind)
    plenty = 2**50
    check_room(limits, box(kind, bytes_held=own.mailbox_bytes - 10), 10, plenty)
    for changes, free, reason in (
        ({"bytes_held": own.mailbox_bytes - 9}, plenty, "mailbox-full"),
        ({"envelopes_held": own.mailbox_envelopes}, plenty, "mailbox-full"),
        ({}, limits.disk_reserve + 9, "disk-full"),
    ):
        with pytest.raises(Refused) as raised:
            check_room(limits, box(kind, **changes), 10, free)
        assert raised.value.reason == reason


def test_a_full_account_does_not_stop_the_contact_mailbox_nor_the_urgent_lane() -> None:
    limits = Limits()
    full = limits.normal.account_bytes
    check_room(limits, box("contact", account_bytes=full), 10, 2**50)
    check_room(limits, box("urgent", account_bytes=full), 10, 2**50)
    for kind in ("normal", "bulk"):
        with pytest.raises(Refused) as raised:
            check_room(limits, box(kind, account_bytes=full), 10, 2**50)
        assert raised.value.reason == "account-full"


def test_registration_is_whole_or_not_at_all(tmp_path: Path) -> None:
    limits = Limits(account_contacts=1)
    database = RelayDatabase(tmp_path, "http://192.0.2.1", limits)
    writer = RelayWriter(database)
    wanted = [("normal", b"1" * 32), ("contact", b"2" * 32), ("contact", b"3" * 32)]
    with pytest.raises(Refused, match="room for more"):
        writer.submit(lambda held: held.register(ACCOUNT, wanted, NOW)).result()
    assert database.account(ACCOUNT) is None
    writer.close()
    database.close()


def test_an_unknown_class_is_no_class() -> None:
    with pytest.raises(Refused):
        check_registration(Limits(), {}, {"secret": 1})


def test_a_fault_in_one_change_does_not_stop_the_writer(tmp_path: Path) -> None:
    database = RelayDatabase(tmp_path, "http://192.0.2.1", Limits())
    writer = RelayWriter(database)
    failing = writer.submit(lambda held: held.put(bytes(16), b"", 7, NOW))  # type: ignore[arg-type]
    with pytest.raises(Refused):
        failing.result()
    broken = writer.submit(lambda _: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        broken.result()
    assert len(writer.submit(lambda held: held.register(ACCOUNT, [("normal", b"1" * 32)], NOW)).result()) == 1
    writer.close()
    database.close()


def test_a_full_disk_refuses_the_put_and_keeps_what_was_there(tmp_path: Path) -> None:
    database = RelayDatabase(tmp_path, "http://192.0.2.1", Limits(disk_reserve=0))
    writer = RelayWriter(database)
    (tag,) = writer.submit(lambda held: held.register(ACCOUNT, [("bulk", b"1" * 32)], NOW)).result()
    writer.submit(lambda held: held.put(tag, b"h" * 32, b"kept", NOW)).result()
    (pages,) = database._connection.execute("PRAGMA page_count").fetchone()
    database._connection.execute(f"PRAGMA max_page_count = {pages + 4}").fetchone()
    with pytest.raises(Refused) as raised:
        writer.submit(lambda held: held.put(tag, b"i" * 32, b"x" * 1_000_000, NOW)).result()
    assert raised.value.reason == "disk-full"
    account = database.account(ACCOUNT)
    assert account is not None
    assert [item.hash for item in database.waiting(account, [], NOW, 10)] == [b"h" * 32]
    assert writer.submit(lambda held: held.delete(ACCOUNT, [1])).result() == 1
    writer.close()
    database.close()


def test_a_nonce_counts_once_until_its_time_is_out() -> None:
    replays = Replays(NOW - WINDOW, set())
    assert replays.accept(ACCOUNT, nonce(NOW), NOW) is False
    with pytest.raises(Refused, match="before"):
        replays.accept(ACCOUNT, nonce(NOW), NOW + WINDOW)
    with pytest.raises(Refused):
        replays.check_time(nonce(NOW), NOW + WINDOW + 1)
    assert replays.accept(ACCOUNT, nonce(NOW + 1), NOW + WINDOW) is False


def test_a_nonce_ahead_of_time_is_remembered_until_then() -> None:
    replays = Replays(NOW, set())
    ahead = nonce(NOW + WINDOW)
    replays.check_time(ahead, NOW)
    assert replays.accept(ACCOUNT, ahead, NOW) is True
    with pytest.raises(Refused):
        replays.accept(ACCOUNT, ahead, NOW + 2 * WINDOW)
    with pytest.raises(Refused):
        Replays(NOW + 1, {ahead}).accept(ACCOUNT, ahead, NOW + 2)


def test_two_accounts_may_draw_the_same_nonce() -> None:
    replays = Replays(NOW, set())
    replays.accept(ACCOUNT, nonce(NOW), NOW)
    replays.accept(b"b" * 32, nonce(NOW), NOW)


def test_one_account_cannot_fill_the_memory() -> None:
    replays = Replays(NOW, set())
    for number in range(Replays.PER_ACCOUNT):
        replays.accept(ACCOUNT, nonce(NOW, number), NOW)
    with pytest.raises(Refused) as raised:
        replays.accept(ACCOUNT, nonce(NOW, 10**9), NOW)
    assert raised.value.reason == "busy"
    replays.accept(b"b" * 32, nonce(NOW), NOW)
    replays.accept(ACCOUNT, nonce(NOW + 2 * WINDOW, 10**9), NOW + 2 * WINDOW)


@pytest.mark.parametrize("value", [b"", bytes(23), bytes(25)])
def test_a_nonce_of_another_length_is_malformed(value: bytes) -> None:
    with pytest.raises(Refused) as raised:
        Replays(NOW, set()).check_time(value, NOW)
    assert raised.value.reason == "malformed"


def test_an_unused_mailbox_is_dropped_after_400_days(tmp_path: Path) -> None:
    day = 86_400_000_000
    database = RelayDatabase(tmp_path, "http://192.0.2.1", Limits())
    writer = RelayWriter(database)
    (tag,) = writer.submit(lambda held: held.register(ACCOUNT, [("normal", b"1" * 32)], NOW)).result()
    writer.submit(lambda held: held.expire(NOW + 399 * day)).result()
    assert database.mailbox(tag) is not None
    writer.submit(lambda held: held.expire(NOW + 400 * day)).result()
    assert database.mailbox(tag) is None
    writer.close()
    database.close()


def test_limits_come_from_a_file_and_an_unknown_one_is_named(tmp_path: Path) -> None:
    file = tmp_path / "limits.toml"
    file.write_text("expiry = 1000\n")
    assert read_limits(file) == Limits(expiry=1000)
    for text in ("expiri = 1\n", "expiry = 'x'\n", "[urgent]\nenvelope_bytes = 1\n", "not toml"):
        file.write_text(text)
        with pytest.raises(InputFault, match="limits"):
            read_limits(file)


def test_a_folder_without_a_relay_has_no_record(tmp_path: Path) -> None:
    with pytest.raises(InputFault):
        records(tmp_path)


def test_tidying_gives_back_the_disk_and_leaves_no_deleted_byte(tmp_path: Path) -> None:
    database = RelayDatabase(tmp_path, "http://192.0.2.1", Limits(disk_reserve=0))
    writer = RelayWriter(database)
    (tag,) = writer.submit(lambda held: held.register(ACCOUNT, [("bulk", b"1" * 32)], NOW)).result()
    writer.submit(lambda held: held.put(tag, b"h" * 32, b"canary" * 100_000, NOW)).result()
    assert b"canary" in b"".join(file.read_bytes() for file in tmp_path.iterdir())
    writer.submit(lambda held: held.delete(ACCOUNT, [1])).result()
    writer.close()
    database.tidy()
    assert b"canary" not in b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 300_000
    database.close()
