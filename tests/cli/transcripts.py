"""Transcripts: what a person types at a shell, and what must come back.

    # A comment.
    $ simpul bogus
    ! simpul: No such command 'bogus'
    !   What to do: see `simpul --help`.
    [2]

A line after `$ `, with the lines after `> ` that go on with it, goes to `sh -c` in the transcript's own empty folder. The
lines that follow are its standard output, those after `! ` its standard error (`!` alone is an empty line), and `[N]`
its exit code where that is not 0. `<*>` stands for any text within a line, and a line `...` for any lines. Blank lines
and comments between steps are free. `export` in one step holds in the following ones.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

SECONDS = 120
"""The longest that one step may take."""


@dataclass(frozen=True)
class Step:
    """One command and what it must print."""

    line: int
    command: str
    out: list[str]
    err: list[str]
    code: int


def read(text: str) -> list[Step]:
    """The steps of a transcript."""
    starts: list[tuple[int, str]] = []
    bodies: list[list[str]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("$ "):
            starts.append((number, line[2:]))
            bodies.append([])
        elif line.startswith("> ") or line == ">":
            starts[-1] = (starts[-1][0], f"{starts[-1][1]}\n{line[2:]}")
        elif bodies and not line.startswith("# "):
            bodies[-1].append(line)
    return [_step(number, command, body) for (number, command), body in zip(starts, bodies, strict=True)]


def _step(number: int, command: str, body: list[str]) -> Step:
    while body and not body[-1]:
        body = body[:-1]
    code = 0
    if body and (found := re.fullmatch(r"\[(\d+)\]", body[-1])):
        code, body = int(found[1]), body[:-1]
    err = [line.removeprefix("!").removeprefix(" ") for line in body if line.startswith("!")]
    return Step(number, command, [line for line in body if not line.startswith("!")], err, code)


def environment(folder: Path) -> dict[str, str]:
    """What a transcript starts with: the program on the path, and nothing of the person who runs the tests."""
    return {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        "HOME": str(folder),
        "COLUMNS": "100",
        "LANG": "C.UTF-8",
    }


def play(step: Step, folder: Path, variables: dict[str, str]) -> None:
    """Runs one step and compares; the difference is shown as the transcript would have to read.

    Args:
        step: what to run.
        folder: where.
        variables: the environment; what the step exports is added.
    """
    exports = step.command.startswith("export ")
    ended = subprocess.run(
        ["/bin/sh", "-c", f"set -e\n{step.command}\nenv -0" if exports else step.command],
        cwd=folder,
        env=variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    if exports and ended.returncode == 0:
        variables |= dict(pair.split("=", 1) for pair in ended.stdout.decode().split("\0") if pair)
        return
    out, err = ended.stdout.decode().splitlines(), ended.stderr.decode().splitlines()
    if not (_fits(step.out, out) and _fits(step.err, err) and step.code == ended.returncode):
        shown = [*out, *("! " + line for line in err), f"[{ended.returncode}]"]
        raise AssertionError(f"line {step.line}: $ {step.command}\nprinted\n" + "\n".join(shown))


def _fits(wanted: list[str], got: list[str]) -> bool:
    lines = (
        "(?:.*\n)*" if line == "..." else ".*".join(map(re.escape, line.rstrip().split("<*>"))) + " *\n"
        for line in wanted
    )
    return re.fullmatch("".join(lines), "".join(line + "\n" for line in got)) is not None
