"""`decide`: 1,000 labels decided from cold, and the newest 100 permitted objects read with their bytes.

In force are an agreement with each of 50 partners, a circle inside a circle, labels on what another originated whose
consent must be asked, and a national overlay of 20 rules. The question is asked for each partner in a fresh process:
three times, and the median of the three counts. One of them may see only ten objects, the oldest: it is asked for five
times. Pages of the file may be in the system's cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.child import run_task
from benchmarks.deciding_tasks import RARE
from benchmarks.importing import settings_of
from benchmarks.nodes import Nation, found
from benchmarks.policy_in_force import RARE_PARTY, RECIPIENTS
from benchmarks.result import Result, at_most

DEFAULT_N: Final = 1_000_000
TIMES: Final = 5
USUAL_TIMES: Final = 3
BUDGET_MS: Final = 50.0
Say = Callable[[str], None]


def run(folder: Path, n: int, part: int, say: Say) -> Result:
    """Measure."""
    del part
    nation = found(folder, "Arunika", "XA")
    filled = run_task("fill", {"home": str(nation.home), "kek": str(nation.kek), "count": n})
    say(f"{n} objects under 1,000 labels in {filled.seconds:.0f} s")
    usual = [_summed(_ask(nation, [p] * USUAL_TIMES, say)) for p in RECIPIENTS if p != RARE_PARTY]
    rare = _ask(nation, [RARE_PARTY] * TIMES, say)
    if rare[0]["objects"] != min(RARE, n):
        raise ValueError(f"the rare party sees {rare[0]['objects']} objects, not {RARE}")
    taken = [1000 * a["seconds"] for a in usual]
    checks = (
        at_most("newest 100, the worst of the partners (ms)", max(taken), BUDGET_MS),
        at_most("newest 100, the median partner (ms)", median(taken), BUDGET_MS),
        at_most("for a party with ten old ones (ms)", 1000 * median(a["seconds"] for a in rare), BUDGET_MS),
    )
    return Result(
        name="decide",
        n=n,
        seconds=median(taken) / 1000,
        rate=usual[0]["labels"] / (median(taken) / 1000),
        unit="labels/s, page included",
        peak_anon_mb={"fill": filled.peak_mb, "ask": max(a["peak_anon_mb"] for a in (*usual, *rare))},
        settings=settings_of(nation),
        checks=checks,
        met=all(check.met for check in checks),
        runs=(_summed(usual), _summed(rare)),
    )


def _ask(nation: Nation, parties: Iterable[str], say: Say) -> list[dict[str, Any]]:
    answers = []
    for party in parties:
        outcome = run_task("ask", {"home": str(nation.home), "kek": str(nation.kek), "party": party})
        answers.append(outcome.document | {"peak_anon_mb": outcome.peak_mb})
    say(", ".join(f"{1000 * a['seconds']:.1f} ms" for a in answers))
    return answers


def _summed(answers: list[dict[str, Any]]) -> dict[str, Any]:
    """The median of each figure over some answers."""
    return {"asked": len(answers), **{key: median(a[key] for a in answers) for key in answers[0]}}
