"""`flash`: from the second person's approval to the desk's inbox at the other node, by both nodes' own records.

Three conditions: nothing else to do; ten other messages a second from the same sender; an import on both nodes.
The approval's time is `approved_at` at the sender, the arrival `whole_at` at the recipient, on one machine's clock.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any, Final, Self

from benchmarks import generate
from benchmarks.child import run_task
from benchmarks.importing import generated, import_into, settings_of
from benchmarks.memory import Sampler
from benchmarks.nodes import Nation, Relay, pair, serving, write_label
from benchmarks.result import Result, at_most, percentile

DEFAULT_N: Final = 100
"""FLASH products a condition; during the import there are as many as it lasts for."""
IMPORTED: Final = 100_000
BUDGET_MS: Final = 500.0
GAP_S: Final = 0.1
LOAD_PER_S: Final = 10.0
Say = Callable[[str], None]


def run(folder: Path, n: int, part: int, say: Say) -> Result:
    """Measure."""
    del part
    with Relay(folder) as relay:
        sender, recipient = pair(folder, relay.url)
        carried = folder / "carried.json"
        generate.write(carried, 20 * n)
        import_into(sender, [str(carried)], to=[recipient.name])
        trial = Trial(folder, sender, recipient, n)
        with serving(sender, recipient) as running:
            pids = {"sender": running[sender.name].pid, "recipient": running[recipient.name].pid}
            with Sampler(pids | {"relay": relay.pid}) as memory:
                taken = {
                    "idle": trial.idle(),
                    "under 10 messages/s": trial.under_load(),
                    "during an import on both": trial.during_imports(),
                }
    for name, values in taken.items():
        say(f"{name}: n={len(values)} p50 {median(values):.0f} ms, p99 {percentile(values, 0.99):.0f} ms")
    every = [value for values in taken.values() for value in values]
    checks = tuple(at_most(f"p99 {name} (ms)", percentile(v, 0.99), BUDGET_MS) for name, v in taken.items())
    return Result(
        name="flash",
        n=n,
        seconds=sum(every) / 1000,
        rate=1000 * len(every) / sum(every),
        unit="products/s, one after the other",
        peak_anon_mb=memory.peaks,
        settings=settings_of(sender),
        checks=checks,
        met=all(check.met for check in checks),
        runs=(*(_figures(name, values) for name, values in taken.items()), {"load": trial.load}),
    )


def _figures(name: str, values: list[float]) -> dict[str, Any]:
    return {
        "condition": name,
        "products": len(values),
        "p50_ms": median(values),
        "p99_ms": percentile(values, 0.99),
        "worst_ms": max(values),
    }


class Trial:
    """Two serving nodes, and the three conditions one after the other."""

    def __init__(self, folder: Path, sender: Nation, recipient: Nation, n: int) -> None:
        self._folder, self._sender, self._recipient, self._n = folder, sender, recipient, n
        self._ids = [generate.id_of(index) for index in range(1, 20 * n) if index % 20 in (3, 4)]
        self.load: Mapping[str, Any] = {}

    def idle(self) -> list[float]:
        """Nothing else to do."""
        return self._flash("")

    def under_load(self) -> list[float]:
        """Ten messages a second from the same sender."""
        over = self._folder / "load-over"
        with _Beside(
            lambda: self._task("load", ids=self._ids, per_second=LOAD_PER_S, until=str(over))
        ) as beside:
            taken = self._flash("")
            over.touch()
        self.load = {"sent": beside.document["sent"], "per_second": beside.document["rate"]}
        return taken

    def during_imports(self) -> list[float]:
        """As many as fit while both nodes import."""
        over = self._folder / "import-over"
        file = str(generated(self._folder, max(IMPORTED * self._n // DEFAULT_N, 1000)))

        def both() -> dict[str, Any]:
            # What the sender holds already is among it: a narrower label would close what is released.
            to = [self._recipient.name]
            with _Beside(lambda: import_into(self._sender, [file], to=to).document):
                import_into(self._recipient, [file])
            over.touch()
            return {}

        with _Beside(both):
            return self._flash(str(over))

    def _flash(self, until: str) -> list[float]:
        other = {"home": str(self._recipient.home), "kek": str(self._recipient.kek)}
        found = self._task("flash", ids=self._ids[: self._n], other=other, until=until, gap_s=GAP_S)
        return list(found["milliseconds"])

    def _task(self, task: str, **more: Any) -> dict[str, Any]:
        label = write_label(self._folder / f"{task}.toml", to=[self._recipient.name])
        given = {
            "home": str(self._sender.home),
            "kek": str(self._sender.kek),
            "label": str(label),
            "to": self._recipient.party,
        }
        return run_task(task, given | more).document


class _Beside:
    """Runs something in a thread while its block runs; what went wrong there is raised at the end."""

    def __init__(self, work: Callable[[], dict[str, Any]]) -> None:
        self._work = work
        self._fault: BaseException | None = None
        self.document: dict[str, Any] = {}
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            self.document = self._work()
        except BaseException as fault:  # noqa: BLE001 - raised again in the thread that waits
            self._fault = fault

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()
        if self._fault is not None:
            raise self._fault
