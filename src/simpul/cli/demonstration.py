"""The main job, driven by the public commands alone: three nations and a blind relay, each a process of its own.

Every step is a `simpul` command with `--json`, run as a person or a script would run it; every figure at the end comes
from such a command. With `keep` the homes stay, and the same commands give the same figures again.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from simpul.errors import InputFault, SimpulError

PHRASE: Final = "a long phrase for a fictional officer"
DRAFTER, APPROVER = "laras", "bima"
COMMAND_SECONDS: Final = 300
WAIT_SECONDS: Final = 120

PURPOSE: Final = "counter-proliferation"


class Nation(Struct, frozen=True, kw_only=True):
    """One nation of the demonstration: where its home and its key-encryption key are."""

    name: str
    country: str
    home: Path
    kek: Path


class DemoFailed(SimpulError):
    """A command of the demonstration failed; the message says which, and what it said."""

    code = "demo-failed"


class Demonstration:
    """One run in one folder. `say` is told what is being done, in words."""

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self._folder = folder
        self._say = say
        self._passphrase = folder / "keys" / "passphrase"
        self._processes: dict[str, subprocess.Popen[str]] = {}
        self.urls: dict[str, str] = {}
        self.nations = tuple(
            Nation(
                name=name,
                country=country,
                home=folder / name.lower(),
                kek=folder / "keys" / f"{name.lower()}.kek",
            )
            for name, country in (("Arunika", "XA"), ("Borealia", "XB"), ("Cendara", "XC"))
        )

    # Commands and processes.

    def run(self, nation: Nation, *words: str, ok: Sequence[int] = (0,)) -> Any:
        """One command at one nation's home; returns its document."""
        return self._command(["--home", str(nation.home), "--kek", str(nation.kek), *words], ok)

    def acting(self, nation: Nation, user: str, *words: str) -> Any:
        """One command for a person."""
        return self.run(nation, *words, "--as", user, "--passphrase-file", str(self._passphrase))

    def _command(self, words: Sequence[str], ok: Sequence[int] = (0,)) -> Any:
        done = subprocess.run(  # noqa: S603 - this very program
            [*_program(), *words, "--json"],
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            stdin=subprocess.DEVNULL,
            env=_environment(),
            check=False,
        )
        if done.returncode not in ok:
            raise DemoFailed(
                f"`simpul {' '.join(words[4:7])} …` ended with {done.returncode}",
                where=(done.stdout or done.stderr)[-2000:],
                do="run the command by hand; with --keep the homes stay",
            )
        return json.loads(done.stdout)

    def start(self, name: str, words: Sequence[str]) -> str:
        """Start a process of that name, whose standard error goes to a file of its own; returns its URL."""
        with self._log(name).open("w") as log:
            process = subprocess.Popen(  # noqa: S603 - this very program
                [*_program(), *words],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                stdin=subprocess.DEVNULL,
                env=_environment(),
            )
        self._processes[name] = process
        line = process.stdout.readline() if process.stdout else ""
        if not line:
            raise DemoFailed(f"{name} did not start", where=self._end_of_log(name))
        url = str(json.loads(line)["url"])
        self.urls[name] = url
        return url

    def stop(self) -> list[int]:
        """End every process by SIGTERM; returns their exit codes, in the order in which they were started."""
        for process in reversed(self._processes.values()):
            process.send_signal(signal.SIGTERM)
        codes = []
        for process in self._processes.values():
            try:
                codes.append(process.wait(timeout=10))
            except subprocess.TimeoutExpired:
                process.kill()
                codes.append(process.wait())
            if process.stdout:
                process.stdout.close()
        self._processes.clear()
        return codes

    def until(self, what: str, ready: Callable[[], Any]) -> Any:
        """Wait until `ready` gives something, which is returned.

        Raises:
            DemoFailed: a process ended, or it took too long; says which, and how its log ends.
        """
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            self._check_processes()
            found = ready()
            if found:
                return found
            time.sleep(0.2)
        raise DemoFailed(
            f"after {WAIT_SECONDS} s there is still no {what}", do="look at the logs in the folder"
        )

    def _check_processes(self) -> None:
        for name, process in self._processes.items():
            code = process.poll()
            if code is not None:
                raise DemoFailed(f"{name} ended by itself with {code}", where=self._end_of_log(name))

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def _end_of_log(self, name: str) -> str:
        return self._log(name).read_text(errors="replace")[-2000:]

    # The story.

    def begin(self) -> None:
        """A relay, three homes, two officers each, cards compared, node processes running."""
        (self._folder / "keys").mkdir(mode=0o700)
        self._passphrase.touch(0o600)
        self._passphrase.write_text(PHRASE + "\n")
        self._say("a relay starts: it will see tags, lengths and times, and nothing else")
        relay = self.start(
            "relay", ["relay", "--listen", "127.0.0.1:0", "--data", str(self._folder / "relay")]
        )
        cards: dict[str, tuple[Path, str]] = {}
        for nation in self.nations:
            self._say(f"{nation.name} makes its node: home, keys, root key, card, two officers")
            root = self._folder / "keys" / f"{nation.name.lower()}.root"
            party = self.run(
                nation,
                "init",
                "--name",
                nation.name,
                "--country",
                nation.country,
                "--root",
                str(root),
                "--relay",
                relay,
            )["party"]
            for user in (DRAFTER, APPROVER):
                self.run(nation, "user", "add", user, "--passphrase-file", str(self._passphrase))
            card = self._folder / "keys" / f"{nation.name.lower()}.card"
            self.run(nation, "card", "show", "--out", str(card))
            cards[nation.name] = (card, party)
        self._say("each nation adds the others' cards, after comparing fingerprints")
        for nation in self.nations:
            for name, (card, party) in cards.items():
                if name != nation.name:
                    self.run(nation, "card", "add", str(card), "--fingerprint", party)
        for nation in self.nations:
            self.start(nation.name.lower(), ["--home", str(nation.home), "--kek", str(nation.kek), "serve"])
        self._say("three nodes run; they give each other keys through the relay")
        for nation in self.nations:
            self.until(
                f"keys at {nation.name}",
                partial(self._may_write, nation),
            )

    def _may_write(self, nation: Nation) -> bool:
        return all(partner["can_write_to"] for partner in self.run(nation, "status")["partners"])

    def agree(self) -> None:
        """Two bilateral agreements, proposed by Arunika and signed by its partners."""
        arunika, borealia, cendara = self.nations
        with _data("agreements") as folder:
            for file in sorted(folder.iterdir()):
                self.acting(arunika, DRAFTER, "agreement", "propose", str(file))
        for nation in (borealia, cendara):
            offered = self.until(f"proposal at {nation.name}", partial(self.run, nation, "agreement", "list"))
            self._say(f"{nation.name} signs agreement {offered[0]['agreement']}")
            self.acting(nation, DRAFTER, "agreement", "sign", offered[0]["agreement"])
        self.until(
            "agreement in force",
            lambda: all(a["state"] == "in-force" for a in self.run(arunika, "agreement", "list")),
        )

    def collect(self, bundle: Path | None) -> None:
        """Arunika imports a catalogue and its own case, and marks both."""
        arunika = self.nations[0]
        with _data("labels") as labels, _catalogue(bundle, self._folder) as catalogue, _data("") as case:
            self._say(f"Arunika imports {'ATT&CK for ICS 18.1' if bundle is None else bundle.name}")
            self._imported(arunika, catalogue, labels / "attack.toml")
            self._say("Arunika imports its case LANTERN TIDE, for nobody until it is marked")
            self._imported(arunika, case / "case.json", labels / "own.toml")
            for step in json.loads((case / "plan.json").read_text()):
                label = case / step["label"]
                marked = self.acting(arunika, DRAFTER, "mark", *step["ids"], "--label", str(label))["marked"]
                self._say(f"Arunika marks {marked} objects by {label.name}")

    def _imported(self, nation: Nation, file: Path, label: Path) -> None:
        """An import; refused objects of a strange bundle do not end the demonstration."""
        words = ["import", str(file), "--label", str(label), "--as", DRAFTER]
        done = self.run(nation, *words, "--passphrase-file", str(self._passphrase), ok=(0, 1))
        self._say(
            f"  {done['read']} read: {done['stored']} stored, {done['known']} known, {done['refused']} refused"
        )

    def release(self) -> str:
        """Draft, preview, approve by a second person, release, and wait until it is in both inboxes."""
        arunika, borealia, cendara = self.nations
        partners = (borealia, cendara)
        with _data("portions.toml") as portions:
            product = self.acting(
                arunika, DRAFTER, "product", "new", "--title", "LANTERN TIDE: situation 3", "--purpose", PURPOSE,
                "--precedence", "flash", "--grade", "B2", "--all", "--portions", str(portions),
            )["product"]  # fmt: skip
        preview = self.run(arunika, "product", "preview", product, "--to", "Borealia", "--to", "Cendara")
        for nation, each in zip(partners, preview["recipients"], strict=True):
            counts = ", ".join(f"{n} {word}" for word, n in each["counts"].items() if n)
            self._say(f"preview for {nation.name}: {counts}")
        to = ["--to", "Borealia", "--to", "Cendara"]
        self._say("a second officer approves, then Arunika releases")
        self.acting(arunika, APPROVER, "product", "approve", product, *to)
        self.acting(arunika, APPROVER, "product", "release", product, *to)
        for nation in partners:
            self.until(f"product at {nation.name}", partial(self._arrived, nation, product))
            self._say(f"it is in {nation.name}'s inbox")
        return str(product)

    def _arrived(self, nation: Nation, product: str) -> Any:
        return next(
            (i for i in self.run(nation, "inbox") if i["product"] == product and i["whole"] is not None), None
        )

    def answer(self, product: str) -> None:
        """Borealia's own sightings meet Arunika's indicators; a sighting and feedback go back."""
        arunika, borealia, _ = self.nations
        with _data("sightings-b.json") as sightings, _data("labels") as labels:
            self._imported(borealia, sightings, labels / "sightings-b.toml")
        matches = self.run(borealia, "status")["matches"]
        self._say(f"Borealia's own observations meet {len(matches)} of Arunika's indicators")
        if matches:
            seen = self.acting(borealia, DRAFTER, "sight", matches[0]["value"])
            self._say(f"Borealia sends a sighting of {matches[0]['value']} to {len(seen['sent'])} party")
        self.acting(
            borealia,
            DRAFTER,
            "feedback",
            product,
            "--rating",
            "useful",
            "--acted",
            "--text",
            "Container held at Kalvik.",
        )
        self.until("feedback at Arunika", lambda: self.run(arunika, "status")["feedback"])
        for nation in self.nations:
            self.run(nation, "sync", "--once")
        self.until("every ack", lambda: all(self._settled(n) for n in self.nations))

    def _settled(self, nation: Nation) -> bool:
        waiting = self.run(nation, "status")
        return not waiting["jobs"] and not waiting["unacknowledged"]

    # The facts.

    def facts(self, product: str) -> dict[str, Any]:
        """What can be checked, from the commands alone."""
        for nation in self.nations:
            self.run(nation, "sync", "--once")
        statuses = {n.name: self.run(n, "status") for n in self.nations}
        logs = {n.name: self.run(n, "log", "verify", ok=(0, 1)) for n in self.nations}
        receipts = [self.run(n, "receipts", ok=(0, 1)) for n in self.nations]
        records = self._command(["relay", "--data", str(self._folder / "relay"), "--records"])
        releases = self._deliveries(product, statuses)
        total, verified = (sum(r[k] for r in receipts) for k in ("total", "verified"))
        leaks = self._leaks()
        document: dict[str, Any] = {
            "nations": [_nation_facts(n, statuses[n.name], logs[n.name]) for n in self.nations],
            "releases": releases,
            "matches": [m for status in statuses.values() for m in status["matches"]],
            "receipts": {"total": total, "verified": verified},
            "relay": {"records": records},
        }
        document["ok"] = bool(
            all(log["ok"] for log in logs.values())
            and total == verified > 0
            and all(r["objects"] > 0 for r in releases)
            and bool(records)
            and not leaks
        )
        for leak in leaks:
            self._say(f"LEAK: {leak}")
        return document

    def _deliveries(self, product: str, statuses: dict[str, Any]) -> list[dict[str, Any]]:
        """What came to each partner, and how long after the approval it was whole there."""
        approved = {
            r["to"]: r
            for r in statuses[self.nations[0].name]["releases"]
            if r["product"] == product and r["state"] == "released"
        }
        found = []
        for nation in self.nations[1:]:
            party = statuses[nation.name]["party"]
            arrived = self._arrived(nation, product)
            delay = _moment(arrived["whole"]) - _moment(approved[party]["approved"])
            found.append(
                {"to": party, "objects": arrived["objects"], "approval_to_inbox_ms": round(delay * 1000, 1)}
            )
        return found

    def _leaks(self) -> list[str]:
        """Canaries of what was withheld, looked for in the others' exports and in every file of the relay."""
        with _data("canaries.json") as file:
            canaries = json.loads(file.read_text())
        relay = b"".join(p.read_bytes() for p in sorted((self._folder / "relay").rglob("*")) if p.is_file())
        found = [f"{c['canary']} at the relay" for c in canaries if c["canary"].encode() in relay]
        texts = {n.name: self._everything(n) for n in self.nations}
        for canary in canaries:
            word = canary["canary"].encode()
            found += [f"{word.decode()} at {name}" for name in canary["kept_from"] if word in texts[name]]
            if word not in texts["Arunika"]:
                found.append(f"{word.decode()} is not at Arunika, so that looking for it proves nothing")
        self._say(f"{len(canaries)} canaries of what was withheld: {len(found)} found where they must not be")
        return found

    def _everything(self, nation: Nation) -> bytes:
        """All that a nation's own officers can read there: every stored byte and every inbox portion."""
        out = self._folder / f"{nation.name.lower()}-export.json"
        self.run(nation, "export", "--out", str(out))
        own = [self.run(nation, "product", "show", p["product"]) for p in self.run(nation, "product", "list")]
        data = out.read_bytes() + json.dumps([self.run(nation, "inbox"), own]).encode()
        out.unlink()
        return data


def _nation_facts(nation: Nation, status: dict[str, Any], log: dict[str, Any]) -> dict[str, Any]:
    counts = {k: status[k] for k in ("imported", "sent", "received", "refused", "withheld")}
    return {
        "party": status["party"],
        "home": str(nation.home),
        "kek": str(nation.kek),
        **counts,
        "log": {k: log[k] for k in ("size", "root", "ok")},
    }


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _program() -> list[str]:
    return [sys.executable, "-m", "simpul"]


def _environment() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith("SIMPUL_")}


@contextmanager
def _data(name: str) -> Iterator[Path]:
    """A file or folder of the demonstration's data, as a path."""
    base = resources.files("simpul.demo_case")
    with resources.as_file(base / name if name else base) as path:
        yield path


@contextmanager
def _catalogue(bundle: Path | None, folder: Path) -> Iterator[Path]:
    if bundle is not None:
        if not bundle.is_file():
            raise InputFault("there is no such file", input="--bundle", where=str(bundle))
        yield bundle
        return
    unpacked = folder / "ics-attack-18.1.json"
    with (
        _data("attack") as attack,
        gzip.open(attack / "ics-attack-18.1.json.gz") as packed,
        unpacked.open("wb") as file,
    ):
        shutil.copyfileobj(packed, file)
    yield unpacked
    unpacked.unlink()


@contextmanager
def folder_for(keep: Path | None) -> Iterator[Path]:
    """The folder of a run: the one to keep, which must be new or empty, or a temporary one."""
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="simpul-demo-") as made:
            yield Path(made)
        return
    if keep.exists() and any(keep.iterdir()):
        raise InputFault("the folder is not empty", input="--keep", where=str(keep), do="name a new folder")
    keep.mkdir(mode=0o700, parents=True, exist_ok=True)
    yield keep.resolve()
