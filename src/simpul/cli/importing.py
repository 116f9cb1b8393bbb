"""What comes in by hand: `import` and `mark`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simpul.cli.frame import Actor, Call, Command, acting, framed
from simpul.cli.opening import opened, signer
from simpul.cli.output import table

if TYPE_CHECKING:
    from simpul.services.importing import ImportReport


@click.command("import", cls=Command, short_help="Import a bundle of objects, each whole or not at all.")
@click.argument("file", metavar="FILE")
@click.option(
    "--label", type=click.Path(path_type=Path), metavar="F.toml", help="The owner's label (docs/reference)."
)
@click.option(
    "--tlp", metavar="T", help="A label of a TLP level alone: it restricts, and releases to nobody."
)
@acting(required=False)
@framed
def import_(call: Call, actor: Actor | None, file: str, label: Path | None, tlp: str | None) -> None:
    """Import a STIX 2.1 or 2.0 bundle, one object, or an array of objects.

    FILE may be '-' for standard input, up to the limit that `simpul config explain` shows. The syntax of the whole
    input is checked first; then each object is stored whole or refused with every fault named. Run it again after
    an interruption: what is there already counts as known. Exit 1 if any object was refused.
    """
    from simpul.services.importing import import_bundle

    if (label is None) == (tlp is None):
        raise click.UsageError("give the label: either --label F.toml or --tlp T")
    source = sys.stdin.buffer if file == "-" else Path(file)
    with opened(call) as node:
        by = signer(node, actor).name if actor else ""
        report = import_bundle(
            node, source, label=label, tlp=tlp, by=by, progress=call.output.counting("objects imported")
        )
    call.output.finish(_document(report), human=lambda: _lines(report), ok=report.refused == 0)


@click.command("mark", cls=Command, short_help="Give objects a label.")
@click.argument("ids", metavar="ID…", nargs=-1)
@click.option("--query", metavar="Q", help="Mark all that fits instead.")
@click.option(
    "--label",
    type=click.Path(path_type=Path),
    required=True,
    metavar="F.toml",
    help="The owner's label (docs/reference).",
)
@acting(required=False)
@framed
def mark(call: Call, actor: Actor | None, ids: tuple[str, ...], query: str | None, label: Path) -> None:
    """Set the owner's label of objects this node originated; markings in their bytes are never undercut.

    An object whose label changes voids every approval that was given for it and not yet released.
    """
    from simpul.services.marking import mark_objects

    if bool(ids) == (query is not None):
        raise click.UsageError("say which objects: either ID… or --query Q")
    with opened(call) as node:
        by = signer(node, actor).name if actor else ""
        marked = mark_objects(node, ids=ids, query=query, label=label, by=by)
    call.output.document({"marked": marked})


def _document(report: ImportReport) -> dict[str, Any]:
    return {
        "read": report.read,
        "stored": report.stored,
        "known": report.known,
        "refused": report.refused,
        "converted": report.converted,
        "faults": [
            {"index": f.index, "id": f.id, "path": f.path, "problem": f.problem} for f in report.faults
        ],
        "losses": [{"index": x.index, "id": x.id, "path": x.path, "lost": x.lost} for x in report.losses],
    }


def _lines(report: ImportReport) -> list[str]:
    counts = f"{report.read} read: {report.stored} stored, {report.known} known, {report.refused} refused"
    lines = [counts + (f", {report.converted} converted" if report.converted else "")]
    if report.faults:
        rows = [[f.index, f.id or "", f.path, f.problem] for f in report.faults]
        lines += ["", *table(["index", "id", "path", "problem"], rows)]
    if report.losses:
        rows = [[x.index, x.id or "", x.path, x.lost] for x in report.losses]
        lines += ["", *table(["index", "id", "path", "lost"], rows)]
    return lines
