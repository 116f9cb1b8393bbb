"""Random damage, for as long as one likes: `python -m tests.faults.fuzz --seconds 600 --seed 1` (`make fuzz`).

Envelopes, messages, payloads, releases and imports are damaged at random. `receive` must never raise, an import only a
`SimpulError`; now and then everything that people look at must still work. Prints one line of JSON; exit 1 with the seed
and the round of what failed.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from simpul.errors import SimpulError
from simpul.protocol.labels import to_wire
from simpul.protocol.payloads import Acks, Hello, SightingReport, encode_payload
from simpul.services.auditing import verify_own_log
from simpul.services.importing import import_bundle
from simpul.services.reading import node_status, read_inbox, search
from simpul.services.receiving import receive
from tests.faults.hand import Hand
from tests.faults.nations import (
    NAMES,
    PURPOSE,
    Post,
    World,
    agree,
    bundle,
    found,
    introduce,
    numbered_indicator,
)

INTERESTING = (
    b"\0",
    b"\xff",
    b'"',
    b"{",
    b"}",
    b"[",
    b"]",
    b"\\",
    b"-",
    b"9" * 20,
    b"null",
    b"\xed\xa0\x80",
    b"--",
)


def damaged(data: bytes, chance: random.Random) -> bytes:
    """The bytes with one to four random changes."""
    found = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at, length = chance.randrange(len(found) + 1), chance.choice((1, 1, 2, 8, 64))
        way = chance.randrange(5)
        if way == 0 and found:
            found[at % len(found)] ^= 1 << chance.randrange(8)
        elif way == 1:
            del found[at : at + length]
        elif way == 2:
            found[at:at] = chance.choice(INTERESTING)
        elif way == 3:
            found[at : at + length] = chance.randbytes(length)
        else:
            found[at:at] = found[chance.randrange(len(found) + 1) :][:length]
    return bytes(found)


class Fuzzer:
    """One campaign."""

    def __init__(self, nations: World, chance: random.Random) -> None:
        self.nations = nations
        self.chance = chance
        self.hand = Hand(world=nations, sender="borealia", to="arunika")
        self.outcomes: Counter[str] = Counter()
        self.ways: list[Callable[[], str]] = [
            self.envelope, self.message, self.content, self.object, self.bundle,
        ]  # fmt: skip

    def envelope(self) -> str:
        """Damage outside."""
        whole = self.hand.envelope(self.hand.procedure(Hello(), lane="contact"))
        return receive(self.nations["arunika"], damaged(whole, self.chance)).fate.value

    def message(self) -> str:
        """Damage to the signed statement, by the one who signs it."""
        return self.hand.say(Acks(), raw=lambda data: damaged(data, self.chance)).fate.value

    def content(self) -> str:
        """Damage to a payload, by the one who signs for it."""
        kind = self.chance.choice(("release", "sighting"))
        packed = self.hand.forge([numbered_indicator(1)]).packed()
        length, payload = packed.length, packed.payload
        if kind == "sighting":
            report = SightingReport(purpose=PURPOSE, label=to_wire(self.hand.label()), objects=1)
            payload = encode_payload(report, [json.dumps(numbered_indicator(2)).encode()])
        payload = damaged(payload, self.chance)
        length = length if kind == "release" else len(payload)
        received = self.hand.send(self.hand.content(kind, payload, length=length))
        return f"{kind} {received.problem.partition(':')[0] or 'taken'}"

    def object(self) -> str:
        """Damage to an object inside a release that proves itself."""
        raw = damaged(json.dumps(numbered_indicator(self.chance.randrange(50))).encode(), self.chance)
        received = self.hand.send(self.hand.release(self.hand.forge([raw])))
        return f"object {received.admitted} {received.quarantined} {received.refused}"

    def bundle(self) -> str:
        """Damage to a file that is imported."""
        file = self.nations.folder / "fuzz.json"
        file.write_bytes(damaged(bundle([numbered_indicator(n) for n in range(5)]), self.chance))
        try:
            report = import_bundle(
                self.nations["arunika"], file, label=None, tlp="amber", by="", progress=lambda _: None
            )
        except SimpulError as fault:
            return f"import {fault.code}"
        return f"import refused {report.refused > 0}"

    def check(self) -> None:
        """All that people look at."""
        node = self.nations["arunika"]
        node_status(node)
        read_inbox(node)
        search(node, "", limit=50, after=None)
        report = verify_own_log(node)
        assert report.ok, report.problems


def prepared(folder: Path, stack: ExitStack) -> World:
    found(folder)
    nations = World(folder, Post(), stack)
    nodes = [nations[name] for name in NAMES]
    introduce(nodes, folder)
    nations.settle()
    agree(nodes[0], nodes[1], folder, nations.settle, "arunika-borealia")
    return nations


def run() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    rounds = 0
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        fuzzer = Fuzzer(prepared(Path(folder), stack), random.Random(chosen.seed))  # noqa: S311
        deadline = time.monotonic() + chosen.seconds
        try:
            while time.monotonic() < deadline:
                rounds += 1
                fuzzer.outcomes[fuzzer.chance.choice(fuzzer.ways)()] += 1
                if rounds % 500 == 0:
                    fuzzer.check()
            fuzzer.check()
        except Exception:  # noqa: BLE001 - whatever it is, it is found
            traceback.print_exc()
            print(json.dumps({"ok": False, "seed": chosen.seed, "round": rounds}))  # noqa: T201
            return 1
    print(json.dumps({"ok": True, "seed": chosen.seed, "rounds": rounds, "outcomes": dict(fuzzer.outcomes)}))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(run())
