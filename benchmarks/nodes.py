"""Nodes and a relay as processes of their own, driven through the public commands.

    with Relay(folder) as relay:
        north, south = pair(folder, relay.url)
        with north.serve(), south.serve():
            ...

Each `serve` prints one line when it is ready; a process is ended by its own pid, never by name.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec
from msgspec import Struct

READY_S: Final = 60.0
"""Seconds that a process may take until it says that it is ready."""
STOP_S: Final = 10.0
PROGRAM: Final = (sys.executable, "-m", "simpul")
PASSPHRASE: Final = "benchmark only"
DRAFTER: Final = "drafter"
APPROVER: Final = "approver"
PURPOSE: Final = "cyber-defence"
AGREEMENT: Final = """\
id = "benchmark"
title = "Benchmark"
parties = ["{one}", "{other}"]
purposes = ["cyber-defence"]
topics = ["cyber"]
tlp_ceiling = "amber"
onward = "none"
not_before = 2020-01-01T00:00:00Z
not_after = 2060-01-01T00:00:00Z
"""


class CommandFailed(Exception):
    """A command of the product ended otherwise than it should."""


def call(*words: str, expect: int = 0) -> Any:
    """Run one command with `--json`; the decoded document.

    Raises:
        CommandFailed: another exit code than `expect`; says what the command said.
    """
    done = subprocess.run([*PROGRAM, *words, "--json"], capture_output=True, check=False, env=environment())
    if done.returncode != expect:
        said = (done.stdout[-2000:] + done.stderr[-2000:]).decode(errors="replace")
        raise CommandFailed(f"simpul {' '.join(words)} ended with {done.returncode}: {said}")
    return msgspec.json.decode(done.stdout) if done.stdout.strip() else None


def environment() -> Mapping[str, str]:
    """The environment of every process: ours without the settings that would redirect a node."""
    return {name: value for name, value in os.environ.items() if not name.startswith("SIMPUL_")}


class Process:
    """A process that says one line when it is ready, and ends on SIGTERM."""

    def __init__(self, *words: str, log: Path) -> None:
        self._log = log.open("ab")
        self.started = time.perf_counter()
        self._process = subprocess.Popen(
            [*PROGRAM, *words], stdout=subprocess.PIPE, stderr=self._log, env=environment()
        )
        ready = msgspec.json.decode(self._first_line(), type=Ready)
        self.ready_s = time.perf_counter() - self.started
        self.url, self.pid = ready.url, ready.pid

    def _first_line(self) -> bytes:
        out = self._process.stdout
        assert out is not None
        if not select.select([out], [], [], READY_S)[0]:
            self._process.kill()
            raise CommandFailed(f"{self._process.args!r} was not ready within {READY_S} s")
        line = out.readline()
        if not line:
            self._process.wait()
            raise CommandFailed(f"{self._process.args!r} ended at once; see {self._log.name}")
        return line

    def stop(self) -> None:
        """End it; kill it when it does not end by itself."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class Relay(Process):
    """A blind relay with its data in a folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            "relay", "--listen", "127.0.0.1:0", "--data", str(folder / "relay"), log=folder / "relay.log"
        )


class Ready(Struct):
    """The line that `serve` and `relay` print first."""

    ready: bool
    url: str
    pid: int


class Nation(Struct, frozen=True, kw_only=True):
    """A node's home and what is needed to act in it."""

    name: str
    country: str
    home: Path
    kek: Path
    root: Path
    passphrase: Path
    party: str

    def call(self, *words: str, expect: int = 0) -> Any:
        """Run a command in this home."""
        return call("--home", str(self.home), "--kek", str(self.kek), *words, expect=expect)

    def act(self, user: str, *words: str) -> Any:
        """Run a command as one of the node's people."""
        return self.call(*words, "--as", user, "--passphrase-file", str(self.passphrase))

    def serve(self) -> Process:
        """Start the node's process."""
        return Process(
            "--home",
            str(self.home),
            "--kek",
            str(self.kek),
            "serve",
            log=self.home.parent / f"{self.name}.log",
        )


def found(folder: Path, name: str, country: str, relay: str | None = None) -> Nation:
    """Make a nation: home, keys and two people who may approve each other's products."""
    place = folder / name.lower()
    place.mkdir(parents=True)
    kek, passphrase, root = place / "kek", place / "passphrase", place / "root.key"
    for path, content in ((kek, os.urandom(32)), (passphrase, PASSPHRASE.encode())):
        path.touch(mode=0o600)
        path.write_bytes(content)
    home = place / "home"
    words = ["init", "--name", name, "--country", country, "--root", str(root)]
    made = call("--home", str(home), "--kek", str(kek), *words, *(["--relay", relay] if relay else []))
    nation = Nation(
        name=name, country=country, home=home, kek=kek, root=root, passphrase=passphrase, party=made["party"]
    )
    for user, role in ((DRAFTER, "officer"), (APPROVER, "reviewer")):
        nation.call("user", "add", user, "--role", role, "--passphrase-file", str(passphrase))
    return nation


def introduce(one: Nation, other: Nation) -> None:
    """Exchange cards both ways, each compared by its fingerprint."""
    for giver, taker in ((one, other), (other, one)):
        card = giver.home.parent / "card.json"
        giver.call("card", "show", "--out", str(card))
        taker.call("card", "add", str(card), "--fingerprint", giver.party)


def pair(folder: Path, relay: str) -> tuple[Nation, Nation]:
    """Two nations that know each other and have an agreement in force, with keys exchanged."""
    one, other = found(folder, "Arunika", "XA", relay), found(folder, "Borealia", "XB", relay)
    introduce(one, other)
    exchange_once(one, other)
    agree(one, other)
    return one, other


def exchange_once(*nations: Nation, rounds: int = 2) -> None:
    """Let every nation send and fetch, as often as a question and its answer take."""
    for _ in range(rounds):
        for nation in nations:
            nation.call("sync", "--once")


def write_label(target: Path, *, to: Sequence[str] = (), **more: str) -> Path:
    """A label file that releases to the named parties; `more` are further lines, each with its value as TOML."""
    lines = {
        "tlp": '"amber"',
        "releasable_to": msgspec.json.encode(list(to)).decode(),
        "purposes": f'["{PURPOSE}"]',
        "topics": '["cyber"]',
        "onward": '"none"',
    }
    target.write_text(
        "".join(f"{key} = {value}\n" for key, value in (lines | more).items()), encoding="utf-8"
    )
    return target


def agree(one: Nation, other: Nation) -> None:
    """Let two nations that know each other propose and sign an agreement, through the relay."""
    terms = one.home.parent / "agreement.toml"
    terms.write_text(AGREEMENT.format(one=one.name, other=other.name), encoding="utf-8")
    proposed = one.act(DRAFTER, "agreement", "propose", str(terms))["agreement"]
    exchange_once(one, other)
    other.act(DRAFTER, "agreement", "sign", proposed)
    exchange_once(other, one)


@contextmanager
def serving(*nations: Nation) -> Iterator[dict[str, Process]]:
    """Start the nations' processes; all end with the block."""
    running: dict[str, Process] = {}
    try:
        for nation in nations:
            running[nation.name] = nation.serve()
        yield running
    finally:
        for process in running.values():
            process.stop()
