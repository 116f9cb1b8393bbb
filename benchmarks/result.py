"""What a benchmark says: one JSON object, its last line on standard output.

    {"name", "n", "seconds", "rate", "unit", "peak_anon_mb": {process: MB}, "settings": {"encrypted", "fts",
     "synchronous"}, "peers": {name: {"rate", ...}}, "floors": {name: {"rate", ...}},
     "checks": [{"name", "value", "budget", "op", "met"}], "met", "runs": [...]}

A budget that is not met is a result, not a failure: the command still ends with 0.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

FLAT_MB: Final = 20.0
"""Memory is flat when the peak of the large run is at most this much above that of the small one, in MB."""


class Rate(Struct, frozen=True, kw_only=True):
    """How fast a peer or a floor did the same work in the same run. `seconds` is the whole of it."""

    rate: float
    seconds: float
    unit: str = "objects/s"
    what: str = ""


class Check(Struct, frozen=True, kw_only=True):
    """One budget: `value` `op` `budget`."""

    name: str
    value: float
    budget: float
    op: Literal["<=", ">="]
    met: bool


class Settings(Struct, frozen=True, kw_only=True):
    """How the measured database was configured, read back from the database itself."""

    encrypted: bool
    fts: bool
    synchronous: str


class Result(Struct, frozen=True, kw_only=True):
    """One benchmark's outcome. `runs` holds further figures of the single runs behind it."""

    name: str
    n: int
    seconds: float
    rate: float
    unit: str
    peak_anon_mb: dict[str, float]
    settings: Settings
    peers: dict[str, Rate] = {}
    floors: dict[str, Rate] = {}
    checks: tuple[Check, ...] = ()
    met: bool
    runs: tuple[dict[str, Any], ...] = ()

    def line(self) -> str:
        """The result as one line of JSON with figures rounded to what they are worth."""
        return msgspec.json.encode(_rounded(msgspec.to_builtins(self))).decode()


def at_most(name: str, value: float, budget: float) -> Check:
    """A budget from above."""
    return Check(name=name, value=value, budget=budget, op="<=", met=value <= budget)


def at_least(name: str, value: float, budget: float) -> Check:
    """A budget from below."""
    return Check(name=name, value=value, budget=budget, op=">=", met=value >= budget)


def flat(name: str, small_mb: float, large_mb: float) -> Check:
    """The budget that memory does not grow with the amount of work."""
    return at_most(f"{name}: peak memory of the large run (MB)", large_mb, small_mb + FLAT_MB)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` (0 to 1) of all values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-round(share * 1000) * len(ordered) // 1000) - 1)]


def median(values: Sequence[float]) -> float:
    """The median."""
    return statistics.median(values)


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.4g}") if abs(value) < 1000 else round(value)
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(item) for item in value]
    return value
