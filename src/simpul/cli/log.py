"""The append-only log: `log show` and `log verify`."""

from __future__ import annotations

from pathlib import Path

import click

from simpul.cli.frame import Call, Group, framed
from simpul.cli.opening import opened
from simpul.cli.output import instant, table


@click.group("log", cls=Group, short_help="Show and verify the append-only log.")
def log() -> None:
    """Show and verify the append-only log: one leaf for each step of procedure, as a salted commitment."""


@log.command("show", short_help="List the leaves with their openings.")
@click.option("--last", type=click.IntRange(1), metavar="N", help="Only the last N.")
@click.option("--dummies", is_flag=True, help="Also the leaves that only pad a checkpoint.")
@framed
def show(call: Call, last: int | None, dummies: bool) -> None:
    """List the leaves with their openings, which only this node has."""
    from simpul.services.auditing import openings

    with opened(call) as node:
        rows = openings(node, last=last, dummies=dummies)
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
