from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simpul.errors import HomeDamaged, Malformed
from simpul.logcheck import check
from simpul.protocol.keys import LogKey
from simpul.protocol.log import (
    Checkpoint,
    Frontier,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    log_origin,
    sign_checkpoint,
    verifier_keys,
    verify_consistency,
    verify_inclusion,
)
from simpul.storage.tiles import Leaves, TileDirectory

KEY = LogKey(b"1" * 64)
ORIGIN = log_origin("a1" * 25, "live", bytes(16))
VKEYS = verifier_keys(ORIGIN, KEY.public)
ENTRIES = [hashlib.sha256(number.to_bytes(4, "big")).digest() for number in range(70_100)]


def root(size: int) -> bytes:
    frontier = Frontier()
    frontier.extend(ENTRIES[:size])
    return frontier.root()


def note(size: int, origin: str = ORIGIN) -> bytes:
    return sign_checkpoint(Checkpoint(origin=origin, size=size, root=root(size)), KEY, at=0)


def publish(directory: Path, entries: Leaves, size: int, note: bytes, keys: Sequence[str] = VKEYS) -> None:
    TileDirectory(directory).publish(size=size, entries=entries, note=note, keys=keys)


def leaves(start: int, stop: int) -> list[bytes]:
    return ENTRIES[start:stop]


def reading_only(first: int) -> Leaves:
    """A source that has forgotten how to read old leaves."""

    def read(start: int, stop: int) -> list[bytes]:
        assert start >= first, "an old leaf was read again"
        return ENTRIES[start:stop]

    return read


def files(directory: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(directory)): file.read_bytes()
        for file in sorted(directory.rglob("*"))
        if file.is_file() and not file.name.startswith(".")
    }


@settings(max_examples=8)
@given(st.lists(st.integers(0, 1100), min_size=1, max_size=6).map(sorted))
def test_publishing_step_by_step_is_publishing_at_once(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int]
) -> None:
    directory = tmp_path_factory.mktemp("log")
    for size in sizes:
        publish(directory / "steps", leaves, size, note(size))
        report = check(directory / "steps", VKEYS)
        assert report.ok, report.problems
        assert report.leaves_checked == size
    publish(directory / "once", leaves, sizes[-1], note(sizes[-1]), VKEYS)
    stepwise, at_once = files(directory / "steps"), files(directory / "once")
    partial = {name for name in stepwise if ".p/" in name}
    assert {name: stepwise[name] for name in at_once if name != "checkpoint"} == {
        name: at_once[name] for name in at_once if name != "checkpoint"
    }
    assert stepwise.keys() - at_once.keys() <= partial


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The size that tlog-tiles takes as its example."""
    directory = tmp_path_factory.mktemp("large")
    publish(directory, leaves, 70_000, note(70_000))
    return directory


def test_the_cost_follows_what_changed(large: Path, tmp_path: Path) -> None:
    log = Path(shutil.copytree(large, tmp_path / "log"))
    before = {file: file.stat().st_mtime_ns for file in log.rglob("*") if file.is_file()}
    publish(log, reading_only(69_888), 70_100, note(70_100))
    after = {file: file.stat().st_mtime_ns for file in log.rglob("*") if file.is_file()}
    changed = [file.name for file in after if after[file] != before.get(file)]
    assert sorted(changed) == ["212", "212", "checkpoint", "vkeys"]
    report = check(log, VKEYS)
    assert report.ok, report.problems


def test_the_layout_is_that_of_tlog_tiles(large: Path) -> None:
    names = files(large).keys()
    hashes = [name for name in names if name.startswith("tile/") and "entries" not in name]
    assert sum(name.startswith("tile/0/") and ".p/" not in name for name in hashes) == 273
    assert sorted(name for name in hashes if ".p/" in name or not name.startswith("tile/0/")) == [
        "tile/0/273.p/112",
        "tile/1/000",
        "tile/1/001.p/17",
        "tile/2/000.p/1",
    ]
    assert "tile/entries/273.p/112" in names


def test_proofs_are_made_from_the_published_tiles(large: Path) -> None:
    read = TileDirectory(large).hash_reader(70_000)
    whole = root(70_000)
    for index in (0, 255, 256, 65_535, 65_536, 69_999):
        proof = inclusion_proof(index, 70_000, read)
        verify_inclusion(leaf_hash(ENTRIES[index]), index, 70_000, proof, whole)
    for first in (1, 256, 300, 65_536, 65_537):
        proof = consistency_proof(first, 70_000, read)
        verify_consistency(first, 70_000, root(first), whole, proof)


def test_the_same_checkpoint_again_writes_nothing(tmp_path: Path) -> None:
    checkpoint = note(300)
    publish(tmp_path, leaves, 300, checkpoint)
    before = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")}
    publish(tmp_path, reading_only(300), 300, checkpoint)
    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")} == before


def test_a_partial_tile_goes_when_the_full_one_is_there(tmp_path: Path) -> None:
    publish(tmp_path, leaves, 64, note(64), VKEYS)
    publish(tmp_path, leaves, 128, note(128), VKEYS)
    assert {"tile/0/000.p/64", "tile/0/000.p/128"} <= files(tmp_path).keys()
    publish(tmp_path, leaves, 256, note(256), VKEYS)
    assert [name for name in files(tmp_path) if "000.p" in name] == ["tile/1/000.p/1"]


@pytest.mark.parametrize("lost", ["checkpoint", "tile/1/000.p/4", "tile/0/001"])
def test_a_folder_with_holes_is_written_anew(tmp_path: Path, lost: str) -> None:
    publish(tmp_path, leaves, 1024, note(1024), VKEYS)
    (tmp_path / lost).unlink()
    if lost == "tile/0/001":
        (tmp_path / "tile/1/000.p/4").write_bytes(b"x" * 128)
    publish(tmp_path, leaves, 1100, note(1100), VKEYS)
    report = check(tmp_path, VKEYS)
    assert report.ok, report.problems


def test_a_checkpoint_that_was_overwritten_is_no_reason_to_fail(tmp_path: Path) -> None:
    publish(tmp_path, leaves, 64, note(64), VKEYS)
    (tmp_path / "checkpoint").write_bytes(b"garbage")
    publish(tmp_path, leaves, 128, note(128), VKEYS)
    assert check(tmp_path, VKEYS).ok


def test_leaves_without_the_signed_root_are_not_published(tmp_path: Path) -> None:
    publish(tmp_path, leaves, 64, note(64), VKEYS)

    def torn(start: int, stop: int) -> list[bytes]:
        return [b"\xff" * 32 if number == 70 else ENTRIES[number] for number in range(start, stop)]

    with pytest.raises(HomeDamaged, match="root"):
        publish(tmp_path, torn, 128, note(128), VKEYS)
    report = check(tmp_path, VKEYS)
    assert (report.ok, report.size) == (True, 64)


def altered(start: int, stop: int) -> list[bytes]:
    """What a copy of the home wrote that went its own way after 64 leaves."""
    return [b"\xff" * 32 if number >= 64 else ENTRIES[number] for number in range(start, stop)]


def altered_note(size: int) -> bytes:
    frontier = Frontier()
    frontier.extend(altered(0, size))
    return sign_checkpoint(Checkpoint(origin=ORIGIN, size=size, root=frontier.root()), KEY, at=0)


def test_what_another_process_published_since_is_left_alone(tmp_path: Path) -> None:
    publish(tmp_path, leaves, 300, note(300))
    publish(tmp_path, leaves, 64, note(64))
    report = check(tmp_path, VKEYS)
    assert (report.ok, report.size) == (True, 300)


@pytest.mark.parametrize("size", [100, 128, 200, 256, 700])
def test_a_second_history_is_never_published_over_the_first(tmp_path: Path, size: int) -> None:
    publish(tmp_path, leaves, 128, note(128))
    with pytest.raises(HomeDamaged, match="does not continue") as raised:
        publish(tmp_path, altered, size, altered_note(size))
    assert "older copy" in str(raised.value.do)
    report = check(tmp_path, VKEYS)
    assert (report.ok, report.size) == (True, 128), report.problems


def test_a_checkpoint_that_somebody_else_put_there_does_not_stop_us(tmp_path: Path) -> None:
    publish(tmp_path, leaves, 128, note(128))
    forged = Checkpoint(origin=ORIGIN, size=10**9, root=bytes(32))
    (tmp_path / "checkpoint").write_bytes(sign_checkpoint(forged, LogKey(b"2" * 64), at=0))
    publish(tmp_path, leaves, 192, note(192))
    report = check(tmp_path, VKEYS)
    assert (report.ok, report.size) == (True, 192)


def test_another_log_takes_the_place_of_the_old_one_which_is_set_aside(tmp_path: Path) -> None:
    directory = tmp_path / "log"
    publish(directory, leaves, 300, note(300), VKEYS)
    before = files(directory)
    other = log_origin("a1" * 25, "live", b"2" * 16)
    keys = verifier_keys(other, KEY.public)
    publish(directory, leaves, 10, note(10, other), keys)
    report = check(directory, keys)
    assert (report.ok, report.size) == (True, 10)
    aside = tmp_path / f"log-{bytes(16).hex()}"
    assert files(aside) == before
    assert check(aside, VKEYS).ok
    # A home restored over a later one closes the same log again.
    shutil.rmtree(directory)
    publish(directory, leaves, 200, note(200), VKEYS)
    publish(directory, leaves, 20, note(20, other), keys)
    assert check(directory, keys).ok
    assert files(aside) == before
    assert check(tmp_path / f"log-{bytes(16).hex()}-earlier", VKEYS).size == 200


@pytest.mark.parametrize("moved", [("tile",), ("tile", "vkeys")])
def test_setting_a_log_aside_goes_on_after_a_kill(tmp_path: Path, moved: tuple[str, ...]) -> None:
    directory, aside = tmp_path / "log", tmp_path / f"log-{bytes(16).hex()}"
    publish(directory, leaves, 300, note(300), VKEYS)
    aside.mkdir()
    for name in moved:
        (directory / name).rename(aside / name)
    other = log_origin("a1" * 25, "live", b"2" * 16)
    keys = verifier_keys(other, KEY.public)
    publish(directory, leaves, 10, note(10, other), keys)
    assert check(directory, keys).ok
    assert check(aside, VKEYS).ok


def test_what_is_no_checkpoint_publishes_nothing(tmp_path: Path) -> None:
    with pytest.raises(Malformed):
        publish(tmp_path, leaves, 1, b"no", VKEYS)
    with pytest.raises(ValueError, match="cannot publish"):
        publish(tmp_path, leaves, 2, note(1), VKEYS)
    assert files(tmp_path) == {}


def test_a_torn_tile_makes_no_proof(tmp_path: Path) -> None:
    publish(tmp_path, leaves, 300, note(300), VKEYS)
    (tmp_path / "tile/0/001.p/44").write_bytes(b"torn")
    with pytest.raises(HomeDamaged, match="torn"):
        inclusion_proof(299, 300, TileDirectory(tmp_path).hash_reader(300))
