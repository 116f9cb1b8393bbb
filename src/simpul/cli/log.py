"""The append-only log: `log show`, `log verify`, `log evidence` and `log restart`."""

from __future__ import annotations

from pathlib import Path

import click

from simpul.cli.frame import Actor, Call, Group, acting, framed
from simpul.cli.opening import opened, signer
from simpul.cli.output import instant, table


@click.group("log", cls=Group, short_help="Show and verify the append-only log.")
def log() -> None:
    """Show and verify the append-only log: one leaf for each step of procedure, as a salted commitment."""


@log.command("show", short_help="List the leaves with their openings.")
@click.option("--last", type=click.IntRange(1), metavar="N", help="Only the last N.")
@click.option("--dummies", is_flag=True, help="Also the leaves that only pad a checkpoint.")
@click.option("--incarnation", metavar="HEX", help="Of this closed log (or the start of its incarnation).")
@framed
def show(call: Call, last: int | None, dummies: bool, incarnation: str | None) -> None:
    """List the leaves with their openings, which only this node has."""
    from simpul.services.auditing import openings

    with opened(call) as node:
        rows = openings(node, last=last, dummies=dummies, incarnation=incarnation)
    call.output.document(
        [
            {
                "index": r.index,
                "kind": r.kind,
                "at": instant(r.at),
                "leaf": r.entry.hex(),
                "salt": r.salt.hex(),
                "content_salt": r.content_salt.hex(),
                "content": r.content,
            }
            for r in rows
        ],
        human=lambda: table(
            ["leaf", "kind", "at", "what"], [[r.index, r.kind, instant(r.at), r.words] for r in rows]
        ),
    )


@log.command("verify", short_help="Verify the log, or a copy of one in a folder.")
@click.argument("directory", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@click.option("--key", "keys", multiple=True, metavar="VKEY", help="Verifier keys known from elsewhere.")
@framed
def verify(call: Call, directory: Path | None, keys: tuple[str, ...]) -> None:
    """Recompute the tree from its leaves and check root, tiles and both signatures of the newest checkpoint.

    Without DIR also that every opening kept here leads to its leaf. Exit 1 if anything does not hold.
    """
    from simpul.services.auditing import verify_folder, verify_own_log

    if directory is None:
        with opened(call) as node:
            report = verify_own_log(node)
    else:
        report = verify_folder(directory, keys)
    for problem in report.problems:
        call.output.note(problem)
    call.output.finish(
        {"size": report.size, "root": report.root, "leaves_checked": report.leaves_checked, "ok": report.ok},
        ok=report.ok,
    )


@log.command("evidence", short_help="Show what partners contradicted themselves by.")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Write it below this new folder.")
@framed
def evidence(call: Call, out: Path | None) -> None:
    """List what partners contradicted themselves by: two messages under one number, two histories of one log.

    With --out each is written as the raw bytes that were signed, with the signatures, the partner's cards and its log's
    verifier keys, so that a third party can check it without this home.
    """
    from simpul.services.evidence import list_evidence

    with opened(call) as node:
        found = list_evidence(node, out)
    call.output.document(
        [
            {
                "id": e.id.hex(),
                "from": e.party,
                "kind": e.kind,
                "at": instant(e.at),
                "files": list(e.files),
                "out": e.folder or None,
            }
            for e in found
        ],
        human=lambda: (
            table(
                ["from", "kind", "noticed", "written to"],
                [[e.party_name, e.kind, instant(e.at), e.folder] for e in found],
            )
            if found
            else ["no partner has contradicted itself"]
        ),
    )


@log.command("restart", short_help="Begin a new log in a home that was restored from an old copy.")
@acting(required=True)
@framed
def restart(call: Call, actor: Actor) -> None:
    """Close the log of a home that was restored from an old copy, and begin a new one.

    Its first leaf names the highest checkpoints of the old log that are here or that partners gave back. The old
    leaves stay; `log show --incarnation` lists them. Refused where `status` does not say that the home was restored.
    """
    from simpul.services.healing import restart_log

    with opened(call) as node:
        begun = restart_log(node, signer(node, actor))
    for party in begun.unheard:
        call.output.note(f"{party.name} has not answered yet; what it holds is logged when it does")
    call.output.document(
        {
            "incarnation": begun.incarnation,
            "closed": {"origin": begun.closed.origin, "size": begun.closed.size, "root": begun.closed.root},
            "checkpoints": [
                {"origin": each.origin, "size": each.size, "root": each.root} for each in begun.checkpoints
            ],
            "unheard": [party.fingerprint for party in begun.unheard],
        }
    )
