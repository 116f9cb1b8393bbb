"""`demo`: three nations and a blind relay on this machine."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simpul.cli.frame import Call, Command, framed
from simpul.cli.output import table

if TYPE_CHECKING:
    from simpul.cli.demonstration import Demonstration
    from simpul.cli.demonstration_sharing import Sharing


@click.command("demo", cls=Command, short_help="Run three nations and a relay on this machine.")
@click.option(
    "--once", is_flag=True, help="End when the job is done; otherwise the nodes stay up until Ctrl-C."
)
@click.option(
    "--bundle", type=click.Path(path_type=Path), metavar="FILE", help="Import this instead of ATT&CK for ICS."
)
@click.option(
    "--keep", type=click.Path(path_type=Path), metavar="DIR", help="Keep the homes in this new folder."
)
@framed
def demo(call: Call, once: bool, bundle: Path | None, keep: Path | None) -> None:
    """Run the main job with fictional nations on loopback: import, mark, preview, approve, release, receive, answer.

    Then one asks consent to pass an object on, is granted a version without its source, and that is recalled.

    It drives the public commands; with --keep each figure can be found again in the homes.
    """
    from simpul.cli.demonstration import Demonstration, folder_for
    from simpul.cli.demonstration_sharing import Sharing

    with folder_for(keep) as folder:
        run = Demonstration(folder, call.output.progress)
        try:
            run.begin()
            run.agree()
            run.collect(bundle)
            product = run.release()
            run.answer(product)
            sharing = Sharing(run)
            sharing.tell()
            facts = run.facts(product, sharing)
            lines = _lines(run, facts, sharing)
            if not once:
                _stay(call, run, lines)
        finally:
            run.stop()
        call.output.finish(facts, human=lambda: lines if once else ["stopped"], ok=facts["ok"])


def _stay(call: Call, run: Demonstration, lines: list[str]) -> None:
    """Show the facts and leave everything up until Ctrl-C or SIGTERM."""
    for line in lines:
        call.output.note(line)
    for name, url in run.urls.items():
        call.output.note(f"{name:<10} {url}")
    call.output.note("the nodes stay up; Ctrl-C ends them")
    # The signal itself is waited for: a lock that a handler takes may be held by the very thread that waits for it.
    ends = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    signal.sigwait(ends)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ends)


def _lines(run: Demonstration, facts: dict[str, Any], sharing: Sharing) -> list[str]:
    names = {row["party"]: nation.name for row, nation in zip(facts["nations"], run.nations, strict=True)}
    rows = [
        [
            names[n["party"]], n["imported"], n["sent"], n["received"], n["refused"],
            sum(w["count"] for w in n["withheld"]), n["log"]["size"], "holds" if n["log"]["ok"] else "BROKEN",
        ]
        for n in facts["nations"]
    ]  # fmt: skip
    reasons = [[names[n["party"]], w["clause"], w["count"]] for n in facts["nations"] for w in n["withheld"]]
    times = [[names[r["to"]], r["objects"], r["approval_to_inbox_ms"]] for r in facts["releases"]]
    matches = [[m["value"], names[m["at"]], names[m["from"]]] for m in facts["matches"]]
    records = facts["relay"]["records"]
    return [
        "",
        *table(["nation", "imported", "sent", "received", "refused", "withheld", "log leaves", "log"], rows),
        "",
        *table(["withheld by", "clause", "objects"], reasons),
        "",
        *table(["released to", "objects", "approval to inbox, ms"], times),
        "",
        *table(["value", "seen at", "indicator of"], matches),
        "",
        *_shared(facts, names, sharing),
        "",
        f"receipts    {facts['receipts']['verified']} of {facts['receipts']['total']} verified",
        f"relay       recorded {len(records)} envelopes, {sum(r['bytes'] for r in records)} bytes; all it knows of each:",
        *table(["tag", "bytes"], [[r["tag"], r["bytes"]] for r in records[:6]]),
        f"            … and {max(0, len(records) - 6)} more",
        f"everything holds: {'yes' if facts['ok'] else 'NO'}",
    ]


def _shared(facts: dict[str, Any], names: dict[str, str], sharing: Sharing) -> list[str]:
    """Consents, recalls, and what was looked at on the way."""
    consents = [
        [
            names[c["from"]], names[c["originator"]], names[c["beneficiary"]], c["leaves"], c["outcome"],
            "a version of its own" if c["rendition"] else "-",
        ]
        for c in facts["consents"]
    ]  # fmt: skip
    recalls = [
        [names[p["party"]], p["state"], p["destroyed"], p["not_held"], _passed_on(p, names)]
        for each in facts["recalls"]
        for p in each["parties"]
    ]
    return [
        *table(["consent asked by", "of", "for", "objects", "answer", "gave instead"], consents),
        "",
        *table(["recalled from", "state", "destroyed", "not held", "had passed it on to"], recalls),
        "",
        *table(
            ["checked on the way", "so"], [[w, "yes" if so else "NO"] for w, so in sharing.checked.items()]
        ),
    ]


def _passed_on(party: dict[str, Any], names: dict[str, str]) -> str:
    said = party["passed_on"] or {"named": [], "others": 0}
    others = [f"{said['others']} not named"] if said["others"] else []
    return ", ".join([*(names[each] for each in said["named"]), *others]) or "-"
