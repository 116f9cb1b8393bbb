"""The program `simpul` as a test calls it: in this process, or as a child that can be killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from simpul.cli.main import run

SECONDS = 60


class Ended(Struct, frozen=True, kw_only=True):
    """How a call ended: its exit code and the one document that it printed."""

    code: int
    document: Any
    said: str

    @property
    def error(self) -> dict[str, str | None]:
        """The error that a failed call printed, with every part that an error has."""
        assert self.code == 1, (self.code, self.document, self.said)
        found: dict[str, str | None] = self.document["error"]
        assert found.keys() == {"code", "message", "input", "where", "do"}
        assert found["code"] != "internal", found
        return found


def call(home: Path, *words: str | Path) -> Ended:
    """One command with `--json`, in this process."""
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
        run(["--home", str(home), "--json", *map(str, words)])
    code = ended.value.code
    assert isinstance(code, int)
    return Ended(code=code, document=json.loads(out.getvalue() or "null"), said=err.getvalue())


class Child:
    """One command as a child process."""

    def __init__(
        self, home: Path, *words: str | Path, program: Sequence[str] = ("-m", "simpul"), **chosen: Any
    ) -> None:
        arguments = [sys.executable, *program, "--home", str(home), "--json", *map(str, words)]
        self.process = subprocess.Popen(
            arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **chosen
        )

    def kill_after(self, seconds: float) -> bool:
        """SIGKILL after so long; whether it was still running."""
        time.sleep(seconds)
        running = self.process.poll() is None
        self.kill()
        return running

    def kill(self) -> None:
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGKILL)
        self.process.communicate()

    def first_line(self) -> dict[str, Any]:
        """The document that a program which stays prints when it is ready."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(self.process.communicate()[1])
        found: dict[str, Any] = json.loads(line)
        return found

    def terminate(self) -> int:
        self.process.terminate()
        code = self.process.wait(timeout=10)
        self.process.communicate()
        return code

    def end(self) -> Ended:
        out, err = self.process.communicate(timeout=SECONDS)
        return Ended(code=self.process.returncode, document=json.loads(out or "null"), said=err)
