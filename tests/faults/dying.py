"""Work that is killed: in a forked child, by SIGKILL, before a chosen call of the driver or of the disk, or at any moment.

The child is a copy of the test's process with nothing open, so that it starts in no time. What it does goes through a post
that is a folder: what was handed over is there when its process is not.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from simpul.protocol.mailboxes import mailbox_tag, public_key
from simpul.services.courier import Courier
from simpul.services.node import Node
from tests.faults.nations import URL, Post, Waiting, World, world

COUNTED = frozenset({"execute", "executemany", "fsync", "replace", "rename", "commit"})
"""Names of the C functions of which one is to be the last."""


class FolderPost(Post):
    """The post as a folder, for several processes: one file an envelope, which appears whole."""

    def __init__(self, folder: Path, owner: dict[bytes, bytes]) -> None:
        super().__init__()
        self.folder = folder
        self.owner = dict(owner)
        folder.mkdir(exist_ok=True)

    def account(self, node: Node) -> FolderTransport:  # type: ignore[override]
        return FolderTransport(self, node.keyring.secret("account"))


class FolderTransport:
    """One account's way to it; implements `ports.Transport`."""

    def __init__(self, post: FolderPost, seed: bytes) -> None:
        self._post = post
        self._read_key = public_key(seed)
        self._closed = threading.Event()

    def register(self, boxes: Sequence[tuple[str, bytes]]) -> list[bytes]:
        tags = [mailbox_tag(URL, self._read_key, key) for _, key in boxes]
        self._post.owner |= dict.fromkeys(tags, self._read_key)
        return tags

    def put(self, tag: bytes, put_seed: bytes, envelope: bytes) -> None:  # noqa: ARG002
        fresh = self._post.folder / f".{os.urandom(8).hex()}"
        fresh.write_bytes(tag + envelope)
        fresh.rename(self._post.folder / f"{time.time_ns()}")

    def list(self, *, wait: int = 0) -> Sequence[Waiting]:
        deadline = time.monotonic() + min(wait, 1)
        while True:
            found = self._waiting()
            if found or time.monotonic() >= deadline or self._closed.wait(0.02):
                return found

    def _waiting(self) -> Sequence[Waiting]:
        found = []
        for path in sorted(self._post.folder.glob("[0-9]*")):
            try:
                data = path.read_bytes()
            except FileNotFoundError:
                continue
            if self._post.owner.get(data[:16]) == self._read_key:
                found.append(Waiting(int(path.name), data[:16], len(data) - 16))
        return found

    def fetch(self, ids: Sequence[int]) -> Sequence[tuple[int, bytes]]:
        paths = [(id, self._post.folder / str(id)) for id in ids]
        return [(id, path.read_bytes()[16:]) for id, path in paths if path.exists()]

    def delete(self, ids: Sequence[int]) -> None:
        for id in ids:
            (self._post.folder / str(id)).unlink(missing_ok=True)

    def close(self) -> None:
        self._closed.set()


def dies(work: Callable[[], object], *, at: int) -> bool:
    """Do the work in a child that is killed just before the `at`-th counted call; whether it came so far.

    Raises:
        AssertionError: the work failed by itself.
    """
    child = os.fork()
    if child == 0:
        _die_at(at)
        code = 1
        try:
            work()
            code = 0
        except BaseException:  # noqa: BLE001 - a fork never returns into the test
            sys.setprofile(None)
            traceback.print_exc(file=sys.__stderr__)
        finally:
            sys.setprofile(None)
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0, "the work failed"
    return False


def _die_at(count: int) -> None:
    left = count

    def look(frame: FrameType, event: str, arg: Any) -> None:
        nonlocal left
        if event == "c_call" and arg.__name__ in COUNTED:
            left -= 1
            if left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)

    threading.setprofile(look)
    sys.setprofile(look)


class Server:
    """A nation's courier in a child process, to be killed at any moment."""

    def __init__(self, open_world: Callable[[], Any], name: str) -> None:
        self._open = open_world
        self._name = name
        self.start()

    def start(self) -> None:
        # Until the child listens for it, SIGTERM waits: else one that comes at once would end it like a kill.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        self.pid = os.fork()
        if self.pid == 0:
            code = 1
            try:
                # Not an Event: its lock, taken in a handler while its own thread holds it, is never given back.
                told: list[bool] = []
                signal.signal(signal.SIGTERM, lambda *_: told.append(True))
                signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
                with self._open() as nations:
                    node = nations[self._name]
                    with node.lock(), Courier(node, stopped=lambda: told.append(True)) as courier:
                        while not told:
                            time.sleep(0.02)
                    code = 2 if courier.failed else 0
            finally:
                os._exit(code)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

    def stop(self) -> int:
        os.kill(self.pid, signal.SIGTERM)
        _, status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(status)


@contextmanager
def reopened(folder: Path, post: Post) -> Iterator[World]:
    """The nations' homes as they are now."""
    with world(folder, folder, post) as nations:
        yield nations
