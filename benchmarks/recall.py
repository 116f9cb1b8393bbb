"""`recall`: 10,000 objects, spread over a holder's store of a million, are taken back by id, until nothing is left.

From the verified document to an empty write-ahead log: tombstones, out of reach, bytes, words, values. The recall names
every hundredth object, so that no page is spared; the objects are a partner's, as a holder has them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from benchmarks.child import run_task
from benchmarks.importing import settings_of
from benchmarks.nodes import found
from benchmarks.result import Result, at_most

DEFAULT_N: Final = 1_000_000
SHARE: Final = 100
"""One object in so many is recalled."""

BUDGET_S: Final = 5.0
BUDGET_LEFT: Final = 0.0
BUDGET_TRANSACTION_MS: Final = 100.0
Say = Callable[[str], None]


def run(folder: Path, n: int, part: int, say: Say) -> Result:
    """Measure."""
    del part
    nation = found(folder, "Arunika", "XA")
    home = {"home": str(nation.home), "kek": str(nation.kek)}
    filled = run_task("fill_held", home | {"count": n})
    say(f"{n} objects of a partner in {filled.seconds:.0f} s")
    done = run_task("take_back", home | {"count": n, "share": SHARE})
    facts = done.document
    say(", ".join(f"{name} {1000 * seconds:.0f} ms" for name, seconds in facts["phases"].items()))
    checks = (
        at_most("seconds until nothing is left", facts["seconds"], BUDGET_S),
        at_most("rows and words left", facts["left"], BUDGET_LEFT),
        at_most("99 % of its transactions (ms)", facts["transaction_p99_ms"], BUDGET_TRANSACTION_MS),
    )
    return Result(
        name="recall",
        n=n,
        seconds=facts["seconds"],
        rate=facts["recalled"] / facts["seconds"],
        unit="objects/s",
        peak_anon_mb={"fill": filled.peak_mb, "recall": done.peak_mb},
        settings=settings_of(nation),
        checks=checks,
        met=all(check.met for check in checks),
        runs=(facts,),
    )
