"""`exchange`: objects from one node's `release` through the relay to the other, until the last signed receipt is back.

Three processes of the product (two nodes, one relay) work; a fourth releases and then only waits.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from benchmarks.child import run_task
from benchmarks.importing import generated, import_into
from benchmarks.memory import Sampler
from benchmarks.nodes import Nation, Relay, pair, serving, write_label
from benchmarks.result import Check, Rate, Result, Settings, at_most, flat

DEFAULT_N: Final = 100_000
GIVE_UP_S: Final = 3600.0
Say = Callable[[str], None]


def run(folder: Path, n: int, part: int, say: Say) -> Result:
    """Measure. With parts of fewer than 1,000 objects there is no budget."""
    judged = part == 1000
    small = Passage(folder / "small", folder, max(n // 10, 1), part, say) if judged else None
    large = Passage(folder / "large", folder, n, part, say)
    floor = large.floor()
    checks: tuple[Check, ...] = ()
    if small is not None:
        checks = (
            at_most("time against floor", large.seconds / floor.seconds, 3.0),
            flat("sender", small.peaks["sender"], large.peaks["sender"]),
            flat("recipient", small.peaks["recipient"], large.peaks["recipient"]),
        )
    return Result(
        name="exchange" if judged else f"exchange of parts of {part}",
        n=n,
        seconds=large.seconds,
        rate=n / large.seconds,
        unit="objects/s",
        peak_anon_mb=large.peaks,
        settings=large.settings,
        floors={"exchange": floor},
        checks=checks,
        met=all(check.met for check in checks),
        runs=tuple(p.figures() for p in (small, large) if p is not None),
    )


class Passage:
    """One exchange between two fresh nodes."""

    def __init__(self, place: Path, folder: Path, n: int, part: int, say: Say) -> None:
        place.mkdir()
        self.n, self.part = n, part
        self._place, self._file = place, generated(folder, n)
        with Relay(place) as relay:
            sender, self._recipient = pair(place, relay.url)
            import_into(sender, [str(self._file)], to=[self._recipient.name])
            self._prepared = self._task("prepare_release", sender, part=part)
            say(f"{n} objects fixed and approved in {self._prepared['seconds']:.1f} s")
            with serving(sender, self._recipient) as running:
                pids = {"sender": running[sender.name].pid, "recipient": running[self._recipient.name].pid}
                with Sampler(pids | {"relay": relay.pid}) as memory:
                    self._done = self._task(
                        "release_and_wait",
                        sender,
                        product=self._prepared["product"],
                        objects=n,
                        give_up_s=GIVE_UP_S,
                    )
        self.peaks = memory.peaks
        self.seconds = float(self._done["seconds"])
        say(f"{n} objects in {self.seconds:.2f} s, receipts {self._done['receipts']}, MB {self.peaks}")

    def _task(self, task: str, sender: Nation, **more: Any) -> dict[str, Any]:
        label = write_label(self._place / "sheet.toml", to=[self._recipient.name])
        given = {
            "home": str(sender.home),
            "kek": str(sender.kek),
            "label": str(label),
            "to": self._recipient.party,
        }
        return run_task(task, given | more).document

    def floor(self) -> Rate:
        """The floor with the rows that the recipient stored."""
        floor = run_task(
            "exchange_floor",
            {
                "home": str(self._recipient.home),
                "kek": str(self._recipient.kek),
                "files": [str(self._file)],
                "part": self.part,
                "first": 1,
                "target": str(self._place / "floor.db"),
            },
        )
        self.settings = msgspec.convert(floor.document["settings"], Settings)
        return Rate(
            rate=self.n / floor.seconds,
            seconds=floor.seconds,
            what="decode, hash, zstd both ways, seal, open, insert",
        )

    def figures(self) -> dict[str, Any]:
        """The single figures of this run."""
        return {
            "objects": self.n,
            "part": self.part,
            "seconds": self.seconds,
            "release_seconds": self._done["release_seconds"],
            "prepare_seconds": self._prepared["seconds"],
            "receipts": self._done["receipts"],
            "peak_anon_mb": self.peaks,
        }
