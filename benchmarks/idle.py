"""`idle`: a node with objects in its store: how soon it answers after its start, and what it holds while it idles.

Resident memory is VmRSS, mapped files included, the highest of one sample a second.
"""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Final

from benchmarks.importing import generated, import_into, settings_of
from benchmarks.memory import Sampler, resident_mb
from benchmarks.nodes import Relay, pair, serving
from benchmarks.result import Result, at_most

DEFAULT_N: Final = 100_000
IDLE_S: Final = 60
BUDGET_MB: Final = 150.0
BUDGET_START_S: Final = 2.0
Say = Callable[[str], None]


def run(folder: Path, n: int, part: int, say: Say) -> Result:
    """Measure. With fewer objects than the default the node idles for a tenth of the time."""
    del part
    idle_s = IDLE_S if n >= DEFAULT_N else IDLE_S // 10
    with Relay(folder) as relay:
        node, _ = pair(folder, relay.url)
        import_into(node, [str(generated(folder, n))])
        with serving(node) as running:
            process = running[node.name]
            _wait_for(f"{process.url}/health")
            answered = time.perf_counter() - process.started
            say(f"first 200 after {answered:.2f} s")
            resident = []
            with Sampler({"node": process.pid}) as memory:
                for _ in range(idle_s):
                    time.sleep(1)
                    resident.append(resident_mb(process.pid))
    checks = (
        at_most("resident memory (MB)", max(resident), BUDGET_MB),
        at_most("start to first 200 from /health (s)", answered, BUDGET_START_S),
    )
    return Result(
        name="idle",
        n=n,
        seconds=answered,
        rate=1 / answered,
        unit="starts/s",
        peak_anon_mb=memory.peaks,
        settings=settings_of(node),
        checks=checks,
        met=all(check.met for check in checks),
        runs=({"idle_seconds": idle_s, "resident_mb": max(resident), "resident_mb_at_end": resident[-1]},),
    )


def _wait_for(url: str) -> None:
    give_up = time.perf_counter() + 60
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own process on loopback
                if answer.status == 200:
                    return
        except (urllib.error.URLError, ConnectionError):
            if time.perf_counter() > give_up:
                raise
        time.sleep(0.01)
