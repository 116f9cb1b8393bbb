"""Run every vector and print one line each: `python -m tests.vectors.run`. Exit 1 if one does not come out as it says."""

from __future__ import annotations

import sys

from tests.vectors.reader import expected, load, names, run


def main() -> int:
    """Run all; returns the exit code."""
    failed = 0
    for name in names():
        vector = load(name)
        got, wanted = run(vector), expected(vector)
        failed += got != wanted
        sys.stdout.write(f"{'ok  ' if got == wanted else 'FAIL'} {name}: {vector['about']}\n")
        if got != wanted:
            sys.stdout.write(f"     expected {wanted}\n     got      {got}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
