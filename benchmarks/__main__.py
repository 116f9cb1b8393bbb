"""`python -m benchmarks [NAME] --json [--n N]`: run one benchmark, or all of them.

The last line on standard output is the result (benchmarks/result.py); what happens on the way is told on standard
error. Ends with 0 when it ran, also over budget, and with 1 when it could not.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from benchmarks.result import Result

NAMES: Final = {
    "import": "benchmarks.importing",
    "exchange": "benchmarks.exchange",
    "flash": "benchmarks.flash",
    "idle": "benchmarks.idle",
    "decide": "benchmarks.decide",
    "search-filter": "benchmarks.search_filter",
    "preview": "benchmarks.previewing",
    "growth": "benchmarks.growth",
    "recall": "benchmarks.recall",
}
"""Each module has `DEFAULT_N` and `run(folder, n, part, say) -> Result`."""

ALL: Final[tuple[tuple[str, int | None, int], ...]] = (
    *((name, None, 1000) for name in NAMES),
    ("exchange", 2000, 1),
)
"""What `all` runs: name, number of objects (None is the module's own), objects a part."""


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    wanted = ALL if options.name == "all" else ((options.name, options.n, options.part),)
    failed = 0
    for name, count, part in wanted:
        try:
            result = _run(name, count, part, options.dir)
        except Exception:  # noqa: BLE001 - one benchmark that cannot run must not hide the others
            traceback.print_exc()
            failed += 1
        else:
            if not options.json:
                _say(_table(result))
            print(result.line(), flush=True)
    return 1 if failed else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", nargs="?", default="all", choices=["all", *NAMES])
    parser.add_argument("--json", action="store_true", help="print nothing but the result line")
    parser.add_argument("--n", type=int, help="objects (flash: products); each has its own default")
    parser.add_argument("--part", type=int, default=1000, help="exchange: objects a message, at most 1,000")
    parser.add_argument(
        "--dir", type=Path, help="where to work; default: a temporary folder, removed afterwards"
    )
    return parser.parse_args(arguments)


def _run(name: str, count: int | None, part: int, directory: Path | None) -> Result:
    module = importlib.import_module(NAMES[name])
    run: Callable[[Path, int, int, Callable[[str], None]], Result] = module.run
    with tempfile.TemporaryDirectory(prefix=f"bench-{name}-", dir=directory) as folder:
        try:
            return run(Path(folder), count or module.DEFAULT_N, part, _say)
        except Exception:
            for log in sorted(Path(folder).rglob("*.log")):
                _say(f"{log.name}: {log.read_text(errors='replace')[-2000:]}")
            raise


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _table(result: Result) -> str:
    rows = [f"{result.name}: n={result.n}, {result.seconds:.2f} s, {result.rate:.0f} {result.unit}"]
    rows += [
        f"  {'met ' if check.met else 'MISSED'} {check.name}: {check.value:.3g} {check.op} {check.budget:.3g}"
        for check in result.checks
    ]
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())
