"""`search-filter`: the first 100 matches of a search for an audience, against the same search without any filter.

The unfiltered statements live here and nowhere else: the product has no search without an audience. Objects stand under
1,000 labels in turn. The wide audience may see 950 of them: its search may take 1.2 times as long. The others see half,
a hundredth, and ten old objects: each search must end within 50 ms, whatever there is. Pages of the file are warm.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from benchmarks.child import run_task
from benchmarks.importing import settings_of
from benchmarks.nodes import found
from benchmarks.result import Check, Result, at_most

DEFAULT_N: Final = 1_000_000
BUDGET_RATIO: Final = 1.2
BUDGET_MS: Final = 50.0
WIDE: Final = "950 of 1000 labels"
Say = Callable[[str], None]


def run(folder: Path, n: int, part: int, say: Say) -> Result:
    """Measure."""
    del part
    nation = found(folder, "Arunika", "XA")
    home = {"home": str(nation.home), "kek": str(nation.kek)}
    filled = run_task("fill", home | {"count": n})
    say(f"{n} objects under 1,000 labels in {filled.seconds:.0f} s")
    asked = run_task("search", home)
    rows: list[dict[str, Any]] = asked.document["searches"]
    for row in rows:
        say(
            f"{row['query']:<22} {row['audience']:<20} {row['ms']:8.2f} ms, unfiltered {row['floor_ms']:.2f} ms"
        )
    checks = tuple(_check(row) for row in rows)
    wide = [row for row in rows if row["audience"] == WIDE]
    mean = sum(row["ms"] for row in wide) / len(wide) / 1000
    return Result(
        name="search-filter",
        n=n,
        seconds=mean,
        rate=1 / mean,
        unit="searches/s by the wide audience",
        peak_anon_mb={"fill": filled.peak_mb, "search": asked.peak_mb},
        settings=settings_of(nation),
        checks=checks,
        met=all(check.met for check in checks),
        runs=tuple(rows),
    )


def _check(row: dict[str, Any]) -> Check:
    name = f"{row['query']}, {row['audience']}"
    if row["audience"] == WIDE:
        return at_most(f"{name} (times the unfiltered)", row["ms"] / row["floor_ms"], BUDGET_RATIO)
    return at_most(f"{name} (ms)", row["ms"], BUDGET_MS)
