"""A publication of the log that is killed at any moment."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from simpul.logcheck import check
from simpul.protocol.keys import LogKey
from simpul.protocol.log import Checkpoint, Frontier, log_origin, sign_checkpoint, verifier_keys
from simpul.storage.tiles import TileDirectory

ROOT = Path(__file__).resolve().parents[2]
KEY = LogKey(b"1" * 64)
ORIGIN = log_origin("a1" * 25, "live", bytes(16))
VKEYS = verifier_keys(ORIGIN, KEY.public)


def entries(start: int, stop: int) -> list[bytes]:
    return [hashlib.sha256(number.to_bytes(4, "big")).digest() for number in range(start, stop)]


def publish_for_ever(directory: Path, frontier: Frontier) -> None:
    while True:
        frontier.extend(entries(frontier.size, frontier.size + 300))
        checkpoint = Checkpoint(origin=ORIGIN, size=frontier.size, root=frontier.root())
        note = sign_checkpoint(checkpoint, KEY, at=0)
        TileDirectory(directory).publish(size=frontier.size, entries=entries, note=note, keys=VKEYS)


def run_until_killed(directory: Path, size: int, seconds: float) -> None:
    program = "import sys; from tests.faults.test_tiles_kill import run; run(sys.argv[1], int(sys.argv[2]))"
    process = subprocess.Popen([sys.executable, "-c", program, str(directory), str(size)], cwd=ROOT)
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.wait()


def run(directory: str, size: int) -> None:
    frontier = Frontier()
    frontier.extend(entries(0, size))
    publish_for_ever(Path(directory), frontier)


@pytest.mark.parametrize("extra", [0.0, 0.013, 0.029])
def test_a_kill_leaves_a_log_that_holds_and_that_can_be_gone_on_with(tmp_path: Path, extra: float) -> None:
    log = tmp_path / "log"
    size = 0
    for round_ in range(3):
        run_until_killed(log, size, 0.9 + round_ * 0.05 + extra)
        report = check(log, VKEYS)
        assert report.ok, report.problems
        assert report.size > size
        size = report.size
