"""`preview`: a product of 1,000 objects that refer to each other, for 20 recipients who each get another cut of it.

Two objects in twenty are for some recipients only, so that what refers to them is cut or withheld for the others.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.child import run_task
from benchmarks.importing import settings_of
from benchmarks.nodes import found
from benchmarks.result import Result, at_most

DEFAULT_N: Final = 1000
RECIPIENTS: Final = 20
TIMES: Final = 3
BUDGET_S: Final = 2.0
Say = Callable[[str], None]


def run(folder: Path, n: int, part: int, say: Say) -> Result:
    """Measure."""
    del part
    nation = found(folder, "Arunika", "XA")
    home = {"home": str(nation.home), "kek": str(nation.kek)}
    run_task("prepare_preview", home | {"count": n})
    outcomes = [run_task("previewed", home | {"recipients": RECIPIENTS}) for _ in range(TIMES)]
    say(", ".join(f"{outcome.seconds:.2f} s" for outcome in outcomes))
    seconds = median(outcome.seconds for outcome in outcomes)
    check = at_most(f"{n} objects to {RECIPIENTS} recipients (s)", seconds, BUDGET_S)
    return Result(
        name="preview",
        n=n,
        seconds=seconds,
        rate=n * RECIPIENTS / seconds,
        unit="objects/s",
        peak_anon_mb={"preview": max(outcome.peak_mb for outcome in outcomes)},
        settings=settings_of(nation),
        checks=(check,),
        met=check.met,
        runs=tuple(outcome.document for outcome in outcomes),
    )
