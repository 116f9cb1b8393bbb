from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simpul import logcheck
from simpul.logcheck import check
from simpul.protocol.keys import LogKey
from simpul.protocol.log import Checkpoint, Frontier, log_origin, sign_checkpoint, verifier_keys
from simpul.storage.tiles import TileDirectory

KEY = LogKey(b"1" * 64)
OTHER = LogKey(b"2" * 64)
ORIGIN = log_origin("b2" * 25, "live", bytes(16))
VKEYS = verifier_keys(ORIGIN, KEY.public)
ENTRIES = [hashlib.sha256(number.to_bytes(4, "big")).digest() for number in range(700)]


def read(start: int, stop: int) -> list[bytes]:
    return ENTRIES[start:stop]


def make_log(directory: Path, *sizes: int) -> Path:
    for size in sizes:
        frontier = Frontier()
        frontier.extend(ENTRIES[:size])
        note = sign_checkpoint(Checkpoint(origin=ORIGIN, size=size, root=frontier.root()), KEY, at=0)
        TileDirectory(directory).publish(size=size, entries=read, note=note, keys=VKEYS)
    return directory


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_log(tmp_path_factory.mktemp("log"), 520, 600, 700)


@pytest.fixture
def log(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "copy"))


def run_alone(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The file by itself, copied out of the package, where nothing of ours can be imported."""
    alone = directory.parent / "logcheck.py"
    shutil.copy(logcheck.__file__, alone)
    return subprocess.run(
        [sys.executable, "-I", str(alone), str(directory), *arguments],
        cwd=directory.parent,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_good_log_is_good(log: Path) -> None:
    report = check(log, VKEYS)
    assert report.ok, report.problems
    assert (report.size, report.leaves_checked, report.notes) == (700, 700, ())
    frontier = Frontier()
    frontier.extend(ENTRIES)
    assert report.root == frontier.root().hex()


def test_the_file_runs_by_itself_on_a_copied_folder(log: Path) -> None:
    ended = run_alone(log, "--key", *VKEYS)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout) == check(log, VKEYS).document()
    assert ended.stderr == ""


def test_keys_from_the_folder_are_said_to_prove_little(log: Path) -> None:
    ended = run_alone(log)
    assert ended.returncode == 0
    assert "agrees with itself" in ended.stderr


def test_a_bad_log_exits_with_1_and_says_where(log: Path) -> None:
    target = log / "tile" / "entries" / "001"
    target.write_bytes(target.read_bytes()[:-1] + b"\x00")
    ended = run_alone(log)
    assert ended.returncode == 1
    assert json.loads(ended.stdout)["ok"] is False
    assert "tile/0/001" in ended.stderr


def test_an_empty_log_is_good(tmp_path: Path) -> None:
    report = check(make_log(tmp_path, 0), VKEYS)
    assert (report.ok, report.size, report.root) == (True, 0, hashlib.sha256(b"").hexdigest())


def test_the_full_tile_serves_where_the_partial_one_was_dropped(tmp_path: Path) -> None:
    log = make_log(tmp_path, 500)
    checkpoint = (log / "checkpoint").read_bytes()
    make_log(log, 600)
    (log / "checkpoint").write_bytes(checkpoint)
    report = check(log, VKEYS)
    assert report.ok, report.problems
    assert report.size == 500


def tampered_names() -> list[str]:
    tiles = ["000", "001", "002.p/188", "002.p/8", "002.p/88"]
    return [
        "checkpoint",
        "vkeys",
        *(f"tile/{level}/{name}" for level in ("0", "entries") for name in tiles),
        "tile/1/000.p/2",
    ]


@pytest.mark.parametrize("name", tampered_names())
@settings(max_examples=12)
@given(data=st.data())
def test_a_bit_that_was_turned_in_any_kind_of_file_is_found(
    original: Path, name: str, data: st.DataObject
) -> None:
    target = original / name
    raw = bytearray(target.read_bytes())
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= 1 << data.draw(st.integers(0, 7))
    kept = target.read_bytes()
    target.write_bytes(raw)
    try:
        report = check(original)
    finally:
        target.write_bytes(kept)
    assert not report.ok
    assert report.problems


def turn_into_a_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


@pytest.mark.parametrize("name", ["checkpoint", "vkeys", "tile/0/000", "tile/1/000.p/2", "tile/entries/001"])
@pytest.mark.parametrize(
    "harm",
    [
        lambda file: file.unlink(),
        lambda file: file.write_bytes(b""),
        lambda file: file.write_bytes(file.read_bytes()[:-1]),
        lambda file: file.write_bytes(file.read_bytes() + b"\n"),
        lambda file: file.write_bytes(b"\xff" * 100_000),
        lambda file: (file.unlink(), file.mkdir()),
        turn_into_a_pipe,
        lambda file: (file.unlink(), file.symlink_to("/dev/zero")),
    ],
    ids=["missing", "empty", "short", "long", "garbage", "folder", "pipe", "device"],
)
def test_a_harmed_file_is_reported_and_never_holds_or_crashes(
    log: Path, name: str, harm: Callable[[Path], object]
) -> None:
    harm(log / name)
    report = check(log)
    assert not report.ok
    assert report.problems


def test_an_entry_moved_to_another_place_is_found(log: Path) -> None:
    for level in ("entries", "0"):
        one, other = log / f"tile/{level}/000", log / f"tile/{level}/001"
        first, second = one.read_bytes(), other.read_bytes()
        one.write_bytes(second)
        other.write_bytes(first)
    assert any("root" in problem for problem in check(log).problems)


def test_a_forged_log_under_the_partys_name_is_found_by_the_right_key(tmp_path: Path) -> None:
    frontier = Frontier()
    frontier.extend(ENTRIES[:5])
    note = sign_checkpoint(Checkpoint(origin=ORIGIN, size=5, root=frontier.root()), OTHER, at=0)
    keys = verifier_keys(ORIGIN, OTHER.public)
    TileDirectory(tmp_path).publish(size=5, entries=read, note=note, keys=keys)
    assert check(tmp_path).ok
    report = check(tmp_path, VKEYS)
    assert not report.ok
    assert len(report.problems) == 2


@pytest.mark.parametrize("kept", [0, 1])
def test_one_key_or_one_signature_of_two_is_not_enough(log: Path, kept: int) -> None:
    assert not check(log, [VKEYS[kept]]).ok
    text, _, lines = (log / "checkpoint").read_bytes().rpartition(b"\n\n")
    (log / "checkpoint").write_bytes(text + b"\n\n" + lines.splitlines(keepends=True)[kept])
    report = check(log, VKEYS)
    assert any("no " in problem and "signature" in problem for problem in report.problems)


@pytest.mark.parametrize("key", ["", "name", "a+b+c", "a+00000000+AQ==", VKEYS[0][:-4], f"x{VKEYS[0]}"])
def test_a_key_line_that_is_none_is_reported(log: Path, key: str) -> None:
    assert not check(log, [key]).ok


def test_a_promise_of_more_leaves_than_there_are_ends_at_the_first_that_is_missing(tmp_path: Path) -> None:
    frontier = Frontier()
    note = sign_checkpoint(Checkpoint(origin=ORIGIN, size=10**18, root=frontier.root()), KEY, at=0)
    (tmp_path / "checkpoint").write_bytes(note)
    report = check(tmp_path, VKEYS)
    assert (report.ok, report.size, report.leaves_checked) == (False, 10**18, 0)


def test_no_folder_at_all_is_reported(tmp_path: Path) -> None:
    report = check(tmp_path / "absent")
    assert (report.ok, report.size, report.root) == (False, 0, "")


@given(st.binary(max_size=400))
def test_garbage_for_a_checkpoint_is_reported(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    folder = tmp_path_factory.mktemp("garbage")
    (folder / "checkpoint").write_bytes(raw)
    assert not check(folder, VKEYS).ok
