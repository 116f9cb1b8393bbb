"""`decide`: 1,000 labels decided from cold, and the newest 100 permitted objects read with their bytes.

Twice: for a party to whom every other label opens, and for one who may see only ten objects, the oldest. Each question
is asked in a fresh process, five times; the median counts. Pages of the file may be in the system's cache.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.child import run_task
from benchmarks.deciding_tasks import RARE, RARE_PARTY, USUAL_PARTY
from benchmarks.importing import settings_of
from benchmarks.nodes import Nation, found
from benchmarks.result import Result, at_most

DEFAULT_N: Final = 1_000_000
TIMES: Final = 5
BUDGET_MS: Final = 50.0
Say = Callable[[str], None]


def run(folder: Path, n: int, part: int, say: Say) -> Result:
    """Measure."""
    del part
    nation = found(folder, "Arunika", "XA")
    filled = run_task("fill", {"home": str(nation.home), "kek": str(nation.kek), "count": n})
    say(f"{n} objects under 1,000 labels in {filled.seconds:.0f} s")
    usual, rare = (_ask(nation, party, say) for party in (USUAL_PARTY, RARE_PARTY))
    if rare[0]["objects"] != min(RARE, n):
        raise ValueError(f"the rare party sees {rare[0]['objects']} objects, not {RARE}")
    taken = [1000 * median(a["seconds"] for a in answers) for answers in (usual, rare)]
    checks = (
        at_most("newest 100 for a party with many (ms)", taken[0], BUDGET_MS),
        at_most("for a party with ten old ones (ms)", taken[1], BUDGET_MS),
    )
    return Result(
        name="decide",
        n=n,
        seconds=taken[0] / 1000,
        rate=usual[0]["labels"] / (taken[0] / 1000),
        unit="labels/s, page included",
        peak_anon_mb={"fill": filled.peak_mb, "ask": max(a["peak_anon_mb"] for a in (*usual, *rare))},
        settings=settings_of(nation),
        checks=checks,
        met=all(check.met for check in checks),
        runs=(*usual, *rare),
    )


def _ask(nation: Nation, party: str, say: Say) -> list[dict[str, Any]]:
    answers = []
    for _ in range(TIMES):
        outcome = run_task("ask", {"home": str(nation.home), "kek": str(nation.kek), "party": party})
        answers.append(outcome.document | {"peak_anon_mb": outcome.peak_mb})
    say(f"party {party[0]}: " + ", ".join(f"{1000 * a['seconds']:.1f} ms" for a in answers))
    return answers
