"""Result lines on standard input become the tables of docs/explanation/benchmarks.md on standard output.

make bench | .venv/bin/python -m benchmarks.table
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

import msgspec

from benchmarks.result import Result


def rows(results: Iterable[Result]) -> Iterator[str]:
    """A table of budgets, then one of rates, floors and peers."""
    kept = list(results)
    yield "| benchmark | n | budget | measured | met |"
    yield "|---|---|---|---|---|"
    for result in kept:
        for check in result.checks:
            measured = f"{check.value:.4g} (budget {check.op} {check.budget:.4g})"
            yield f"| {result.name} | {result.n:,} | {check.name} | {measured} | {'yes' if check.met else '**no**'} |"
    yield ""
    yield "| benchmark | n | seconds | rate | floors and peers | peak RssAnon, MB |"
    yield "|---|---|---|---|---|---|"
    for result in kept:
        others = "; ".join(f"{n} {r.rate:,.0f}/s" for n, r in (*result.floors.items(), *result.peers.items()))
        memory = ", ".join(f"{name} {mb:.0f}" for name, mb in result.peak_anon_mb.items())
        rate = f"{result.rate:,.4g} {result.unit}"
        yield f"| {result.name} | {result.n:,} | {result.seconds:.4g} | {rate} | {others} | {memory} |"


if __name__ == "__main__":
    lines = [line for line in sys.stdin if line.startswith("{")]
    print("\n".join(rows(msgspec.json.decode(line, type=Result) for line in lines)))
