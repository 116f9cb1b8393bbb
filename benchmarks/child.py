"""Runs one task of `benchmarks.tasks` in a process of its own, so that its time and memory are its own.

The task's first act is to import what it needs; it takes the time of its work itself and prints one JSON document.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from benchmarks.memory import Sampler
from benchmarks.nodes import environment


class Outcome(Struct, frozen=True, kw_only=True):
    """What a task printed, and the peak of its RssAnon in MB."""

    document: dict[str, Any]
    peak_mb: float

    @property
    def seconds(self) -> float:
        """The time that the task took for its work."""
        return float(self.document["seconds"])


class TaskFailed(Exception):
    """A task ended with another code than 0."""


def run_task(task: str, arguments: Mapping[str, Any]) -> Outcome:
    """Run `benchmarks.tasks.<task>(**arguments)` in a fresh process and wait for it.

    Raises:
        TaskFailed: it did not end well; carries the end of what it said.
    """
    words = [sys.executable, "-m", "benchmarks.tasks", task, msgspec.json.encode(dict(arguments)).decode()]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(words, stdout=out, stderr=errors, env=environment())
        with Sampler({task: process.pid}) as memory:
            code = process.wait()
        out.seek(0)
        errors.seek(0)
        if code != 0:
            raise TaskFailed(f"{task} ended with {code}: {errors.read()[-3000:].decode(errors='replace')}")
        return Outcome(document=msgspec.json.decode(out.read()), peak_mb=memory.peaks[task])
