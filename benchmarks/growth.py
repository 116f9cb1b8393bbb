"""`growth`: what importing 10,000 more objects costs when 10,000, 100,000 and 1,000,000 are stored.

One home grows; at each size the next files of 10,000 objects are timed, three of them, and the median counts.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks import generate
from benchmarks.importing import import_into, settings_of
from benchmarks.nodes import Nation, found
from benchmarks.result import Result, at_most

DEFAULT_N: Final = 1_000_000
STEP: Final = 10_000
REPEATS: Final = 3
WITHIN: Final = 1.2
"""Cost an object may be this many times that at the smallest size."""
Say = Callable[[str], None]


def run(folder: Path, n: int, part: int, say: Say) -> Result:
    """Measure. `n` is the largest size; the others are a tenth and a hundredth of it."""
    del part
    step = max(min(STEP, n // 100), 1)
    growing = _Growing(folder, step, say)
    sizes = [n // 100, n // 10, n]
    costs = {size: growing.cost_at(size) for size in sizes}
    base = costs[sizes[0]]
    checks = tuple(
        at_most(f"cost an object at {s} against {sizes[0]}", costs[s] / base, WITHIN) for s in sizes[1:]
    )
    return Result(
        name="growth",
        n=n,
        seconds=growing.seconds,
        rate=1 / costs[n],
        unit="objects/s at the largest size",
        peak_anon_mb=growing.peaks,
        settings=settings_of(growing.nation),
        checks=checks,
        met=all(check.met for check in checks),
        runs=tuple({"stored": size, "microseconds_per_object": 1e6 * cost} for size, cost in costs.items()),
    )


class _Growing:
    def __init__(self, folder: Path, step: int, say: Say) -> None:
        self._folder, self._step, self._say = folder, step, say
        self.nation: Nation = found(folder, "Arunika", "XA")
        self._stored = 0
        self.seconds = 0.0
        self.peaks: dict[str, float] = {}

    def cost_at(self, size: int) -> float:
        """Seconds an object of the next imports once `size` objects are stored."""
        while self._stored < size:
            self._take(min(10 * self._step, size - self._stored))
        taken = [self._take(self._step) for _ in range(REPEATS)]
        self._say(
            f"at {size}: {1e6 * median(taken):.1f} µs an object of {[round(1e6 * t, 1) for t in taken]}"
        )
        return median(taken)

    def _take(self, count: int) -> float:
        file = self._folder / "next.json"
        generate.write(file, count, first=self._stored)
        outcome: Any = import_into(self.nation, [str(file)])
        if outcome.document["stored"] != count:
            raise ValueError(f"{count} objects were to be stored, not {outcome.document['stored']}")
        self._stored += count
        self.seconds += outcome.seconds
        self.peaks["import"] = max(self.peaks.get("import", 0.0), outcome.peak_mb)
        return float(outcome.seconds) / count
