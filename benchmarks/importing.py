"""`import`: the whole way of an import, against its floor and against `stix2`.

ATT&CK ICS and Mobile are imported together, three times into fresh homes, and the medians count; the generated objects
once. Each import and each floor runs in a process of its own.
"""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

import msgspec

from benchmarks import generate
from benchmarks.child import Outcome, run_task
from benchmarks.nodes import Nation, found, write_label
from benchmarks.result import Rate, Result, Settings, at_least, at_most, flat
from simpul.demo_case import path

DEFAULT_N: Final = 100_000
ROUNDS: Final = 3
PEER_MOST: Final = 10_000
MOBILE: Final = Path(__file__).parent / "data" / "attack" / "mobile-attack-17.1.json.gz"
Say = Callable[[str], None]


def run(folder: Path, n: int, part: int, say: Say) -> Result:
    """Measure. `n` is the number of generated objects; the small run for memory has a tenth of them."""
    del part
    attack = [Trial(folder / f"attack-{i}", attack_files(folder), say) for i in range(ROUNDS)]
    small = Trial(folder / "small", [generated(folder, max(n // 10, 1))], say, compare=False)
    large = Trial(folder / "large", [generated(folder, n)], say)
    real_ratio = median(t.seconds / t.floor.seconds for t in attack)
    checks = (
        at_most("ATT&CK: time against floor", real_ratio, 2.0),
        at_least("ATT&CK: rate against stix2", median(t.rate / t.peer.rate for t in attack), 2.0),
        at_most("generated: time against floor", large.seconds / large.floor.seconds, 2.0),
        at_least("generated: rate against stix2", large.rate / large.peer.rate, 4.0),
        flat("generated", small.peak_mb, large.peak_mb),
    )
    return Result(
        name="import",
        n=n,
        seconds=large.seconds,
        rate=large.rate,
        unit="objects/s",
        peak_anon_mb={"import": large.peak_mb, "import of a tenth": small.peak_mb},
        settings=large.settings,
        peers={
            "stix2 on generated": large.peer,
            "stix2 on generated, one by one": large.single,
            "stix2 on ATT&CK": attack[0].peer,
            "stix2 on ATT&CK, one by one": attack[0].single,
        },
        floors={"generated": large.floor, "ATT&CK": attack[0].floor},
        checks=checks,
        met=all(check.met for check in checks),
        runs=tuple(t.figures() for t in (*attack, small, large)),
    )


class Trial:
    """One import into a fresh home and, with `compare`, its floor and its peer right after it."""

    def __init__(self, folder: Path, files: Sequence[Path], say: Say, *, compare: bool = True) -> None:
        nation = found(folder, "Arunika", "XA")
        names = [str(f) for f in files]
        self.outcome = import_into(nation, names)
        self.name, self.seconds, self.peak_mb = folder.name, self.outcome.seconds, self.outcome.peak_mb
        self.objects = int(self.outcome.document["stored"])
        if self.outcome.document["refused"]:
            raise ValueError(
                f"{self.outcome.document['refused']} objects of the benchmark's own input were refused"
            )
        self.rate = self.objects / self.seconds
        say(f"{self.name}: {self.objects} objects in {self.seconds:.2f} s, {self.peak_mb:.0f} MB")
        if compare:
            self._compare(nation, names, say)
        shutil.rmtree(folder)

    def _compare(self, nation: Nation, names: Sequence[str], say: Say) -> None:
        floor = run_task(
            "import_floor",
            {
                "home": str(nation.home),
                "kek": str(nation.kek),
                "files": names,
                "batch": self.outcome.document["batch"],
                "target": str(nation.home.parent / "floor.db"),
            },
        )
        peer = run_task("stix2_parse", {"files": names, "most": PEER_MOST}).document
        self.settings = msgspec.convert(floor.document["settings"], Settings)
        self.floor = Rate(
            rate=self.objects / floor.seconds, seconds=floor.seconds, what="decode, hash, insert"
        )
        self.peer, self.single = (msgspec.convert(peer[kind], Rate) for kind in ("bundle", "single"))
        say(f"{self.name}: floor {floor.seconds:.2f} s, stix2 {self.peer.rate:.0f} objects/s")

    def figures(self) -> dict[str, Any]:
        """The single figures of this run."""
        made: dict[str, Any] = {
            "name": self.name,
            "objects": self.objects,
            "seconds": self.seconds,
            "rate": self.rate,
            "peak_anon_mb": self.peak_mb,
        }
        if hasattr(self, "floor"):
            made |= {"floor_seconds": self.floor.seconds, "stix2_rate": self.peer.rate}
        return made


def import_into(nation: Nation, files: Sequence[str], *, to: Sequence[str] = ()) -> Outcome:
    """Import files into a nation's home in a process of its own, releasable to the parties named."""
    label = write_label(nation.home.parent / "label.toml", to=to)
    return run_task(
        "import_files",
        {"home": str(nation.home), "kek": str(nation.kek), "label": str(label), "files": list(files)},
    )


def attack_files(folder: Path) -> list[Path]:
    """ATT&CK for ICS and for Mobile, unpacked."""
    made = []
    for packed in (path("attack/ics-attack-18.1.json.gz"), MOBILE):
        target = folder / packed.stem
        if not target.exists():
            target.write_bytes(gzip.decompress(packed.read_bytes()))
        made.append(target)
    return made


def generated(folder: Path, count: int) -> Path:
    """A bundle of generated objects."""
    target = folder / f"generated-{count}.json"
    if not target.exists():
        generate.write(target, count)
    return target


def settings_of(nation: Nation) -> Settings:
    """How a nation's database is set up, asked of itself."""
    found = run_task("read_settings", {"home": str(nation.home), "kek": str(nation.kek)}).document
    return msgspec.convert(found, Settings)
