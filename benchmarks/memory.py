"""Peak anonymous memory of processes, sampled from outside.

RssAnon (proc(5), /proc/PID/status) counts what a process itself holds: heap and stacks, but no pages of mapped files,
so that a mapped input or a warm page cache does not look like growth.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

INTERVAL_S: Final = 0.02
"""Seconds between two samples: a peak shorter than this can be missed."""


def anonymous_mb(pid: int) -> float:
    """RssAnon of a process in MB (10^6 bytes), 0 once it has ended."""
    return _field(pid, "RssAnon:")


def resident_mb(pid: int) -> float:
    """VmRSS of a process in MB (10^6 bytes), mapped files included, 0 once it has ended."""
    return _field(pid, "VmRSS:")


def _field(pid: int, field: str) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    found = next((line for line in status.splitlines() if line.startswith(field)), f"{field} 0 kB")
    return int(found.split()[1]) * 1024 / 1e6


class Sampler:
    """Watches processes while its block runs; `peaks` then holds MB by name.

    with Sampler({"node": pid}) as memory:
        ...
    memory.peaks["node"]
    """

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._pids = dict(pids)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="memory", daemon=True)
        self.peaks = dict.fromkeys(pids, 0.0)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            for name, pid in self._pids.items():
                self.peaks[name] = max(self.peaks[name], anonymous_mb(pid))
            if self._done.wait(INTERVAL_S):
                return
