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
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from msgspec import Struct

from simpul.errors import InputFault, SimpulError

if TYPE_CHECKING:
    from simpul.cli.demonstration_sharing import Sharing

PHRASE: Final = "a long phrase for a fictional officer"
DRAFTER, APPROVER = "laras", "bima"
COMMAND_SECONDS: Final = 300
WAIT_SECONDS: Final = 120

PURPOSE: Final = "counter-proliferation"

T = TypeVar("T")


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
        self.say = say
        self._passphrase = folder / "keys" / "passphrase"
        self._processes: dict[str, subprocess.Popen[str]] = {}
        self.urls: dict[str, str] = {}
        self.parties: dict[str, str] = {}
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

    def everywhere(self, do: Callable[[Nation], T]) -> list[T]:
        """The same at every nation at once, each at its own home; returns what each gave, in their order."""
        with ThreadPoolExecutor(len(self.nations)) as pool:
            return list(pool.map(do, self.nations))

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
        self.say("a relay starts: it will see tags, lengths and times, and nothing else")
        relay = self.start(
            "relay", ["relay", "--listen", "127.0.0.1:0", "--data", str(self._folder / "relay")]
        )
        self.say("each nation makes its node: home, keys, root key, card, two officers")
        cards = dict(zip(self.nations, self.everywhere(partial(self._set_up, relay=relay)), strict=True))
        self.parties = {nation.name: party for nation, (_, party) in cards.items()}
        self.say("each nation adds the others' cards, after comparing fingerprints")
        self.everywhere(partial(self._add_cards, cards=cards))
        for nation in self.nations:
            self.start(nation.name.lower(), ["--home", str(nation.home), "--kek", str(nation.kek), "serve"])
        self.say("three nodes run; they give each other keys through the relay")
        for nation in self.nations:
            self.until(f"keys at {nation.name}", partial(self._may_write, nation))

    def _set_up(self, nation: Nation, *, relay: str) -> tuple[Path, str]:
        """A home and two officers; returns the card, and the fingerprint to compare it with."""
        keys, name = self._folder / "keys", nation.name.lower()
        party = self.run(
            nation, "init", "--name", nation.name, "--country", nation.country,
            "--root", str(keys / f"{name}.root"), "--relay", relay,
        )["party"]  # fmt: skip
        for user in (DRAFTER, APPROVER):
            self.run(nation, "user", "add", user, "--passphrase-file", str(self._passphrase))
        self.run(nation, "card", "show", "--out", str(keys / f"{name}.card"))
        return keys / f"{name}.card", str(party)

    def _add_cards(self, nation: Nation, *, cards: dict[Nation, tuple[Path, str]]) -> None:
        for other, (card, party) in cards.items():
            if other != nation:
                self.run(nation, "card", "add", str(card), "--fingerprint", party)

    def _may_write(self, nation: Nation) -> bool:
        return all(partner["can_write_to"] for partner in self.run(nation, "status")["partners"])

    def agree(self) -> None:
        """Two bilateral agreements, proposed by Arunika and signed by its partners."""
        arunika, borealia, cendara = self.nations
        with data("agreements") as folder:
            for file in sorted(folder.glob("arunika-*.toml")):
                self.acting(arunika, DRAFTER, "agreement", "propose", str(file))
        for nation in (borealia, cendara):
            offered = self.until(f"proposal at {nation.name}", partial(self.run, nation, "agreement", "list"))
            self.say(f"{nation.name} signs agreement {offered[0]['agreement']}")
            self.acting(nation, DRAFTER, "agreement", "sign", offered[0]["agreement"])
        self.until(
            "agreement in force",
            lambda: all(a["state"] == "in-force" for a in self.run(arunika, "agreement", "list")),
        )

    def collect(self, bundle: Path | None) -> None:
        """Arunika imports a catalogue and its own case, and marks both."""
        arunika = self.nations[0]
        with data("labels") as labels, _catalogue(bundle, self._folder) as catalogue, data("") as case:
            self.say(f"Arunika imports {'ATT&CK for ICS 18.1' if bundle is None else bundle.name}")
            self.imports(arunika, catalogue, labels / "attack.toml")
            self.say("Arunika imports its case LANTERN TIDE, for nobody until it is marked")
            self.imports(arunika, case / "case.json", labels / "own.toml")
            for step in json.loads((case / "plan.json").read_text()):
                label = case / step["label"]
                marked = self.acting(arunika, DRAFTER, "mark", *step["ids"], "--label", str(label))["marked"]
                self.say(f"Arunika marks by {label.name}: {marked}")

    def imports(self, nation: Nation, file: Path, label: Path) -> None:
        """An import; refused objects of a strange bundle do not end the demonstration."""
        words = ["import", str(file), "--label", str(label), "--as", DRAFTER]
        done = self.run(nation, *words, "--passphrase-file", str(self._passphrase), ok=(0, 1))
        self.say(
            f"  {done['read']} read: {done['stored']} stored, {done['known']} known, {done['refused']} refused"
        )

    def release(self) -> str:
        """Draft, preview, approve by a second person, release, and wait until it is in both inboxes."""
        arunika, borealia, cendara = self.nations
        partners = (borealia, cendara)
        with data("portions.toml") as portions:
            product = self.acting(
                arunika, DRAFTER, "product", "new", "--title", "LANTERN TIDE: situation 3", "--purpose", PURPOSE,
                "--precedence", "flash", "--grade", "B2", "--all", "--portions", str(portions),
            )["product"]  # fmt: skip
        preview = self.run(arunika, "product", "preview", product, "--to", "Borealia", "--to", "Cendara")
        for nation, each in zip(partners, preview["recipients"], strict=True):
            counts = ", ".join(f"{n} {word}" for word, n in each["counts"].items() if n)
            self.say(f"preview for {nation.name}: {counts}")
        to = ["--to", "Borealia", "--to", "Cendara"]
        self.say("a second officer approves, then Arunika releases")
        self.acting(arunika, APPROVER, "product", "approve", product, *to)
        self.acting(arunika, APPROVER, "product", "release", product, *to)
        for nation in partners:
            self.until(f"product at {nation.name}", partial(self.arrived, nation, product))
            self.say(f"it is in {nation.name}'s inbox")
        return str(product)

    def arrived(self, nation: Nation, product: str) -> Any:
        """The product in a nation's inbox, or None until it is whole."""
        return next(
            (i for i in self.run(nation, "inbox") if i["product"] == product and i["whole"] is not None), None
        )

    def answer(self, product: str) -> None:
        """Borealia's own sightings meet Arunika's indicators; a sighting and feedback go back."""
        arunika, borealia, _ = self.nations
        with data("sightings-b.json") as sightings, data("labels") as labels:
            self.imports(borealia, sightings, labels / "sightings-b.toml")
        matches = self.run(borealia, "status")["matches"]
        self.say(f"Borealia's own observations meet {len(matches)} of Arunika's indicators")
        if matches:
            seen = self.acting(borealia, DRAFTER, "sight", matches[0]["value"])
            self.say(f"Borealia sends a sighting of {matches[0]['value']} to {len(seen['sent'])} party")
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

    def _settle(self) -> list[dict[str, Any]]:
        """Until nothing waits any more, and every log is closed by a checkpoint; returns each nation's status then."""
        self.everywhere(lambda nation: self.run(nation, "sync", "--once"))
        return list(self.until("every ack", self._settled))

    def _settled(self) -> list[dict[str, Any]] | None:
        statuses = self.everywhere(lambda nation: self.run(nation, "status"))
        return None if any(each["jobs"] or each["unacknowledged"] for each in statuses) else statuses

    # The facts.

    def facts(self, product: str, sharing: Sharing) -> dict[str, Any]:
        """What can be checked, from the commands alone."""
        statuses = self._settle()
        logs = self.everywhere(lambda nation: self.run(nation, "log", "verify", ok=(0, 1)))
        receipts = self.everywhere(lambda nation: self.run(nation, "receipts", ok=(0, 1)))
        records = self._command(["relay", "--data", str(self._folder / "relay"), "--records"])
        releases = self._deliveries(product, statuses[0])
        total, verified = (sum(each[k] for each in receipts) for k in ("total", "verified"))
        document: dict[str, Any] = {
            "nations": [_nation_facts(*each) for each in zip(self.nations, statuses, logs, strict=True)],
            "releases": releases,
            "matches": [m for status in statuses for m in status["matches"]],
            "receipts": {"total": total, "verified": verified},
            "relay": {"records": records},
            **sharing.facts(),
        }
        shared, leaks = sharing.holds(document), self._leaks(sharing)
        document["ok"] = bool(
            all(log["ok"] for log in logs)
            and total == verified > 0
            and all(r["objects"] > 0 for r in releases)
            and bool(records)
            and shared
            and not leaks
        )
        for fault in (*(f"LEAK: {leak}" for leak in leaks), *sharing.faults()):
            self.say(fault)
        return document

    def _deliveries(self, product: str, status: dict[str, Any]) -> list[dict[str, Any]]:
        """What came to each partner, and how long after the approval it was whole there."""
        approved = {
            r["to"]: r for r in status["releases"] if r["product"] == product and r["state"] == "released"
        }
        found = []
        for nation in self.nations[1:]:
            party = self.parties[nation.name]
            arrived = self.arrived(nation, product)
            delay = _moment(arrived["whole"]) - _moment(approved[party]["approved"])
            found.append(
                {"to": party, "objects": arrived["objects"], "approval_to_inbox_ms": round(delay * 1000, 1)}
            )
        return found

    def _leaks(self, sharing: Sharing) -> list[str]:
        """Canaries of what was withheld, or taken back, in the others' exports and in every file of the relay."""
        with data("canaries.json") as file:
            canaries = [*json.loads(file.read_text()), sharing.canary()]
        relay = b"".join(p.read_bytes() for p in sorted((self._folder / "relay").rglob("*")) if p.is_file())
        found = [f"{c['canary']} at the relay" for c in canaries if c["canary"].encode() in relay]
        everything = self.everywhere(self.everything)
        texts = {n.name: text for n, text in zip(self.nations, everything, strict=True)}
        for canary in canaries:
            word = canary["canary"].encode()
            found += [f"{word.decode()} at {name}" for name in canary["kept_from"] if word in texts[name]]
            if word not in texts["Arunika"]:
                found.append(f"{word.decode()} is not at Arunika, so that looking for it proves nothing")
        self.say(
            f"{len(canaries)} canaries of what was withheld or taken back: {len(found)} found where they must not be"
        )
        return found

    def everything(self, nation: Nation) -> bytes:
        """All that a nation's own officers can read there: every stored byte and every inbox portion."""
        out = self._folder / f"{nation.name.lower()}-export.json"
        made = self.run(nation, "export", "--out", str(out))
        own = [self.run(nation, "product", "show", p["product"]) for p in self.run(nation, "product", "list")]
        notice = [Path(made["attribution"])] if made["attribution"] else []
        read = b"".join(file.read_bytes() for file in (out, *notice))
        for file in (out, *notice):
            file.unlink()
        return read + json.dumps([self.run(nation, "inbox"), own]).encode()


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
def data(name: str) -> Iterator[Path]:
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
        data("attack") as attack,
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
