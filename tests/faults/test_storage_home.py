"""A home and its keys: the wrong key, the wrong folder, two processes, a torn home.json."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from simpul.errors import (
    HomeBusy,
    HomeDamaged,
    HomeIncompatible,
    HomeLocked,
    InputFault,
    NotFound,
    SimpulError,
)
from simpul.storage.home import Home, HomeLock, create_home, open_home
from simpul.storage.keyring import create_kek
from tests.contract.stored_things import HERE, THERE


@pytest.fixture
def kek(tmp_path: Path) -> Path:
    create_kek(tmp_path / "kek")
    return tmp_path / "kek"


@pytest.fixture
def home(tmp_path: Path, kek: Path) -> Path:
    made = create_home(tmp_path / "home", party=HERE, name="Arunika", country="XA", kek=kek)
    made.keyring.put_secret("signing", b"seed")
    made.close()
    return made.path


def test_a_home_is_opened_as_it_was_made(home: Path, kek: Path) -> None:
    opened = open_home(home, kek=kek)
    assert (opened.party, opened.name, opened.country, opened.realm) == (HERE, "Arunika", "XA", "live")
    assert opened.encrypted
    assert opened.keyring.secret("signing") == b"seed"
    with pytest.raises(NotFound):
        opened.keyring.secret("log")
    with opened.open_store() as store, store.read() as unit:
        assert unit.journal.size() == 0
    opened.close()


def test_a_passphrase_serves_instead(tmp_path: Path) -> None:
    made = create_home(tmp_path / "h", party=HERE, name="A", country="XA", passphrase=b"long enough words")
    made.close()
    open_home(tmp_path / "h", passphrase=b"long enough words").close()
    with pytest.raises(HomeLocked) as caught:
        open_home(tmp_path / "h", passphrase=b"other enough words")
    assert "passphrase" in caught.value.message


@pytest.mark.parametrize(
    "given", [{}, {"passphrase": b"long enough words"}, {"kek": "other"}, {"kek": "none"}]
)
def test_the_wrong_means_open_nothing_and_say_which(
    home: Path, tmp_path: Path, given: dict[str, object]
) -> None:
    if "kek" in given:
        given = {"kek": tmp_path / str(given["kek"])}
        if given["kek"] == tmp_path / "other":
            create_kek(tmp_path / "other")
    with pytest.raises(HomeLocked) as caught:
        open_home(home, **given)  # type: ignore[arg-type]
    assert str(given.get("kek", home)) in caught.value.message
    assert caught.value.do or "cannot be read" in caught.value.message


def test_a_key_file_must_be_private_regular_and_elsewhere(tmp_path: Path) -> None:
    folder = tmp_path / "home"
    open_to_all = tmp_path / "open"
    create_kek(open_to_all)
    open_to_all.chmod(0o640)
    short = tmp_path / "short"
    short.touch(mode=0o600)
    short.write_bytes(b"x" * 31)
    long = tmp_path / "long"
    long.touch(mode=0o600)
    long.write_bytes(b"x" * 4097)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    folder.mkdir()
    inside = folder / "kek"
    create_kek(inside)
    link = tmp_path / "link"
    link.symlink_to(inside)
    for wrong in (open_to_all, short, long, pipe, inside, link, tmp_path, tmp_path / "absent"):
        with pytest.raises(InputFault):
            create_home(folder, party=HERE, name="A", country="XA", kek=wrong)
    with pytest.raises(InputFault):
        create_kek(open_to_all)
    assert open_to_all.stat().st_mode & 0o777 == 0o640


def test_a_home_is_made_with_exactly_one_means(tmp_path: Path, kek: Path) -> None:
    for given in (
        {},
        {"kek": kek, "passphrase": b"long enough words"},
        {"kek": kek, "unencrypted": True},
        {"passphrase": b"short"},
    ):
        with pytest.raises(InputFault):
            create_home(tmp_path / "h", party=HERE, name="A", country="XA", **given)
    assert not (tmp_path / "h").exists()


def test_a_home_is_not_made_over_anything(home: Path, kek: Path, tmp_path: Path) -> None:
    before = sorted(path.name for path in home.iterdir())
    with pytest.raises(InputFault):
        create_home(home, party=THERE, name="B", country="XB", kek=kek)
    assert sorted(path.name for path in home.iterdir()) == before
    with pytest.raises(InputFault):
        create_home(kek, party=THERE, name="B", country="XB", unencrypted=True)
    with pytest.raises(NotFound):
        open_home(tmp_path / "nowhere")


def test_only_its_owner_reads_a_home(home: Path) -> None:
    assert home.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in home.iterdir()} == {0o600}


def test_no_field_of_home_json_can_be_exchanged(home: Path, kek: Path) -> None:
    path = home / "home.json"
    written = json.loads(path.read_text())
    for field, value in (("party", THERE), ("realm", "exercise"), ("name", "Other"), ("country", "XB")):
        path.write_text(json.dumps(written | {field: value}))
        with pytest.raises(HomeLocked):
            open_home(home, kek=kek)


def test_a_home_json_that_does_not_read_is_named(home: Path, kek: Path) -> None:
    path = home / "home.json"
    written = json.loads(path.read_text())
    wrong: list[tuple[str, type[SimpulError]]] = [
        ("", HomeDamaged),
        ("{", HomeDamaged),
        ("[]", HomeDamaged),
        (json.dumps(written | {"format": 2}), HomeIncompatible),
        (json.dumps(written | {"sealed": "!"}), HomeDamaged),
        (json.dumps(written | {"wrap": {"kind": "other"}}), HomeDamaged),
        (
            json.dumps(written | {"wrap": {"kind": "passphrase", "salt": "00", "memory_kib": 1 << 40}}),
            HomeLocked,
        ),
    ]
    for text, kind in wrong:
        path.write_text(text)
        with pytest.raises(kind):
            open_home(home, kek=kek)


def test_a_passphrase_home_cannot_ask_for_all_memory(home: Path) -> None:
    path = home / "home.json"
    written = json.loads(path.read_text())
    wrap = {"kind": "passphrase", "salt": "00", "memory_kib": 1 << 40, "passes": 3, "lanes": 1}
    path.write_text(json.dumps(written | {"wrap": wrap}))
    with pytest.raises(HomeDamaged):
        open_home(home, passphrase=b"long enough words")


def test_two_open_homes_do_not_lose_each_others_secrets(home: Path, kek: Path) -> None:
    one, two = open_home(home, kek=kek), open_home(home, kek=kek)
    one.keyring.put_secret("log", b"1")
    two.keyring.put_secret("account", b"2")
    one.keyring.put_secret("contact", b"3")
    again = open_home(home, kek=kek)
    assert [again.keyring.secret(n) for n in ("signing", "log", "account", "contact")] == [
        b"seed",
        b"1",
        b"2",
        b"3",
    ]
    for each in (one, two, again):
        each.close()


def test_a_draft_left_by_a_crash_is_overwritten(home: Path, kek: Path) -> None:
    (home / "home.json.new").write_text("half")
    opened = open_home(home, kek=kek)
    opened.keyring.put_secret("log", b"1")
    opened.close()
    assert not (home / "home.json.new").exists()


def test_prekeys_are_made_once_and_kept(home: Path, kek: Path) -> None:
    opened = open_home(home, kek=kek)
    seeds = iter(bytes([n]) * 32 for n in range(9))
    first = opened.keyring.prekeys(THERE, [1, 2], seeds.__next__)
    again = opened.keyring.prekeys(THERE, [2, 3], seeds.__next__)
    other = opened.keyring.prekeys(HERE, [2], seeds.__next__)
    assert again[2] == first[2]
    assert len({*first.values(), *again.values(), *other.values()}) == 4
    opened.close()
    later = open_home(home, kek=kek)
    assert later.keyring.prekey(THERE, 3) == again[3]
    assert later.keyring.prekey(THERE, 4) is None
    assert later.keyring.destroy_before(3) == 3
    assert later.keyring.prekey(THERE, 2) is None
    later.close()


def test_prekeys_that_could_not_all_be_made_are_not_made_at_all(home: Path, kek: Path) -> None:
    opened = open_home(home, kek=kek)
    seeds = iter([b"x" * 32])
    with pytest.raises(StopIteration):
        opened.keyring.prekeys(THERE, [1, 2], seeds.__next__)
    assert opened.keyring.prekey(THERE, 1) is None
    opened.close()


def test_a_home_restored_without_its_prekeys_opens_with_none(home: Path, kek: Path) -> None:
    (home / "keys.db").unlink()
    opened = open_home(home, kek=kek)
    assert opened.keyring.prekey(THERE, 1) is None
    assert opened.keyring.prekeys(THERE, [1], lambda: b"x" * 32) == {1: b"x" * 32}
    opened.close()


def test_the_lock_names_its_holder_and_dies_with_it(home: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from simpul.storage.home import HomeLock;"
        f"HomeLock(Path({str(home)!r})); lock = HomeLock(Path({str(home)!r}))"
    )
    script = script.replace(f"HomeLock(Path({str(home)!r})); lock", "lock")
    child = subprocess.Popen(
        [sys.executable, "-c", script + "; print('held', flush=True); time.sleep(60)"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    with pytest.raises(HomeBusy) as caught:
        HomeLock(home)
    assert str(child.pid) in caught.value.message
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    with HomeLock(home), pytest.raises(HomeBusy):
        HomeLock(home)
    lock = HomeLock(home)
    lock.release()
    lock.release()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(SimpulError) as caught:
        HomeLock(tmp_path / "nowhere")
    assert "node.lock" in caught.value.message


def test_an_open_home_keeps_the_type_that_others_code_against(home: Path, kek: Path) -> None:
    opened = open_home(home, kek=kek)
    assert isinstance(opened, Home)
    with opened.lock(), pytest.raises(HomeBusy):
        opened.lock()
    opened.close()
