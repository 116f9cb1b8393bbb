"""The program as a process: what it is given, what it prints, how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from msgspec import Struct

SECONDS = 60
ERROR_KEYS = {"code", "message", "input", "where", "do"}


class Ended(Struct, frozen=True):
    """One call that ended."""

    code: int
    out: bytes
    err: str

    @property
    def document(self) -> Any:
        """The one document on standard output. Fails if there is not exactly one."""
        assert self.out.count(b"\n") == 1
        assert self.out.endswith(b"\n")
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, Any]:
        """The error document, which stands alone on standard output."""
        document = self.document
        assert set(document) - {"candidates"} == {"error"}
        assert set(document["error"]) == ERROR_KEYS
        assert document["error"]["message"]
        found: dict[str, Any] = document["error"]
        return found


def environment(**variables: str) -> dict[str, str]:
    """Nothing of the person who runs the tests but what a process needs."""
    kept = {
        name: os.environ[name]
        for name in ("PATH", "LANG", "PYTHONPATH", "COVERAGE_PROCESS_START")
        if name in os.environ
    }
    return kept | {"HOME": "/nonexistent"} | variables


def command(*words: str | Path) -> list[str]:
    return [sys.executable, "-m", "simpul", *map(str, words)]


def simpul(
    *words: str | Path,
    stdin: bytes = b"",
    env: dict[str, str] | None = None,
    cwd: Path | None = None,
    seconds: float = SECONDS,
) -> Ended:
    """Run the program to its end; standard input is never a terminal."""
    ended = subprocess.run(
        command(*words),
        input=stdin,
        capture_output=True,
        env=environment(**(env or {})),
        cwd=cwd,
        timeout=seconds,
        check=False,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr.decode())


class Running:
    """The program as a process that stays; its first line says where it is."""

    def __init__(self, *words: str | Path) -> None:
        self.process = subprocess.Popen(
            command(*words), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment()
        )
        assert self.process.stdout is not None
        self.first = self.process.stdout.readline()

    @property
    def ready(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.first)
        return found

    def end(self, seconds: float = 5) -> int:
        """SIGTERM; the exit code, which must come within the time."""
        self.process.terminate()
        try:
            return self.process.wait(timeout=seconds)
        finally:
            self.close()

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


class Home:
    """One nation's home as the program sees it."""

    def __init__(self, folder: Path, name: str, party: str = "") -> None:
        self.folder = folder
        self.name = name
        self.party = party
        self.home = folder / name.lower()
        self.kek = folder / f"{name.lower()}.kek"
        self.passphrase = folder / "passphrase"

    @property
    def options(self) -> tuple[str | Path, ...]:
        return ("--home", self.home, "--kek", self.kek)

    def __call__(self, *words: str | Path, by: str = "", stdin: bytes = b"") -> Ended:
        """A command with `--json`; `by` acts, with the passphrase from its file."""
        acting = ("--as", by, "--passphrase-file", self.passphrase) if by else ()
        return simpul(*self.options, *words, *acting, "--json", stdin=stdin)

    def does(self, *words: str | Path, by: str = "", stdin: bytes = b"") -> Any:
        """The document of a command that must succeed."""
        ended = self(*words, by=by, stdin=stdin)
        assert ended.code == 0, (ended.out, ended.err)
        return ended.document

    def sync(self) -> Any:
        return self.does("sync", "--once")
