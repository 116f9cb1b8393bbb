"""Make the case's data files again from the story: `python -m simpul.demo_case.build [DIR]`.

    case.json         one object a line, so that a change of the story is a readable diff
    sightings-b.json  Borealia's own
    sanitised.json    what Arunika gives in place of the object that Borealia asks to pass on
    onward.json       {"asked", "rendition", "canary"}: those two, and a word of the second
    plan.json         [{"label": "labels/x.toml", "ids": [...]}], every id of case.json exactly once
    canaries.json     [{"object", "portion", "canary", "kept_from", "why"}]

The narrative's canaries are read from portions.toml, which is written by hand.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from simpul.demo_case import DIRECTORY, path
from simpul.demo_case.borealia import sightings
from simpul.demo_case.case import KEPT_FROM, Canary, Case, StixObject
from simpul.demo_case.ids import named
from simpul.demo_case.sanitised import CANARY, HANDOVER, handover, rendition, sanitised
from simpul.demo_case.signals import signals
from simpul.demo_case.story import cast, open_case, opinions, tie

_WORD = re.compile(r"\bq[a-kmnp-z2-9]{12}\b")
_ORDER = ("cyber", "shared", "technical", "entrusted", "source", "own")


def the_case() -> Case:
    """Arunika's case, whole."""
    case = open_case()
    who = cast(case)
    tie(case, who)
    opinions(case, who)
    signals(case, who)
    handover(case)
    return case


def files() -> dict[str, bytes]:
    """Every generated file by name."""
    case = the_case()
    hashes = next(
        o["hashes"] for o in case.objects.values() if o.get("name") == "shipping-advice-40721.pdf.exe"
    )
    return {
        "case.json": bundle("LANTERN TIDE", case.objects.values()),
        "sightings-b.json": bundle("Borealia sightings", sightings(hashes["SHA-256"]).objects.values()),
        "sanitised.json": bundle("Handover, sanitised", sanitised().objects.values()),
        "onward.json": (json.dumps(onward(case)) + "\n").encode(),
        "plan.json": lines(plan(case)),
        "canaries.json": lines(msgspec.to_builtins([*case.canaries, *narrative()])),
    }


def plan(case: Case) -> list[dict[str, Any]]:
    """Which ids get which label, the most open label first."""
    grades = sorted(set(case.grades.values()), key=_ORDER.index)
    return [
        {"label": f"labels/{grade}.toml", "ids": [i for i, given in case.grades.items() if given == grade]}
        for grade in grades
    ]


def onward(case: Case) -> dict[str, str]:
    """What is asked for, what is given in its place, and the word by which that is looked for."""
    asked = next(id for id, each in case.objects.items() if each.get("name") == HANDOVER)
    return {"asked": asked, "rendition": rendition(), "canary": CANARY}


def narrative() -> list[Canary]:
    """The canaries of portions.toml. A paragraph bears one of the six labels, which says whom it is kept from."""
    graded = [(_toml(f"labels/{grade}.toml"), kept_from) for grade, kept_from in KEPT_FROM.items()]
    return [
        Canary(
            object=f"portion {number}",
            portion="text",
            canary=word,
            kept_from=next(kept_from for label, kept_from in graded if label == portion["label"]),
            why="label",
        )
        for number, portion in enumerate(_toml("portions.toml")["portion"], start=1)
        for word in _WORD.findall(portion["text"])
    ]


def _toml(name: str) -> dict[str, Any]:
    return tomllib.loads(path(name).read_text(encoding="utf-8"))


def bundle(name: str, objects: Iterable[StixObject]) -> bytes:
    """A STIX 2.1 bundle, one object a line."""
    head = f'{{"type": "bundle", "id": "{named("bundle", name)}", "objects": '
    return head.encode() + lines(objects).rstrip() + b"}\n"


def lines(items: Iterable[Any]) -> bytes:
    """A JSON array with one item a line."""
    return ("[\n" + ",\n".join(json.dumps(i, ensure_ascii=False) for i in items) + "\n]\n").encode()


def main(directory: Path) -> None:
    """Write every generated file into `directory`."""
    for name, content in files().items():
        (directory / name).write_bytes(content)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else DIRECTORY)
